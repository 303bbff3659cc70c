"""Orders and what became of them, from PostgreSQL (see examples/README.md)."""
