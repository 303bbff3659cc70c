#!/usr/bin/env python3
"""`plimsoll drill`: what it leaks is named by types and growth, it ends with
its time, with Ctrl-C and with its parent, and leaves nothing. Exit code 77:
cannot be run here.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("PLIMSOLL_SOURCE_DIR",
                                     pathlib.Path(__file__).parents[3]))
PLIMSOLL = str(pathlib.Path(os.environ.get("PLIMSOLL_BIN_DIR",
                                           SOURCE / "build/release/bin")) / "plimsoll")
TYPE = "plimsoll_drill.Leaked"


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except FileNotFoundError:
        return False


def cgroups_of(pid):
    found = []
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory"):
        found += pathlib.Path(root).glob(f"plimsoll-drill-{pid}")
    return found


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


class Drill(unittest.TestCase):
    def start(self, *options):
        drill = subprocess.Popen([PLIMSOLL, "drill", "--json", "--quiet", *options],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(drill.stdout.close)
        self.addCleanup(drill.wait)
        self.addCleanup(drill.kill)
        return drill, json.loads(drill.stdout.readline())

    def test_types_and_growth_name_it(self):
        drill, said = self.start("--for", "60s", "--rate", "60MiB")
        self.assertEqual(said["schema"], "plimsoll.drill/1")
        self.assertEqual(said["type"], TYPE)
        self.assertLess(abs(said["will_end_unix_s"] - time.time() - 60), 20)
        pid = str(said["pid"])
        if os.geteuid() == 0 and not said["why_no_limit"]:
            self.assertEqual(said["limit_bytes"], 256 << 20)
            self.assertEqual(len(cgroups_of(drill.pid)), 1)
        self.assertEqual(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip(),
                         "1000")
        growth = json.loads(subprocess.run(
            [PLIMSOLL, "growth", pid, "--for", "6s", "--json", "--quiet"],
            check=True, stdout=subprocess.PIPE).stdout)
        named = [t["type"] for t in growth["types"][:3]]
        self.assertIn(TYPE, named)
        leaked = next(t for t in growth["types"] if t["type"] == TYPE)
        expected = (60 << 20) / 60 / 536
        self.assertGreater(leaked["objects_per_s"], 0.7 * expected)
        self.assertLess(leaked["objects_per_s"], 1.4 * expected)
        types = json.loads(subprocess.run(
            [PLIMSOLL, "types", pid, "--json"], check=True,
            stdout=subprocess.PIPE).stdout)
        self.assertIn(TYPE, [t["type"] for t in types["types"][:5]])
        # Ctrl-C: both end, and nothing is left.
        drill.send_signal(signal.SIGINT)
        self.assertEqual(drill.wait(20), 0)
        self.assertFalse(alive(pid))
        self.assertEqual(cgroups_of(drill.pid), [])

    def test_ends_by_itself(self):
        drill, said = self.start("--for", "2s", "--rate", "10MiB")
        self.assertEqual(drill.wait(30), 0)
        self.assertFalse(alive(said["pid"]))
        self.assertEqual(cgroups_of(drill.pid), [])

    def test_ends_with_its_parent_however_that_ends(self):
        drill, said = self.start("--for", "60s", "--rate", "1MiB", "--limit", "0")
        self.assertIsNone(said["limit_bytes"])
        self.assertTrue(alive(said["pid"]))
        drill.kill()
        drill.wait()
        self.assertTrue(until(lambda: not alive(said["pid"])))

    def test_without_a_python_it_says_so(self):
        for options, environment in (
                (["--python", "/nonexistent/python3"], None),
                ([], {"PATH": "/nonexistent"})):
            ended = subprocess.run([PLIMSOLL, "drill", *options], env=environment,
                                   stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
            self.assertEqual(ended.returncode, 3, ended.stderr)
            self.assertIn("needs a Python", ended.stderr)
            self.assertEqual(ended.stdout, "")

    def test_what_would_do_harm_is_a_usage_error(self):
        ended = subprocess.run([PLIMSOLL, "drill", "--rate", "1GiB"],
                               stderr=subprocess.PIPE, text=True)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("choose a lower --rate", ended.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: reading another process' heap needs root")
        sys.exit(77)
    unittest.main()
