#!/usr/bin/env python3
"""Programs whose memory record_programs.py records: healthy ones of the shapes
that verdict_bench makes up (fit_shapes.py says which), and leaks.

    recorded_programs.py NAME        runs one of PROGRAMS until it is ended
"""

import random
import sys
import time

MIB = 1 << 20

FLASK_APP = """
import functools, json, random
import flask
app = flask.Flask(__name__)
PAGE = '<ul>{% for x in rows %}<li>{{ x.name }} {{ x.value }}</li>{% endfor %}</ul>'
LEAKED = []
@app.route('/page/<int:n>')
def page(n):
    rows = [{'name': f'row{i}', 'value': i * n} for i in range(200)]
    return flask.render_template_string(PAGE + '<!-- %d -->' % (n % 60), rows=rows)
@app.route('/json/<int:n>')
def answer(n):
    return json.dumps({'rows': [{'name': f'row{i}', 'value': i * n} for i in range(500)]})
@functools.lru_cache(maxsize=8_000)
def prices(key):
    return [key] * 150
@app.route('/prices/<int:n>')
def look_up(n):
    return json.dumps(sum(prices(n * 4 + i)[0] for i in range(4)))
@app.route('/order/<int:n>')
def order(n):
    body = 'x' * random.randrange(60_000, 300_000)
    try:
        json.loads(body)
    except ValueError as error:
        kept = error  # and its frame, this one, keeps it: until a collection
    return 'ok'
@app.route('/leak/<int:n>')
def leak(n):
    size = min(50000, int(60 / random.random() ** (1 / 1.8)))
    LEAKED.append([str(n * i) for i in range(size)])
    return 'ok'
"""


def pace(seconds, begin=time.monotonic()):
    """Sleeps until so long after the program's start."""
    time.sleep(max(0.0, begin + seconds - time.monotonic()))


# Healthy programs.


def flat():
    rows = [{"id": i, "name": f"row {i}"} for i in range(150_000)]
    for step in range(10**9):
        sum(len(r["name"]) for r in random.sample(rows, 500))
        pace(step * 0.1)


def collected_garbage():
    """Cycles that the oldest generation's collections free now and then."""
    import gc

    class Node:
        def __init__(self, other):
            self.other, self.load = other, bytearray(3000)

    keep = [object() for _ in range(250_000)]
    keep.append([{} for _ in range(60_000)])
    gc.set_threshold(700, 10, 12)
    for step in range(10**9):
        for _ in range(14):
            a = Node(None)
            a.other = Node(a)
        pace(step * 0.05)


def bodies_in_cycles():
    """A request that fails keeps its error, whose frames keep the request and its
    body, until the next collection."""
    import json

    class Request:
        def __init__(self):
            self.body = "x" * random.randrange(60_000, 300_000)
            self.error = None

        def answer(self):
            try:
                json.loads(self.body)
            except ValueError as error:
                self.error = error

    rows = [{"id": i, "name": f"row {i}"} for i in range(150_000)]
    for step in range(10**9):
        Request().answer()
        rows[step % 150_000]["name"] = f"row {step}"
        pace(step * 0.2)


def imports():
    """Imports as a service's first requests make them."""
    names = (
        "email.mime.multipart http.server xml.etree.ElementTree sqlite3 unittest.mock "
        "asyncio multiprocessing.pool concurrent.futures logging.config decimal "
        "xmlrpc.client ctypes.util difflib pydoc distutils.core lib2to3.pygram "
        "idlelib.help turtle flask jinja2 werkzeug.debug prometheus_client"
    ).split()
    for step in range(10**9):
        for name in names[step : step + 1]:
            try:
                __import__(name)
            except Exception:
                pass
        pace(4 * step)


def lru_cache_by_popularity():
    """A bounded cache of what is asked for by a long tail: fills ever slower."""
    import functools

    @functools.lru_cache(maxsize=None)
    def look_up(key):
        return [key] * 200

    for step in range(10**9):
        for _ in range(60):
            look_up(min(30_000, int(random.expovariate(1 / 9000))))
        pace(step * 0.1)


def lru_cache_in_order():
    """A bounded cache of keys that never come twice: fills at an even pace."""
    import functools

    @functools.lru_cache(maxsize=40_000)
    def look_up(key):
        return [key] * 200

    for step in range(10**9):
        for i in range(12):
            look_up(step * 12 + i)
        pace(step * 0.1)


def reload_table():
    """A table that is loaded anew, larger, at a third of the time."""
    table = {i: str(i) * 3 for i in range(200_000)}
    for step in range(10**9):
        if step == 3000:
            table = {i: str(i) * 3 for i in range(420_000)}
        table[step % 200_000] = str(step) * 3
        pace(step * 0.1)


def bursts():
    """Bursts of objects that are all dropped; the pools that they leave stay."""
    keep = []
    for step in range(10**9):
        if random.random() < 1 / 300:
            burst = [{"a": i} for i in range(int(40_000 * random.random()))]
            keep.append(burst[:: max(1, len(burst) // 20)][:20])
            del burst, keep[:-30]
        pace(step * 0.1)


def queue_by_load():
    """Requests that wait: as many as the hour of the day makes."""
    import math

    waiting = []
    for step in range(10**9):
        load = 1 + 0.6 * math.sin(step / 9000 * 2 * math.pi - 1.5)
        want = int(900 * load * random.uniform(0.9, 1.1))
        while len(waiting) < want:
            waiting.append(bytearray(50_000))
        del waiting[want:]
        pace(step * 0.1)


def cache_under_pressure():
    """A cache that is halved once the process has 200 MiB."""
    cache = {}
    for step in range(10**9):
        for i in range(40):
            cache[step * 40 + i] = bytes(2000)
        if step % 10 == 0:
            with open("/proc/self/statm") as f:
                if int(f.read().split()[1]) * 4096 > 200 * MIB:
                    for key in list(cache)[: len(cache) * 6 // 10]:
                        del cache[key]
        pace(step * 0.1)


# Leaks.


def leak_of_records():
    kept = []
    for step in range(10**9):
        kept.append([{"id": i} for i in range(12)])
        pace(step * 0.1)


def leak_on_garbage():
    import gc

    class Node:
        def __init__(self, other):
            self.other, self.load = other, bytearray(3000)

    keep = [object() for _ in range(250_000)]
    gc.set_threshold(700, 10, 12)
    kept = []
    for step in range(10**9):
        for _ in range(14):
            a = Node(None)
            a.other = Node(a)
        kept.append(bytes(3500))
        pace(step * 0.05)
    return keep


def leak_of_cache_without_bound():
    import functools

    @functools.lru_cache(maxsize=None)
    def look_up(key):
        return [key] * 150

    for step in range(10**9):
        for i in range(5):
            look_up((step, i))
        pace(step * 0.1)


PROGRAMS = {
    f.__name__: f
    for f in (
        flat, collected_garbage, bodies_in_cycles, imports, lru_cache_by_popularity,
        lru_cache_in_order, reload_table, bursts, queue_by_load,
        cache_under_pressure, leak_of_records, leak_on_garbage,
        leak_of_cache_without_bound,
    )
}


# Without it what is collected leaves holes that are filled again, and the memory
# of the process does not move: with it, as operators set it, each body is a
# mapping of its own and is given back.
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}
ENVIRONMENTS = {"bodies_in_cycles": GIVEN_BACK, "flask_with_cache": GIVEN_BACK}


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
