"""A module global: sessions are filed under a key that no one looks up again."""
import itertools

ACTIVE = {}
_numbers = itertools.count()


class Session:
    def __init__(self, number, user):
        self.number = number
        self.user = user
        self.hits = 0


def open_session(user):
    session = Session(next(_numbers), user)  # LEAK
    ACTIVE[session.number] = session
    return session


def churn():
    return Session(0, None)


def handle(number):
    open_session(number % 7).hits += 1
