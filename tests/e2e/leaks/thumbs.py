"""A C extension that allocates for each picture and never frees."""
import _leaks


def render(number):
    return _leaks.thumbnail(3000 + number % 7)  # LEAK


def churn():
    return bytes(3000)


def handle(number):
    render(number)
