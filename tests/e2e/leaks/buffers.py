"""A thread-local of a pool's threads, which live as long as the process."""
import concurrent.futures
import threading

_pool = concurrent.futures.ThreadPoolExecutor(4)
_local = threading.local()


class Buffer:
    def __init__(self, size):
        self.size = size
        self.used = 0
        self.owner = threading.get_ident()


def work(size):
    if not hasattr(_local, "buffers"):
        _local.buffers = []
    buffer = Buffer(size)  # LEAK
    _local.buffers.append(buffer)
    buffer.used = size


def churn():
    return Buffer(1)


def handle(number):
    _pool.submit(work, number).result()
