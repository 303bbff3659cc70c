#!/usr/bin/env python3
"""Records what real Python programs do to their anonymous memory, once a second.

    record_programs.py OUT_DIRECTORY [--seconds 900] [--split PROGRAM] [NAME...]

Each program runs as a process of its own and is looked at from outside
(RssAnon of /proc/PID/status). OUT/NAME.csv has "second,KiB" a line. The programs
are healthy ones of the shapes that verdict_bench makes up, and leaks. Time is
compressed: a program does in a second what a service does in a minute or so.

With --split build/release/bin/memory_split (root) a census of each program is
taken every ten seconds, and the lines after it have a third figure: what of the
KiB at that moment was in use, that is not free in an allocator.
"""

import argparse
import http.client
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

MIB = 1 << 20

FLASK_APP = """
import flask, json, random
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
        flat, collected_garbage, imports, lru_cache_by_popularity,
        lru_cache_in_order, reload_table, bursts, queue_by_load,
        cache_under_pressure, leak_of_records, leak_on_garbage,
        leak_of_cache_without_bound,
    )
}


def anon_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    raise OSError("no RssAnon")


class Censuses(threading.Thread):
    """What is in use of each process that is recorded, every ten seconds."""

    def __init__(self, program):
        super().__init__(daemon=True)
        self.program = program
        self.free = {}  # pid: KiB that are free in its allocators, once each
        self.pids = set()

    def run(self):
        begin = time.monotonic()
        for look in range(10**6):
            time.sleep(max(0.0, begin + 10 * look - time.monotonic()))
            pids = sorted(self.pids)
            if not pids:
                continue
            done = subprocess.run(
                ["nice", "-n", "19", self.program, *map(str, pids)],
                capture_output=True, text=True, check=False,
            )
            for line in done.stdout.splitlines()[1:]:
                # pid, RssAnon, live, free, objects, native, free: MB
                words = line.split()
                free_mb = float(words[3]) + float(words[6])
                self.free[int(words[0])] = (free_mb * 1e6 / 1024, float(words[1]))


CENSUSES = None


def record(pid, seconds, path):
    begin = time.monotonic()
    if CENSUSES:
        CENSUSES.pids.add(pid)
    with open(path, "w") as out:
        for second in range(seconds):
            time.sleep(max(0.0, begin + second - time.monotonic()))
            try:
                kib = anon_kib(pid)
            except OSError:
                break
            line = f"{second},{kib}"
            census = CENSUSES and CENSUSES.free.pop(pid, None)
            if census:
                free_kib, anon_mb = census
                line += f",{max(0, round(anon_mb * 1e6 / 1024 - free_kib))}"
            out.write(line + "\n")
    if CENSUSES:
        CENSUSES.pids.discard(pid)


def record_program(name, seconds, out):
    child = subprocess.Popen([sys.executable, __file__, "--be", name])
    record(child.pid, seconds, out / f"{name}.csv")
    child.kill()
    child.wait()


def flask_under_gunicorn(name, paths, per_s, seconds, out):
    """One worker of four threads; the worker is recorded."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    folder = out / f".{name}"
    folder.mkdir(exist_ok=True)
    (folder / "service.py").write_text(FLASK_APP)
    master = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--threads", "4",
         "service:app"],
        cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        children = pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children")
        deadline = time.monotonic() + 60
        while not children.read_text().split():
            if time.monotonic() > deadline:
                raise TimeoutError("no worker of gunicorn")
            time.sleep(0.1)
        worker = int(children.read_text().split()[0])
        stop = threading.Event()

        def load():
            n = 0
            while not stop.wait(random.expovariate(per_s)):
                n += 1
                try:
                    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    client.request("GET", f"/{random.choice(paths)}/{n}")
                    client.getresponse().read()
                    client.close()
                except OSError:
                    pass

        threading.Thread(target=load, daemon=True).start()
        record(worker, seconds, out / f"{name}.csv")
        stop.set()
    finally:
        os.killpg(master.pid, signal.SIGKILL)
        master.wait()
        (folder / "service.py").unlink()
        for extra in sorted(folder.rglob("*"), reverse=True):
            extra.rmdir() if extra.is_dir() else extra.unlink()
        folder.rmdir()


SERVICES = {
    "flask_under_gunicorn": (["page", "json"], 6),
    "flask_that_leaks": (["page", "json", "leak"], 6),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path, nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--split", help="memory_split, to tell what is in use")
    parser.add_argument("--be", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.be:
        PROGRAMS[args.be]()
        return
    if args.out is None:
        parser.error("name a directory")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.split:
        global CENSUSES
        CENSUSES = Censuses(args.split)
        CENSUSES.start()
    names = args.names or [*PROGRAMS, *SERVICES]
    threads = []
    for name in names:
        if name in SERVICES:
            paths, per_s = SERVICES[name]
            work = (flask_under_gunicorn, (name, paths, per_s, args.seconds, args.out))
        else:
            work = (record_program, (name, args.seconds, args.out))
        threads.append(threading.Thread(target=work[0], args=work[1]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
