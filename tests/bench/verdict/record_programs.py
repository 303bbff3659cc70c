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

from recorded_programs import ENVIRONMENTS, FLASK_APP, PROGRAMS

HERE = pathlib.Path(__file__).parent


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


def environment(name):
    return {**os.environ, **ENVIRONMENTS.get(name, {})}


def record_program(name, seconds, out):
    child = subprocess.Popen([sys.executable, HERE / "recorded_programs.py", name],
                             env=environment(name))
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
        cwd=folder, env=environment(name), stderr=subprocess.DEVNULL,
        start_new_session=True,
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
    "flask_with_cache": (["page", "prices", "order"], 24),
    "flask_that_leaks": (["page", "json", "leak"], 6),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--split", help="memory_split, to tell what is in use")
    args = parser.parse_args()
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
