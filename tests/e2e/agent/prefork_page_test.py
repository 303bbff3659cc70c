"""One of gunicorn's four workers leaks, and the page says which.

The master loads a heap and forks. Each worker then writes to all of it, little
by little for as long as this runs: pages are copied all the time, which is no
growth of anyone's. One worker keeps objects besides. Agent and collector must
say that this one grows and no other, who its parent is, and that what a worker
copied was not taken afresh. Then the worker is killed, and its successor is
another process, which grows as little as the others.

PLIMSOLL_FULL=1: a leak must be watched for minutes before anyone is woken.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

PYTHON = "/usr/bin/python3.11"
SKIPPED = 77  # CTest's SKIP_RETURN_CODE
MIB = 1 << 20
WORKERS = 4
LIMIT_BYTES = 450 * MIB
PAGE_WITHIN_S = 300
LOADED = 400000
OBJECT_BYTES = 16 + 16 + 16  # GC head, object head, two slots
# All of it in ten minutes.
TOUCHED_PER_S = LOADED // 600
KEPT_PER_S = 20000
PERIODS = {"memory_period": "5s", "headers_period": "10s",
           "census_period": "10s", "cpu_budget": "0.3"}
APPLICATION = f"""
import gc
import time
class Route:
    __slots__ = ("a", "b")
class Kept:
    __slots__ = ("a", "b")
loaded = [Route() for _ in range({LOADED})]
gc.freeze()  # a collection would touch all of it at once
kept = []
def keep():
    kept.extend([Kept() for _ in range({KEPT_PER_S // 10})])
def work(leaks):
    at, began, turn = 0, time.monotonic(), 0
    while True:
        for i in range({TOUCHED_PER_S // 10}):
            loaded[(at + i) % {LOADED}].a = None
        at += {TOUCHED_PER_S // 10}
        if leaks:
            keep()
        turn += 1
        time.sleep(max(0, began + turn / 10 - time.monotonic()))
def application(environ, start_response):
    start_response("204 No Content", [])
    return []
"""
# age: a worker's number, from 1.
SETTINGS = """
import threading
def post_fork(server, worker):
    import app
    if worker.age == 1:
        with open("leaker", "w") as file:
            file.write(str(worker.pid))
    threading.Thread(target=app.work, args=(worker.age == 1,),
                     daemon=True).start()
"""


def reason_to_skip():
    if os.environ.get("PLIMSOLL_FULL") != "1":
        return "five minutes beside the other tests; PLIMSOLL_FULL=1 runs it"
    if os.geteuid() != 0:
        return "needs root: other processes' memory, cgroups, BPF"
    for program in (PYTHON, line.BIN / "plimsoll-agent",
                    line.BIN / "plimsoll-collector"):
        if not os.access(program, os.X_OK):
            return f"needs {program}"
    check = subprocess.run([PYTHON, "-c", "import gunicorn"],
                           capture_output=True, check=False)
    return "needs the package gunicorn" if check.returncode else ""


def private_bytes(pid):
    """Of anonymous memory, what the process shares with no other."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) * 1024 for kib in
               re.findall(r"^Private_Dirty:\s+(\d+) kB", rollup, re.M))


class PreforkPage(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-prefork-")
        cls.addClassCleanup(directory.cleanup)
        cls.line = line.Line(directory.name)
        cls.addClassCleanup(cls.line.stop)
        source = pathlib.Path(directory.name)
        (source / "app.py").write_text(APPLICATION)
        (source / "settings.py").write_text(SETTINGS)
        cls.collector, address = cls.line.start_collector("collector")
        cls.line.start_agent("agent", address, PERIODS)
        cgroup = line.MemoryCgroup(f"plimsoll-e2e-{os.getpid()}-prefork",
                                   LIMIT_BYTES)
        cls.line.cgroups.append(cgroup)
        [port] = line.free_ports(1)
        cls.master = cls.line.start("gunicorn", [
            PYTHON, "-B", "-m", "gunicorn", "--preload", "--workers", WORKERS,
            "--config", source / "settings.py", "--bind", f"127.0.0.1:{port}",
            "app:application"], {
                "PYTHONPATH": str(source), "OTEL_SERVICE_NAME": "preforked",
                "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=e2e"},
            before=cgroup.enter).pid
        cls.workers = line.wait_for("workers", 60, cls.children,
                                    cls.line.check_alive)
        cls.leaker = int((source / "leaker").read_text())
        cls.healthy = [pid for pid in cls.workers if pid != cls.leaker]
        cls.copied_at_first = {pid: private_bytes(pid) for pid in cls.workers}
        cls.incident = cls.wait_for_page()
        cls.copied = {pid: private_bytes(pid) - cls.copied_at_first[pid]
                      for pid in cls.workers}
        cgroup.set_limit(4096 * MIB)
        print(cls.incident["text"], cls.copied, flush=True)

    @classmethod
    def children(cls):
        """Once all are there."""
        path = pathlib.Path(f"/proc/{cls.master}/task/{cls.master}/children")
        found = sorted(int(word) for word in path.read_text().split())
        return found if len(found) == WORKERS else None

    @classmethod
    def find_page(cls):
        document = line.get_json(cls.collector + "/api/v1/incidents") or {}
        for incident in document.get("incidents", []):
            if (incident["workload"]["name"] == "preforked" and
                    incident["state"] == "firing" and incident["page"]):
                return incident
        return None

    @classmethod
    def wait_for_page(cls):
        began = time.monotonic()
        try:
            page = line.wait_for("page", PAGE_WITHIN_S, cls.find_page,
                                 cls.line.check_alive)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cls.line.tails()}") from error
        print(f"the page came after {time.monotonic() - began:.0f} s",
              flush=True)
        return page

    def processes(self, more=""):
        document = line.get_json(self.collector + "/api/v1/processes" + more)
        return {row["pid"]: row for row in document["processes"]
                if row["name"] == "preforked"}

    def test_1_workers_have_the_master_for_a_parent(self):
        rows = self.processes()
        self.assertEqual(set(rows), {self.master, *self.workers})
        self.assertEqual(rows[self.master]["parent_pid"], os.getpid())
        for pid in self.workers:
            self.assertEqual(rows[pid]["parent_pid"], self.master)

    def test_2_one_worker_is_said_to_grow(self):
        leaking = [p["pid"] for p in self.incident["processes"]
                   if p["leaking"]]
        self.assertEqual(leaking, [self.leaker])
        self.assertIn("on 1 of 1 cgroup (1 of 4 processes)",
                      self.incident["text"]["title"])
        self.assertTrue(self.incident["text"]["what"].startswith("app.Kept +"))

    def test_3_what_was_copied_is_nobodys_growth(self):
        rate = KEPT_PER_S * OBJECT_BYTES
        for process in self.incident["processes"]:
            if process["pid"] not in self.healthy:
                continue
            # Had it been counted, it would have been seen.
            self.assertGreater(self.copied[process["pid"]], 5 * MIB)
            self.assertLess(abs(process["bytes_per_s"]["value"] or 0),
                            0.01 * rate, process)

    def test_4_what_was_copied_was_not_taken_afresh(self):
        rows = self.processes()

        def fresh(pid):
            document = line.get_json(
                f"{self.collector}/api/v1/stacks?process={rows[pid]['key']}")
            return sum(row["bytes"] for row in document["stacks"]
                       if row["kind"] == "page")
        taken = {pid: fresh(pid) for pid in self.workers}
        print(f"fresh pages, in bytes: {taken}", flush=True)
        self.assertGreater(taken[self.leaker], 10 * MIB)
        for pid in self.healthy:
            self.assertLess(taken[pid], 0.1 * self.copied[pid], pid)

    def test_5_the_successor_is_another_process(self):
        os.kill(self.leaker, signal.SIGKILL)

        def successor():
            new = set(self.children() or ()) - set(self.workers)
            return next(iter(new & set(self.processes())), None)
        new = line.wait_for("successor in the collector", 60, successor,
                            self.line.check_alive)
        self.assertEqual(self.processes()[new]["parent_pid"], self.master)
        line.wait_for("end of the worker", 60,
                      lambda: self.processes("?all=1")[self.leaker]["exited"],
                      self.line.check_alive)


if __name__ == "__main__":
    REASON = reason_to_skip()
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1" and
                 os.environ.get("PLIMSOLL_FULL") == "1" else SKIPPED)
    unittest.main(verbosity=2)
