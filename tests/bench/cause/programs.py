#!/usr/bin/env python3
"""Programs with real libraries whose growth has one known cause.

    programs.py NAME        runs one of PROGRAMS until it is ended

What grows does so at an even pace up to PROGRAMS_CAP_MIB of anonymous memory and
then rests, so that no kill ends it. Causes are by what the product calls them:
"native" is what is outside of Python's objects and their own buffers, whoever
holds it.
"""
import os
import random
import sys
import time

MIB = 1 << 20
CAP_BYTES = int(os.environ.get("PROGRAMS_CAP_MIB", "200")) * MIB


def anon_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        words = file.read().split()
    return (int(words[1]) - int(words[2])) * 4096


def at_pace(per_s, work):
    """Calls work(number) so many times a second, up to the cap."""
    begin, number = time.monotonic(), 0
    while True:
        if number % max(1, int(per_s)) == 0:
            while anon_bytes() > CAP_BYTES:
                time.sleep(1)
                begin += 1
        work(number)
        number += 1
        time.sleep(max(0.0, begin + number / per_s - time.monotonic()))


def flask_requests():
    """An audit list that keeps each request object, with its parsed body."""
    import flask
    app = flask.Flask("shop")
    audit = []

    @app.route("/orders", methods=["POST"])
    def order():
        lines = flask.request.get_json()
        audit.append(flask.request._get_current_object())
        return flask.jsonify(lines=len(lines))

    client = app.test_client()
    at_pace(20, lambda n: client.post("/orders", json=[
        {"item": f"item {n} {i}", "price": n + i / 7} for i in range(30)]))


def yaml_documents():
    """lru_cache without a bound, of parsed documents."""
    import functools

    import yaml

    @functools.lru_cache(maxsize=None)
    def settings(tenant):
        rows = (f"- {{name: rule{i}, of: tenant{tenant}, limit: {i * tenant}}}"
                for i in range(40))
        return yaml.load("\n".join(rows), Loader=yaml.CSafeLoader)

    at_pace(20, settings)


def pillow_film():
    """One BytesIO to which each picture is saved and which nobody cuts."""
    import io

    import PIL.Image
    film = io.BytesIO()
    pictures = [PIL.Image.frombytes("RGB", (80, 60), os.urandom(80 * 60 * 3))
                for _ in range(20)]
    at_pace(40, lambda n: pictures[n % 20].save(film, "JPEG"))


def jinja_without_collector():
    """A template compiled for each request is a cycle; the collector is off."""
    import gc

    import jinja2
    environment = jinja2.Environment(autoescape=True)
    page = "<ul>{% for x in rows %}<li>{{ x }}, {{ n }}</li>{% endfor %}</ul>"
    gc.disable()

    def request(number):
        template = environment.from_string(page * 3 + f"<!-- {number} -->")
        template.render(rows=range(20), n=number)

    at_pace(20, request)


def minidom_without_threshold():
    """Documents are cycles; gc.set_threshold(0) stops the collector, not
    gc.disable()."""
    import gc
    import xml.dom.minidom
    gc.set_threshold(0)
    text = "<order>" + "".join(f"<item id='{i}'>{i}</item>" for i in range(30))
    at_pace(9, lambda n: xml.dom.minidom.parseString(text + "</order>"))


def documents(number_of):
    """parse(number): a minidom document, which is a cycle; the last so many are
    kept, so that each has grown old when it is dropped."""
    import collections
    import xml.dom.minidom
    text = "<order>" + "".join(f"<item id='{i}'>{i}</item>" for i in range(30))
    kept = collections.deque(maxlen=number_of)

    def parse(_number):
        kept.append(xml.dom.minidom.parseString(text + "</order>"))
    return parse


def minidom_that_grows_old():
    """The youngest generations are collected, the oldest one never is."""
    import gc
    gc.set_threshold(700, 10, 1_000_000)
    at_pace(9, documents(200))


def minidom_that_is_frozen():
    """gc.freeze() each two seconds, as if before a fork; on 3.11 nothing else
    hides documents that are dropped."""
    import gc
    parse = documents(200)

    def request(number):
        parse(number)
        if number % 18 == 0:
            gc.freeze()

    at_pace(9, request)


def orders_of_a_frozen_server():
    """What was loaded is frozen once, and the collector does what it can: the
    orders that grow are held."""
    import gc
    import xml.dom.minidom
    loaded = [{"name": str(i), "of": []} for i in range(20_000)]
    gc.freeze()
    orders = []
    text = "<order>" + "".join(f"<item id='{i}'>{i}</item>" for i in range(30))

    def request(number):
        xml.dom.minidom.parseString(text + "</order>")  # a cycle, that is freed
        loaded[number % 20_000]["name"] = str(number)
        orders.extend({"number": number, "line": [i]} for i in range(80))

    at_pace(9, request)


def sqlite_in_memory():
    """A log in an SQLite database in memory, never pruned."""
    import sqlite3
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("create table log (number integer primary key, line text)")
    database.execute("create index by_line on log (line)")
    at_pace(500, lambda n: database.execute(
        "insert into log (line) values (?)", (f"{n * 7919 % 100003}" * 40,)))


def numpy_frames():
    """Arrays that are kept; their numbers are malloc's."""
    import numpy
    numpy.random.seed(7)
    frames = []
    at_pace(20, lambda n: frames.append(numpy.random.rand(2000)))


def csv_of_ever_longer_fields():
    """Survivors, one of 25, pin pools of a size class that no later record has:
    fields get longer the longer it runs."""
    import csv
    index = []

    def batch(number):
        # Of a class of 16 bytes: a third, two thirds, all of 3 MiB.
        length = 8 + 16 * (number // 3)
        rows = (1 + number % 3) * MIB // (49 + length)
        lines = (f"{i:06}{'x' * (length - 6)}" for i in range(rows))
        fields = [row[0] for row in csv.reader(lines)]
        index.extend(fields[::25])

    at_pace(1 / 6.5, batch)


def csv_reports():
    """Reports of very different sizes, dropped when they are sent, so that few
    need far more than the others; a sample of each of the last stays."""
    import collections
    import csv
    draw = random.Random(7)
    kept = collections.deque(maxlen=30)
    while True:
        size = int(min(200_000, 8000 * draw.paretovariate(1)))
        lines = (f"{i},name {i},{i * 3},{i % 7}" for i in range(size))
        report = list(csv.DictReader(lines, ("id", "name", "sum", "kind")))
        time.sleep(3)
        kept.append(report[::200])
        del report
        time.sleep(5)


def cachetools_fill():
    """A cache with a bound that keys which never come twice fill in minutes."""
    import cachetools
    cache = cachetools.LRUCache(maxsize=60_000)

    def look_up(number):
        cache[number] = [number] * 100

    at_pace(350, look_up)


def asyncio_by_load():
    """Callers who wait, as many as the time of the day makes; counted as a
    service counts its requests."""
    import asyncio
    import math

    import prometheus_client
    requests = prometheus_client.Counter("app_requests", "Requests")

    async def answer():
        body = bytearray(40_000)
        await asyncio.sleep(random.expovariate(1 / 10))
        return body

    async def serve():
        begin, tasks = time.monotonic(), set()
        while True:
            wave = math.sin((time.monotonic() - begin) / 200 * 2 * math.pi - 1.6)
            for _ in range(int(15 * (1 + 0.7 * wave) + random.random())):
                task = asyncio.create_task(answer())
                requests.inc()
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.1)

    asyncio.run(serve())


def numpy_with_rows():
    """Forecasts that are kept: half are rows of Python objects, half arrays."""
    import numpy
    numpy.random.seed(7)
    kept = []

    def forecast(number):
        numbers = numpy.random.rand(800)
        rows = [{"hour": h, "value": float(numbers[h])} for h in range(22)]
        kept.append((rows, numbers))

    at_pace(25, forecast)


class Program:
    """What is run, what is true of it, and in how much room."""

    def __init__(self, run, truth, limit_mib, rests_at=0.97):
        self.run = run
        self.truth = truth
        self.limit_mib = limit_mib
        self.cap_mib = int(limit_mib * rests_at)


# "none" is healthy, and so is high-water: no page and no ticket is right.
PROGRAMS = {program.run.__name__: program for program in (
    Program(flask_requests, "python-object", 173),
    Program(yaml_documents, "python-object", 258),
    Program(pillow_film, "python-object", 95),
    Program(jinja_without_collector, "unreachable", 64),
    Program(minidom_without_threshold, "unreachable", 210),
    Program(minidom_that_grows_old, "unreachable", 210),
    Program(minidom_that_is_frozen, "unreachable", 210),
    Program(orders_of_a_frozen_server, "python-object", 150),
    Program(sqlite_in_memory, "native", 151),
    Program(numpy_frames, "native", 201),
    Program(csv_of_ever_longer_fields, "fragmentation", 86, rests_at=0.93),
    Program(csv_reports, "high-water", 160),
    Program(numpy_with_rows, "mixed", 187),
    Program(cachetools_fill, "none", 150),
    Program(asyncio_by_load, "none", 160),
)}


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]].run()
