"""Workers that a server forks after it loaded everything: gunicorn and uWSGI.

The master loads a heap of objects and forks; each worker touches all of it on
request, which copies every page (reference counts), and keeps nothing. That is
no growth of the worker. Then one worker keeps objects of its own: that is.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

PYTHON = "/usr/bin/python3.11"
SKIPPED = 77  # CTest's SKIP_RETURN_CODE
LOADED = 200000
KEPT = 30000
MIB = 1 << 20
APPLICATION = f"""
import os
class Route:
    __slots__ = ("a", "b")
class Kept:
    __slots__ = ("a", "b")
loaded = [Route() for _ in range({LOADED})]
kept = []
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/touch":
        for route in loaded: route.a = None
        for route in loaded: route.b = route.a
    elif path == "/keep":
        kept.extend(Kept() for _ in range({KEPT}))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: other processes' memory and BPF"
    for program in (PYTHON, "/usr/bin/uwsgi", line.BIN / "plimsoll"):
        if not os.access(program, os.X_OK):
            return f"needs {program}"
    check = subprocess.run([PYTHON, "-c", "import gunicorn"],
                           capture_output=True, check=False)
    return "needs the package gunicorn" if check.returncode else ""


def plimsoll(*words):
    done = subprocess.run([line.BIN / "plimsoll", *map(str, words), "--json",
                           "--quiet"], capture_output=True, text=True,
                          check=False, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"plimsoll {words}: {done.stderr}")
    return json.loads(done.stdout)


def rows(answer):
    return {row["type"]: row for row in answer["types"]}


def parent_of(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def minor_faults(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[7])


class Prefork(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-prefork-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        (self.directory / "app.py").write_text(APPLICATION)
        self.line = line.Line(self.directory)
        self.addCleanup(self.line.stop)
        (self.port,) = line.free_ports(1)

    def get(self, path):
        return line.get_text(f"http://127.0.0.1:{self.port}{path}")

    def get_at_once(self, path):
        """The workers that answered. The kernel may hand each connection to the
        worker that was idle last, so that one alone serves those that come one
        after the other; of eight at once the other gets some."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return {int(answer) for answer in pool.map(self.get, [path] * 8)
                    if answer}

    def workers(self):
        """The two that answer."""
        found = set()
        for _ in range(200):
            found |= self.get_at_once("/")
            if len(found) == 2:
                break
            time.sleep(0.05)
        return sorted(found)

    def get_from(self, pid, path):
        """Until that worker has answered."""
        for _ in range(200):
            if pid in self.get_at_once(path):
                return
        self.fail(f"{pid} does not answer")

    def check(self, master):
        line.wait_for("worker", 60, lambda: self.get("/"),
                      self.line.check_alive)
        workers = self.workers()
        self.assertEqual(len(workers), 2)
        for pid in workers:
            self.assertEqual(parent_of(pid), master)
        seen = {row["pid"]: row for row in plimsoll("ps")["processes"]}
        self.assertEqual({master, *workers} - set(seen), set())
        marks = self.directory / "marks"
        worker = workers[0]
        plimsoll("mark", worker, "forked", "--dir", marks)
        self.assertEqual(rows(plimsoll("types", worker))["app.Route"]["objects"],
                         LOADED)
        faults = minor_faults(worker)
        self.get_from(worker, "/touch")
        copied = minor_faults(worker) - faults
        touched = plimsoll("diff", worker, "forked", "--dir", marks)
        print(f"{copied} pages copied on write, anonymous memory "
              f"{touched['memory']['anon_delta_bytes']:+} bytes, "
              f"{touched['types'][:2]}", flush=True)
        # What was copied is there: more than the objects' own 48 bytes each.
        self.assertGreater(copied * 4096, LOADED * 40)
        self.assertNotIn("app.Route", rows(touched))
        for part in ("anon_delta_bytes", "python_delta_bytes"):
            self.assertLess(abs(touched["memory"][part]), 1.5 * MIB, part)
        self.get_from(worker, "/keep")
        kept = plimsoll("diff", worker, "forked", "--dir", marks)
        row = rows(kept)["app.Kept"]
        self.assertEqual(kept["types"][0]["type"], "app.Kept")
        self.assertEqual(row["objects_delta"] % KEPT, 0)
        self.assertGreaterEqual(row["objects_delta"], KEPT)
        # Of one worker: the other's and the master's are theirs.
        self.assertNotIn("app.Kept", rows(plimsoll("types", master)))

    def test_gunicorn(self):
        master = self.line.start("gunicorn", [
            PYTHON, "-B", "-m", "gunicorn", "--preload", "--workers", "2",
            "--bind", f"127.0.0.1:{self.port}", "app:application"],
            {"PYTHONPATH": str(self.directory)})
        self.check(master.pid)

    def test_uwsgi(self):
        master = self.line.start("uwsgi", [
            "/usr/bin/uwsgi", "--plugin", "python3", "--master", "--processes",
            "2", "--die-on-term", "--pythonpath", self.directory,
            "--module", "app", "--http-socket", f"127.0.0.1:{self.port}"])
        self.check(master.pid)


if __name__ == "__main__":
    REASON = reason_to_skip()
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
