"""A C extension without free, killed within seven minutes, is paged before.

No type's objects rise in it: the imminent rule goes by native memory in use,
and pages two minutes before the kill, as that is before its six minutes are over.
The page says that it is native, how fast, and later which line asked. Beside
it, with the same limit: a service whose native memory grows for a while and is
given up again and again, and the same leak on jemalloc, whose chunks are not
read. Neither is paged, and of the second the board says why.

PLIMSOLL_FULL=1: a leak must be watched for minutes before anyone is woken.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import line  # noqa: E402
import twelve_leaks_test as leaks  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
MIB = 1 << 20
LIMIT_BYTES = 300 * MIB
PER_S = 250
BLOCK_BYTES = 3024  # of 3000 to 3006 bytes, as chunks of malloc
# The page must come before the kernel: at this pace after six and a half
# minutes.
PAGE_WITHIN_S = 340
LINE_WITHIN_S = 120
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
# A table in SQLite's memory that fills to a third of the limit in a minute.
REPORTS = """
import sqlite3
import time
while True:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("create table rows (line text)")
    for _ in range(240):
        database.executemany("insert into rows values (?)",
                             ((f"{i} " * 40,) for i in range(1600)))
        time.sleep(0.25)
    database.close()
"""


def reason_to_skip():
    if os.environ.get("PLIMSOLL_FULL") != "1":
        return "five minutes beside the other tests; PLIMSOLL_FULL=1 runs it"
    for program in ("plimsoll-agent", "plimsoll-collector"):
        if not (line.BIN / program).exists():
            return f"{line.BIN / program} is not built"
    return leaks.reason_to_skip()


class NativePage(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-native-")
        cls.addClassCleanup(directory.cleanup)
        cls.line = line.Line(directory.name)
        cls.addClassCleanup(cls.line.stop)
        extension = pathlib.Path(directory.name)
        subprocess.run(["cc", "-shared", "-fPIC", "-g", "-O2",
                        f"-I{leaks.include_of(leaks.DEBIAN)}",
                        HERE / "_leaks.c", "-o", extension / "_leaks.so"],
                       check=True)
        cls.collector, address = cls.line.start_collector("collector")
        cls.line.start_agent("agent", address, {})  # its own periods
        thumbs = ["-B", HERE / "serve.py", "thumbs", PER_S, 50]
        paths = {"PYTHONPATH": str(extension)}
        cls.start_service("thumbs", thumbs, paths)
        cls.start_service("reports", ["-B", "-c", REPORTS], {})
        cls.has_jemalloc = os.path.exists(JEMALLOC)
        if cls.has_jemalloc:
            cls.start_service("thumbs-jemalloc", thumbs,
                              {**paths, "LD_PRELOAD": JEMALLOC})
        cls.began = time.monotonic()
        cls.incident = cls.wait_for_page()
        cls.kills = [cgroup.oom_kills() for cgroup in cls.line.cgroups]
        cls.board = {row["name"]: row for row in line.get_json(
            cls.collector + "/api/v1/workloads")["workloads"]}
        print(cls.incident["text"], cls.board, sep="\n", flush=True)
        # The page was in time; what waits for its line must not race with the
        # kernel.
        for cgroup in cls.line.cgroups:
            cgroup.set_limit(LIMIT_BYTES + LINE_WITHIN_S * 2 * MIB)

    @classmethod
    def start_service(cls, name, words, environment):
        cgroup = line.MemoryCgroup(f"plimsoll-e2e-{os.getpid()}-{name}",
                                   LIMIT_BYTES)
        cls.line.cgroups.append(cgroup)
        cls.line.start(name, [leaks.DEBIAN, *words], {
            "OTEL_SERVICE_NAME": name,
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=e2e",
            **environment}, before=cgroup.enter)

    @classmethod
    def find_page(cls, name="thumbs"):
        document = line.get_json(cls.collector + "/api/v1/incidents") or {}
        for incident in document.get("incidents", []):
            if (incident["workload"]["name"] == name and
                    incident["state"] == "firing"):
                return incident
        return None

    @classmethod
    def wait_for_page(cls):
        try:
            page = line.wait_for("page", PAGE_WITHIN_S, cls.find_page,
                                 cls.line.check_alive)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cls.line.tails()}") from error
        print(f"the page came after {time.monotonic() - cls.began:.0f} s",
              flush=True)
        return page

    def test_1_the_page_came_before_the_kill(self):
        self.assertEqual(self.kills, [0] * len(self.kills))
        self.assertTrue(self.incident["page"])
        self.assertEqual(self.incident["rule"], "imminent")

    def test_2_it_says_that_it_is_native_and_how_fast(self):
        self.assertEqual(self.incident["cause"], "native")
        self.assertTrue(self.incident["text"]["what"].startswith(
            "native memory +"), self.incident["text"]["what"])
        told = self.incident["bytes_per_s"]["value"]
        self.assertGreater(told, 0.8 * PER_S * BLOCK_BYTES)
        self.assertLess(told, 1.25 * PER_S * BLOCK_BYTES)

    def test_3_what_is_given_up_again_is_not_paged(self):
        self.assertIsNone(self.find_page("reports"))

    def test_4_where_malloc_is_not_read_the_board_says_so(self):
        if not self.has_jemalloc:
            self.skipTest("needs libjemalloc2")
        self.assertIsNone(self.find_page("thumbs-jemalloc"))
        self.assertIn("native memory is not known: its malloc is not one whose "
                      "chunks are read",
                      self.board["thumbs-jemalloc"]["verdict_why"])

    def test_5_the_page_then_names_the_line(self):
        def words():
            text = self.find_page()["text"]
            return text if "bytes of malloc that stayed" in text["made_at"] else None
        text = line.wait_for("native stacks on the page", LINE_WITHIN_S, words,
                             self.line.check_alive)
        print(text, flush=True)
        self.assertIn("thumbnail", text["made_at"])
        [number] = leaks.leak_lines("thumbs")
        self.assertIn(f"thumbs.py:{number} render", text["made_at"])
        self.assertIn("asked for in _leaks.so", text["what"])


if __name__ == "__main__":
    REASON = reason_to_skip()
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1" and
                 os.environ.get("PLIMSOLL_FULL") == "1" else SKIPPED)
    unittest.main(verbosity=2)
