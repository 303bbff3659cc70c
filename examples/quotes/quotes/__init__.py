"""Prices trips. Healthy: a cache that fills once, and batches (examples/README.md)."""
