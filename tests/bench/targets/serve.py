"""The loop that the bench targets share.

Reads one command a line on stdin and answers each with one line of JSON:

  run SECONDS [CALL]   requests done, CPU nanoseconds of all threads for them, the
                       99th percentile of a request's wall time, and how fast the
                       machine was meanwhile (Yardstick); CALL is one look of a
                       rival (rivals.call), made in the middle
  beat SECONDS [CALL]  the same while a thread wakes every millisecond and keeps
                       the longest gap between two wakes
  start RIVAL, stop    switches a rival inside this process on, off
  fill OBJECTS         keeps that many objects more, as a service's state would be
  leak EVERY           keeps an object each EVERY requests from now on; 0: none
"""
import json
import sys
import threading
import time
import zlib

import rivals


class Heartbeat(threading.Thread):
    """Wakes each millisecond and keeps the longest gap between two wakes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.max_gap_ns = 0
        self.running = True

    def run(self):
        last = time.monotonic_ns()
        while self.running:
            time.sleep(0.001)
            now = time.monotonic_ns()
            self.max_gap_ns = max(self.max_gap_ns, now - last)
            last = now


class Yardstick:
    """How fast the machine is just now, by work that is always the same.

    Neighbours on the host take up to a third of a core's speed for seconds at a
    time, and CPU time does not show it. This work slows with them as the handlers
    do; it makes no object, calls no probed function and copies no memory, so that
    nothing which watches the target slows it. It takes some 5 % of the time.
    """

    TEXT = bytes(range(256)) * 20
    WORDS = ["word%d" % i for i in range(100)]
    KNOWN = set(WORDS)

    def __init__(self):
        self.pieces = 0
        self.cpu_ns = 0

    def measure(self, share_of_ns):
        """About a twentieth of share_of_ns, at least one piece."""
        begin = now = time.thread_time_ns()
        while True:
            zlib.crc32(self.TEXT)
            found = 0
            for word in self.WORDS:
                if word in self.KNOWN:
                    found += 1
            self.pieces += 1
            now = time.thread_time_ns()
            if (now - begin) * 20 >= share_of_ns:
                break
        self.cpu_ns += now - begin


class Session:
    """What is kept for the leak, as a plain instance with a dict and a list."""

    def __init__(self, number):
        self.number = number
        self.seen = [number]


class Server:
    def __init__(self, handle):
        self.handle = handle
        self.done = 0
        self.leak_every = 0
        self.kept = []
        self.stop_rival = None

    def run(self, seconds, in_the_middle=None):
        times_ns = []
        yardstick = Yardstick()
        begin_cpu = time.process_time_ns()
        now = time.monotonic_ns()
        end = now + int(seconds * 1e9)
        middle = now + int(seconds * 5e8)
        call_ns = None
        while now < end:
            batch_begin = now
            for _ in range(10):
                begin = now
                self.handle(self.done)
                self.done += 1
                if self.leak_every and self.done % self.leak_every == 0:
                    self.kept.append(Session(self.done))
                now = time.monotonic_ns()
                times_ns.append(now - begin)
            if in_the_middle and now > middle:
                begin = now
                rivals.call(in_the_middle)
                now = time.monotonic_ns()
                call_ns, in_the_middle = now - begin, None
            yardstick.measure(now - batch_begin)
            now = time.monotonic_ns()
        cpu_ns = time.process_time_ns() - begin_cpu - yardstick.cpu_ns
        times_ns.sort()
        return {"requests": len(times_ns), "cpu_ns": cpu_ns, "call_ns": call_ns,
                "yardsticks_per_s": yardstick.pieces / (yardstick.cpu_ns / 1e9),
                "p99_ns": times_ns[int(len(times_ns) * 0.99)]}

    def beat(self, seconds, in_the_middle=None):
        heartbeat = Heartbeat()
        heartbeat.start()
        answer = self.run(seconds, in_the_middle)
        heartbeat.running = False
        heartbeat.join()
        answer["max_gap_ns"] = heartbeat.max_gap_ns
        return answer

    def obey(self, words):
        if words[0] == "run":
            return self.run(float(words[1]), *words[2:])
        if words[0] == "beat":
            return self.beat(float(words[1]), *words[2:])
        if words[0] == "fill":
            self.kept.extend(Session(i) for i in range(int(words[1])))
        elif words[0] == "leak":
            self.leak_every = int(words[1])
        elif words[0] == "start":
            try:
                self.stop_rival = rivals.start(words[1])
            except ImportError as error:
                return {"missing": str(error)}
        elif words[0] == "stop":
            self.stop_rival()
        else:
            raise ValueError("unknown command: " + words[0])
        return {}


def serve(handle):
    for i in range(300):  # warm caches, so that the first half is not special
        handle(i)
    print(json.dumps({"ready": True}), flush=True)
    server = Server(handle)
    for line in sys.stdin:
        print(json.dumps(server.obey(line.split())), flush=True)
