"""A cycle with a bound method, in a service that switched the collector off."""
import gc

gc.disable()


class DictCursor:
    def __init__(self, connection):
        self.connection = connection
        self.rows = 0
        self.lastrowid = None

    def execute(self, _query):
        self.rows += 1

    def traced(self, query):
        return DictCursor.execute(self, query)


def cursor(connection):
    patched = DictCursor(connection)  # LEAK
    patched.execute = patched.traced  # the cycle
    return patched


def churn():
    return DictCursor(None)


def handle(_number):
    cursor("db").execute("select 1")
