"""Short-lived Pythons leave nothing behind in the agent that watches them.

1,000 a minute for a while, each alive for a second or two, so that the agent
finds, identifies, probes and loses them: before and after, the agent's file
descriptors (BPF links and perf events among them), its memory mappings, the
entries of its kernel maps, the processes it says that it watches and its memory
are compared. The first round brings everything to its working size.

PLIMSOLL_FULL=1: 1,000 processes a round instead of 250.
"""
import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

PYTHON = "/usr/bin/python3.11"
BPFTOOL = "/usr/sbin/bpftool"
PER_ROUND = 1000 if os.environ.get("PLIMSOLL_FULL") == "1" else 250
PER_MINUTE = 1000
SCRIPT = "import time; x = [[] for _ in range(1000)]; time.sleep({})"
MIB = 1 << 20
SKIPPED = 77  # CTest's SKIP_RETURN_CODE
# What a Python that somebody else starts may add meanwhile.
OTHERS = 8


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: BPF, and other processes' memory"
    for program in (PYTHON, BPFTOOL, line.BIN / "plimsoll-agent"):
        if not os.access(program, os.X_OK):
            return f"needs {program}"
    return ""


def children_of(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()]


def rss_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def descriptors(pid):
    """How many of each kind, and the ids of the kernel maps among them."""
    kinds, maps = collections.Counter(), set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            kind = os.readlink(f"/proc/{pid}/fd/{fd}")
            if kind == "anon_inode:bpf-map":
                info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
                maps.add(int(re.search(r"map_id:\s+(\d+)", info)[1]))
        except OSError:
            continue  # closed meanwhile
        kinds[re.sub(r"\[?\d+\]?$", "", kind)] += 1
    return kinds, maps


def map_entries(ids):
    """By name, of hash maps that are not bounded by replacing their oldest."""
    entries = collections.Counter()
    for map_id in ids:
        show = subprocess.run([BPFTOOL, "-j", "map", "show", "id", str(map_id)],
                              capture_output=True, text=True, check=False)
        if show.returncode != 0:
            continue
        about = json.loads(show.stdout)
        if about["type"] not in ("hash", "percpu_hash"):
            continue
        dump = subprocess.run([BPFTOOL, "-j", "map", "dump", "id", str(map_id)],
                              capture_output=True, text=True, check=False)
        if dump.returncode == 0:
            entries[about["name"]] += len(json.loads(dump.stdout) or [])
    return entries


class Residue(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-residue-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.line = line.Line(self.directory)
        self.addCleanup(self.line.stop)
        (self.port,) = line.free_ports(1)
        self.agent = self.line.start("agent", [line.BIN / "plimsoll-agent"], {
            "PLIMSOLL_AGENT_STATE_DIR": str(self.directory / "state"),
            "PLIMSOLL_AGENT_LISTEN": f"127.0.0.1:{self.port}",
            "PLIMSOLL_AGENT_COLLECTOR": "",
            "PLIMSOLL_AGENT_MEMORY_PERIOD": "1s"})
        line.wait_for("agent's metrics", 60, self.metrics, self.line.check_alive)

    def metrics(self):
        text = line.get_text(f"http://127.0.0.1:{self.port}/metrics")
        return dict(re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text or "",
                               re.MULTILINE))

    def look(self):
        pid = self.agent.pid
        kinds, maps = descriptors(pid)
        return {
            "fds": sum(kinds.values()),
            "links": kinds["anon_inode:bpf_link"] + kinds["anon_inode:bpf-link"],
            "perf_events": kinds["anon_inode:[perf_event]"],
            "mappings": len(pathlib.Path(f"/proc/{pid}/maps")
                            .read_text().splitlines()),
            "watched": float(self.metrics()["plimsoll_agent_processes"]),
            "rss_mib": (rss_bytes(pid) + sum(map(rss_bytes, children_of(pid))))
                       / MIB,
            "map_entries": map_entries(maps),
        }

    def one_round(self):
        """Starts them at the pace, and waits until the last has ended."""
        alive, seen = [], 0
        began = time.monotonic()
        for i in range(PER_ROUND):
            time.sleep(max(0, began + i * 60 / PER_MINUTE - time.monotonic()))
            alive = [each for each in alive if each.poll() is None]
            alive.append(subprocess.Popen(
                [PYTHON, "-S", "-c", SCRIPT.format(random.uniform(0.5, 2.5))]))
            if i % 50 == 49:
                seen = max(seen, float(
                    self.metrics()["plimsoll_agent_processes"]))
        for each in alive:
            each.wait()
        return seen, PER_ROUND / (time.monotonic() - began) * 60

    def settled(self, before):
        """A look once no more are watched than before; the last one else."""
        deadline = time.monotonic() + 60
        while True:
            time.sleep(3)
            look = self.look()
            if (look["watched"] <= before["watched"] + 1 or
                    time.monotonic() > deadline):
                return look

    def test_nothing_stays(self):
        first = self.look()
        self.one_round()
        before = self.settled(first)
        seen, per_minute = self.one_round()
        after = self.settled(before)
        print(f"{PER_ROUND} Pythons, {per_minute:.0f} a minute, at most "
              f"{seen:.0f} watched at once\nbefore {before}\nafter  {after}",
              flush=True)
        self.assertGreaterEqual(seen, before["watched"] + 5, "saw them at all")
        self.assertLessEqual(after["watched"], before["watched"] + 2)
        for what in ("fds", "links", "perf_events", "mappings"):
            self.assertLessEqual(after[what], before[what] + OTHERS, what)
        for name, entries in after["map_entries"].items():
            # A few rows for each of the processes that are watched.
            self.assertLessEqual(entries,
                                 before["map_entries"][name] + 4 * OTHERS, name)
        self.assertLessEqual(after["rss_mib"], before["rss_mib"] + 8)


if __name__ == "__main__":
    REASON = reason_to_skip()
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
