"""Where each request spends its time, for the team's weekly look at slow pages."""
import cProfile

from flask import g


class RequestProfiler:
    """Profiles the requests of one application."""

    # The bug: an attribute of the class, not of the instance. Nobody ever
    # empties it, and every worker has its own.
    rows = []

    def __init__(self, app):
        app.before_request(self.begin)
        app.teardown_request(self.end)

    def begin(self):
        g.profile = cProfile.Profile()
        g.profile.enable()

    def end(self, _error):
        profile = g.pop("profile", None)
        if profile is None:
            return
        profile.disable()
        for caller in profile.getstats():
            for callee in caller.calls or ():
                self.rows.append((line_of(caller), line_of(callee),
                                  nanoseconds(callee.totaltime)))

    def slowest(self, count):
        return sorted(self.rows, key=lambda row: row[2], reverse=True)[:count]


def line_of(entry):
    """The first line of a function, 0 for one that is written in C."""
    return getattr(entry.code, "co_firstlineno", 0)


def nanoseconds(seconds):
    return int(seconds * 1e9)
