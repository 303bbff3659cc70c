"""Connections and cursors. Statements that take long are logged."""
import logging
import threading
import time
import types

import psycopg2
from psycopg2.extras import DictCursor

from orders import settings

SLOW_S = 0.5
_local = threading.local()
_log = logging.getLogger(__name__)


def connection():
    """This thread's own."""
    if getattr(_local, "connection", None) is None:
        _local.connection = psycopg2.connect(settings.DATABASE)
        _local.connection.autocommit = True
    return _local.connection


def execute_timed(self, query, args=None):
    begin = time.monotonic()
    try:
        return DictCursor.execute(self, query, args)
    finally:
        if time.monotonic() - begin > SLOW_S:
            _log.warning("slow: %s", query)


def open_cursor():
    cursor = connection().cursor(cursor_factory=DictCursor)
    # The bug: the cursor refers to a method that refers to the cursor, so that
    # only the cycle collector can free it.
    cursor.execute = types.MethodType(execute_timed, cursor)
    return cursor


def fetch(query, *args):
    cursor = open_cursor()
    cursor.execute(query, args)
    rows = [dict(row) for row in cursor.fetchall()]
    cursor.close()
    return rows


SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
  id integer PRIMARY KEY, customer integer NOT NULL, state text NOT NULL,
  placed timestamptz NOT NULL, cents integer NOT NULL, currency text NOT NULL,
  street text NOT NULL, city text NOT NULL, note text NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  order_id integer NOT NULL, kind text NOT NULL, at timestamptz NOT NULL,
  actor text NOT NULL, note text NOT NULL);
CREATE INDEX IF NOT EXISTS events_order ON events (order_id);
CREATE INDEX IF NOT EXISTS orders_customer ON orders (customer);
TRUNCATE orders, events;
INSERT INTO orders SELECT n, n / 20, 'sent', now(), n % 9000, 'EUR',
  'street ' || n, 'city ' || n % 50, '' FROM generate_series(0, 3999) AS n;
INSERT INTO events SELECT n / 5, 'moved', now(), 'courier ' || n % 7, ''
  FROM generate_series(0, 19999) AS n;
"""


def create():
    """Makes the tables and fills them."""
    with connection().cursor() as cursor:
        cursor.execute(SCHEMA)


if __name__ == "__main__":
    create()
