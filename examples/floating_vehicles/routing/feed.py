"""The providers' feed: which vehicles stand where. Made up, but always the same.

A row is shared by every request that reads it; what a request makes of a row is
a routing.vehicles.FloatingVehicle.
"""
import random
from functools import lru_cache

CITIES = ("singapore", "jakarta", "sydney", "paris", "lyon", "madrid")
PROVIDERS = ("driveby", "hopon", "kickr", "velora")
KINDS = ("car", "bike", "scooter")
# The dense centre, and quarters with few vehicles.
ZONE_SIZES = {"centre": 10_000, "north": 300, "south": 250, "airport": 150}
# A vehicle that its provider took out of service after the feed was cut.
WITHDRAWN = {("singapore", "centre"): 37}


class Row:
    """One line of the feed."""

    __slots__ = ("id", "provider", "kind", "fuel", "seats", "lat", "lon",
                 "heading", "price_class", "plate", "state")

    def __init__(self, number, city, rng, withdrawn):
        self.id = f"{city}-{number}"
        self.provider = rng.choice(PROVIDERS)
        self.kind = rng.choice(KINDS)
        self.fuel = rng.randrange(5, 101)
        self.seats = rng.randrange(1, 6)
        self.lat = rng.uniform(-0.2, 0.2)
        self.lon = rng.uniform(-0.2, 0.2)
        self.heading = rng.randrange(0, 256)
        self.price_class = rng.choice("ABCD")
        self.plate = f"{city[:2].upper()}{number:05d}"
        self.state = "withdrawn" if withdrawn else "free"


@lru_cache(maxsize=None)
def rows(city, zone):
    """All rows of one zone, in the feed's order."""
    rng = random.Random(f"{city}/{zone}")
    withdrawn = WITHDRAWN.get((city, zone))
    return [Row(n, city, rng, n == withdrawn) for n in range(ZONE_SIZES[zone])]


def warm_up():
    """Reads the whole feed once, before the first request."""
    for city in CITIES:
        for zone in ZONE_SIZES:
            rows(city, zone)
