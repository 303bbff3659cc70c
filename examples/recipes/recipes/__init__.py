"""Recipes by number; every request is profiled (see examples/README.md)."""
