"""A missing Py_DECREF in a C extension: objects that nobody refers to stay."""
import _leaks


class Entry:
    def __init__(self, number):
        self.number = number
        self.amount = number * 0.5
        self.booked = False


def book(number):
    entry = Entry(number)  # LEAK
    return _leaks.check(entry)


def churn():
    return Entry(1)


def handle(number):
    book(number)
