"""A class attribute: every request appends to a list that is shared by all."""
import time


class Sample:
    __slots__ = ("path", "began", "took")

    def __init__(self, path, began):
        self.path = path
        self.began = began
        self.took = time.monotonic() - began


class Profiler:
    samples = []

    def record(self, path, began):
        sample = Sample(path, began)  # LEAK
        self.samples.append(sample)


def churn():
    return Sample("/", 0.0)


def handle(_number):
    began = time.monotonic()
    Profiler().record("/quote", began)
