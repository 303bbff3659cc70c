"""Quotes wait here until enough of them are there to be written: the sawtooth."""
import threading

BATCH = 45_000
# The map that goes with some quotes; malloc gives such a size back when it is freed.
MAP_BYTES = 160 * 1024


class Quote:
    """What one traveller was offered."""

    __slots__ = ("pair", "step", "cents", "currency", "note", "map")

    def __init__(self, pair, step, cents):
        self.pair = pair
        self.step = step
        self.cents = cents
        self.currency = "EUR"
        self.note = f"pair {pair} step {step}"
        self.map = None

    def draw_map(self):
        self.map = b"\x2a" * MAP_BYTES


_lock = threading.Lock()
_batch = []
written = 0


def record(quotes):
    """Keeps quotes, and writes all of them when the batch is full."""
    global _batch, written
    with _lock:
        _batch.extend(quotes)
        if len(_batch) < BATCH:
            return
        full, _batch = _batch, []
    written += len(full)  # A real service would send `full` to its database.
