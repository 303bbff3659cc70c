"""The rivals that run inside the process they measure, switched on and off.

Each is what its own manual tells to run; `start` returns what ends it again.
"""
import os
import tempfile


def _tracemalloc(frames):
    import tracemalloc
    tracemalloc.start(frames)
    return tracemalloc.stop


def _memray():
    import memray
    directory = tempfile.TemporaryDirectory()
    tracker = memray.Tracker(os.path.join(directory.name, "out.bin"))
    tracker.__enter__()

    def stop():
        tracker.__exit__(None, None, None)
        directory.cleanup()
    return stop


def start(name):
    if name == "tracemalloc":
        return _tracemalloc(1)
    if name == "tracemalloc-25":
        return _tracemalloc(25)
    if name == "memray":
        return _memray()
    raise ValueError("no such rival: " + name)


def call(name):
    """One look at the heap, by a tool that costs nothing until it is called."""
    if name == "objgraph":
        import io
        import objgraph
        objgraph.show_growth(limit=20, file=io.StringIO())
    elif name == "gc.collect":
        import gc
        gc.collect()
    else:
        raise ValueError("no such rival: " + name)
