"""Opens the pools that look vehicles up, and closes them at shutdown."""
import atexit
import threading
from multiprocessing.dummy import Pool

from routing import settings

# Every open pool, so that shutdown can close what a request left open.
OPEN = set()
_lock = threading.Lock()


def open_pool():
    pool = Pool(settings.LOOKUPS)
    if settings.POOLS == "registered":
        with _lock:
            OPEN.add(pool)
    return pool


def close_pool(pool):
    pool.close()
    with _lock:
        OPEN.discard(pool)


@atexit.register
def close_all():
    with _lock:
        pools = list(OPEN)
        OPEN.clear()
    for pool in pools:
        pool.close()
