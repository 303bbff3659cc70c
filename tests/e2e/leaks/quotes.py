"""An unbounded lru_cache whose key never comes twice."""
import functools


class Quote:
    def __init__(self, number):
        self.number = number
        self.price = number * 0.25
        self.legs = None
        self.currency = "SGD"


@functools.lru_cache(maxsize=None)
def quote(number):
    return Quote(number)  # LEAK


def churn():
    return Quote(1)


def handle(number):
    quote(number)
