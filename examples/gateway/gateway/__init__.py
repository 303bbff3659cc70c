"""Hands requests on to whoever answers them (see examples/README.md)."""
