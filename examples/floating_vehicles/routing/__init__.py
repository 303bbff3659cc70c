"""Finds shared cars, bikes and scooters near a traveller (see examples/README.md)."""
