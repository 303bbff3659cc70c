"""Twelve leaks, one for each mechanism, each as production code would have it.

For each: the type first in `plimsoll growth`, and the line first in `plimsoll
stacks --type`.

On Debian's Python. PLIMSOLL_FULL=1 repeats all at a twentieth of the rate amid
heavy churn, and has the interpreters under ~/.pyenv; PLIMSOLL_TEST_PYTHONS, a
list with colons, takes the place of all these.
"""
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
from concurrent import futures

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import line  # noqa: E402

DEBIAN = "/usr/bin/python3.11"
FULL = os.environ.get("PLIMSOLL_FULL") == "1"
SKIPPED = 77  # CTest's SKIP_RETURN_CODE

# Module, and the types one of which must be first.
LEAKS = {
    "sessions": ("sessions.Session",),
    "profiler": ("profiler.Sample",),
    "cursors": ("cursors.DictCursor",),
    "failures": ("failures.Row",),
    "quotes": ("quotes.Quote",),
    "jobs": ("coroutine", "_asyncio.Task"),
    "audit": ("audit.RequestHandler",),
    "buffers": ("buffers.Buffer",),
    "callbacks": ("function",),
    "thumbs": ("native",),
    "ledger": ("ledger.Entry",),
    "blobs": ("bytes",),
}
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(line.PR_SET_PDEATHSIG, signal.SIGKILL)


def include_of(python):
    """Where the headers of an interpreter are."""
    return pathlib.Path(subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
        capture_output=True, text=True, check=True).stdout.strip())


def pythons():
    """Whose leaks to look for."""
    named = os.environ.get("PLIMSOLL_TEST_PYTHONS")
    if named:
        return named.split(":")
    versions = pathlib.Path.home() / ".pyenv" / "versions"
    others = sorted(versions.glob("3.*/bin/python3.?")) + sorted(
        versions.glob("3.*/bin/python3.??"))
    return [DEBIAN] + [str(python) for python in others
                       if FULL and python.name != "python3.6"]


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: other processes' memory and BPF"
    if not (line.BIN / "plimsoll").exists():
        return f"{line.BIN / 'plimsoll'} is not built"
    for python in pythons():
        if not os.access(python, os.X_OK):
            return f"needs {python}"
        if not (include_of(python) / "Python.h").exists():
            return (f"needs the headers of {python}, for the C extension (of "
                    "Debian's: libpython3.11-dev)")
    return ""


def leak_lines(module):
    """The numbers of the lines that are marked: each makes what leaks."""
    lines = (HERE / f"{module}.py").read_text().splitlines()
    return [1 + i for i, text in enumerate(lines) if "# LEAK" in text]


def ask(*words):
    """The JSON of a verb of the program."""
    done = subprocess.run([line.BIN / "plimsoll", *map(str, words), "--json",
                           "--quiet"], capture_output=True, text=True,
                          check=False, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"plimsoll {words}: {done.stderr}")
    return json.loads(done.stdout)


class Service:
    """serve.py with one of the leaks; ended with the `with` block."""

    def __init__(self, python, module, requests_per_s, churn_per_s, extension):
        self._words = [python, "-B", HERE / "serve.py", module,
                       str(requests_per_s), str(churn_per_s)]
        self._environment = {**os.environ, "PYTHONPATH": str(extension)}

    def __enter__(self):
        self._process = subprocess.Popen(
            self._words, stdout=subprocess.PIPE, text=True,
            env=self._environment, preexec_fn=die_with_parent)
        if not self._process.stdout.readline().startswith("ready"):
            raise AssertionError(f"{self._words} did not begin")
        return self._process.pid

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def first_type(pid, seconds):
    """What grows fastest: a type, or native memory; and the whole answer."""
    answer = ask("growth", pid, "--for", f"{seconds}s", "--top", 5)
    first = answer["types"][0] if answer["types"] else None
    native = answer["memory"]["native_delta_bytes"]
    if first is None or native > 2 * max(0, first["bytes_delta"]):
        return "native", answer
    return first["type"], answer


def summary(answer):
    rows = [f"{row['type']} {row['bytes_per_s']:.0f} B/s"
            for row in answer["types"][:5]]
    return f"{rows}, memory {answer['memory']}"


def first_line(pid, type_name, seconds):
    """Of the stacks of a type, or of native memory: the innermost frame of the
    application."""
    of_type = [] if type_name == "native" else ["--type", type_name]
    answer = ask("stacks", pid, "--for", f"{seconds}s", *of_type)
    for stack in answer["stacks"]:
        if not of_type and stack["kind"] != "native":
            continue
        for frame in stack["frames"]:
            if frame["line"] and pathlib.Path(frame["file"]).parent == HERE:
                return (pathlib.Path(frame["file"]).stem, frame["line"],
                        stack["share"]), answer
    return None, answer


class TwelveLeaks(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls._directory = tempfile.TemporaryDirectory(prefix="plimsoll-leaks-")
        cls.addClassCleanup(cls._directory.cleanup)
        cls.extensions = {}
        for number, python in enumerate(pythons()):
            to = pathlib.Path(cls._directory.name) / str(number)
            to.mkdir()
            subprocess.run(["cc", "-shared", "-fPIC", "-O2",
                            f"-I{include_of(python)}", HERE / "_leaks.c", "-o",
                            to / "_leaks.so"], check=True)
            cls.extensions[python] = to

    def service(self, python, module, requests_per_s, churn_per_s):
        return Service(python, module, requests_per_s, churn_per_s,
                       self.extensions[python])

    def check_types(self, requests_per_s, churn_per_s, seconds, at_once, of):
        """All leaks, a few at a time."""
        def look(what):
            python, module = what
            with self.service(python, module, requests_per_s, churn_per_s) as pid:
                return first_type(pid, seconds)
        every = [(python, module) for python in of for module in LEAKS]
        with futures.ThreadPoolExecutor(at_once) as pool:
            looks = dict(zip(every, pool.map(look, every)))
        for (python, module), (found, answer) in looks.items():
            print(f"{python}: {module}: {found} first at {requests_per_s}/s, "
                  f"churn {churn_per_s}/s", flush=True)
            with self.subTest(module, python=python):
                self.assertIn(found, LEAKS[module], summary(answer))

    def check_line(self, module, found, answer):
        self.assertTrue(
            found is not None and found[0] == module and
            found[1] in leak_lines(module),
            json.dumps(answer["stacks"][:2]) + str(answer["notes"]))
        if LEAKS[module] == ("native",):
            native = next(stack for stack in answer["stacks"]
                          if stack["kind"] == "native")
            self.assertEqual(native["frames"][0]["module"], "_leaks.so", native)

    def check_lines(self, requests_per_s, churn_per_s, seconds, of):
        for python in of:
            for module, types in LEAKS.items():
                with self.subTest(module, python=python), self.service(
                        python, module, requests_per_s, churn_per_s) as pid:
                    found, answer = first_line(pid, types[0], seconds)
                    print(f"{python}: {module}: {found} is first, "
                          f"{leak_lines(module)} leaks", flush=True)
                    self.check_line(module, found, answer)

    def test_type_is_first(self):
        self.check_types(200, 200, 8, 4, pythons())

    def test_line_is_first(self):
        # Windows take half of it, and on a busy machine more: births need some.
        self.check_lines(200, 0, 10, pythons())

    @unittest.skipUnless(FULL, "PLIMSOLL_FULL=1 has the slow ones")
    def test_type_is_first_at_a_twentieth_amid_churn(self):
        self.check_types(10, 20000, 40, 2, pythons()[:1])

    @unittest.skipUnless(FULL, "PLIMSOLL_FULL=1 has the slow ones")
    def test_line_is_first_at_a_twentieth_amid_churn(self):
        self.check_lines(10, 20000, 60, pythons()[:1])


if __name__ == "__main__":
    REASON = reason_to_skip()
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
