"""The loop that the bench targets share."""
import json
import sys
import threading
import time


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


def serve(handle):
    for i in range(300):  # warm caches, so that the first half is not special
        handle(i)
    print(json.dumps({"ready": True}), flush=True)
    done = 0
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] not in ("run", "beat"):
            break
        heartbeat = Heartbeat() if words[0] == "beat" else None
        if heartbeat:
            heartbeat.start()
        begin_cpu = time.process_time_ns()
        end = time.monotonic_ns() + int(float(words[1]) * 1e9)
        requests = 0
        while time.monotonic_ns() < end:
            for _ in range(10):
                handle(done)
                done += 1
            requests += 10
        cpu_ns = time.process_time_ns() - begin_cpu
        answer = {"requests": requests, "cpu_ns": cpu_ns}
        if heartbeat:
            heartbeat.running = False
            heartbeat.join()
            answer["max_gap_ns"] = heartbeat.max_gap_ns
        print(json.dumps(answer), flush=True)
