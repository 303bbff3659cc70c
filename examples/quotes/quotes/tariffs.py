"""Tariff tables, made once per zone pair and then kept: the warm-up cache."""
from functools import lru_cache

# A bounded key set: the cache grows for some minutes after a start, then never.
ZONE_PAIRS = 800
STEPS = 800


class Tariff:
    """The price of a trip by its length, for one pair of zones."""

    __slots__ = ("pair", "cents_by_step")

    def __init__(self, pair):
        self.pair = pair
        self.cents_by_step = [257 + pair * 3 + step for step in range(STEPS)]


@lru_cache(maxsize=ZONE_PAIRS)
def tariff(pair):
    return Tariff(pair)
