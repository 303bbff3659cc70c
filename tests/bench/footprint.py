#!/usr/bin/env python3
"""What the agent itself costs: RSS and CPU with N Python processes of M MB.

Starts N processes that hold M MB of small objects each and an agent at its
defaults (no collector), and reads the agent's and its inspector child's RSS and
CPU from /proc: over the first minute, start included, over the second, and over
minutes 3 to 5. Before that, a null row: an agent alone in a PID namespace, with
no Python to watch. Other Pythons of the machine are watched too; their number
stands in the table.

  tests/bench/footprint.py --bin build/release/bin [--processes 20] [--mb 100]
"""
import argparse
import os
import signal
import subprocess
import tempfile
import time
import urllib.request

HOLD = """
import sys, time
class Item:
    __slots__ = ("a", "b")
    def __init__(self, i):
        self.a = i
        self.b = "item-%d" % i
keep = [Item(i) for i in range(int(sys.argv[1]))]
print("ready", flush=True)
while True:
    for i in range(200):
        keep[i] = Item(i)
    time.sleep(0.05)
"""
# Item 48 B + int 32 B + str 64 B + list slot 8 B.
BYTES_PER_ITEM = 152


def family(pid):
    pids = [pid]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                pids.append(int(entry))
    return pids


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
        # Own time, and that of children it has waited for.
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pid, key="VmRSS"):
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


LISTEN = "127.0.0.1:17073"


def watched():
    with urllib.request.urlopen("http://%s/metrics" % LISTEN) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("plimsoll_agent_processes "):
                return int(line.split()[1])
    return -1


class Agent:
    """An agent at its defaults; alone in a PID namespace when `isolated`."""

    def __init__(self, program, state_dir, isolated):
        environment = dict(os.environ, PLIMSOLL_AGENT_STATE_DIR=state_dir,
                           PLIMSOLL_AGENT_LISTEN=LISTEN,
                           PLIMSOLL_AGENT_COLLECTOR="")
        words = [program]
        if isolated:
            words = ["unshare", "--pid", "--fork", "--kill-child",
                     "--mount-proc"] + words
        self.process = subprocess.Popen(words, env=environment,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.isolated = isolated
        self.begin = time.monotonic()
        self.peak = {}
        self.children = set()

    def pids(self):
        pids = family(self.process.pid)
        if self.isolated:
            # unshare, then the agent as its child.
            pids = family(pids[1]) if len(pids) > 1 else []
        return pids

    def cpu(self):
        """Of the agent and its child, and of children that it has waited for."""
        pids = self.pids()
        self.children.update(pids[1:])
        return cpu_seconds(pids)

    def wait_until(self, second):
        while time.monotonic() - self.begin < second:
            for pid in self.pids():
                self.peak[pid] = max(self.peak.get(pid, 0), rss_mb(pid))
            time.sleep(0.5)

    def measure(self, phases):
        """CPU share of a core in each phase (begin and end in seconds)."""
        shares = []
        for begin, end in phases:
            # Before the first reading nothing was spent.
            self.wait_until(begin)
            before = self.cpu() if begin > 0 else 0.0
            at = time.monotonic() if begin > 0 else self.begin
            self.wait_until(end)
            shares.append((self.cpu() - before) / (time.monotonic() - at))
        return shares

    def stop(self):
        for pid in self.pids()[:1]:
            os.kill(pid, signal.SIGTERM)
        self.process.wait(timeout=30)


def row(program, name, size_mb, isolated, phases):
    with tempfile.TemporaryDirectory() as state_dir:
        agent = Agent(program, state_dir, isolated)
        try:
            shares = agent.measure(phases)
            seen = watched()
        finally:
            agent.stop()
    print("| %s | %d | %.0f | %.1f | %s | %d |" % (
        name, seen, size_mb, sum(agent.peak.values()),
        " | ".join("%.2f %%" % (100 * share) for share in shares),
        max(0, len(agent.children) - 1)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=5)
    args = parser.parse_args()

    program = os.path.join(args.bin, "plimsoll-agent")
    phases = [(0, 60), (60, 120), (120, 60 * args.minutes)]
    print("| | Pythons watched | RSS each, MB | peak RSS of agent and its child, "
          "MB | CPU of a core, first minute | second minute | minutes 3 to %g | "
          "children replaced |" % args.minutes)
    print("|---|---|---|---|---|---|---|---|")
    row(program, "no Python", 0, True, phases)
    items = args.mb * 1000 * 1000 // BYTES_PER_ITEM
    targets = [subprocess.Popen([args.python, "-c", HOLD, str(items)],
                                stdout=subprocess.PIPE, text=True)
               for _ in range(args.processes)]
    try:
        for target in targets:
            target.stdout.readline()
        size_mb = sum(rss_mb(t.pid) for t in targets) / max(1, len(targets))
        row(program, "%d processes" % len(targets), size_mb, False, phases)
    finally:
        for target in targets:
            target.kill()
            target.wait()


if __name__ == "__main__":
    main()
