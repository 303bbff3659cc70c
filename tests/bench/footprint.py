#!/usr/bin/env python3
"""What the agent itself costs: RSS and CPU with N Python processes of M MB.

Starts N processes that hold M MB of small objects each, an agent at its
defaults (no collector), waits for it to settle, then reads the agent's and its
inspector child's RSS and CPU from /proc over a while. Prints one row.

  tests/bench/footprint.py --bin build/release/bin [--processes 20] [--mb 100]
"""
import argparse
import os
import signal
import subprocess
import tempfile
import time

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
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pid, key="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--settle", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    args = parser.parse_args()

    items = args.mb * 1000 * 1000 // BYTES_PER_ITEM
    targets = [subprocess.Popen([args.python, "-c", HOLD, str(items)],
                                stdout=subprocess.PIPE, text=True)
               for _ in range(args.processes)]
    try:
        for target in targets:
            target.stdout.readline()
        sizes = [rss_mb(t.pid) for t in targets]
        with tempfile.TemporaryDirectory() as state_dir:
            environment = dict(os.environ, PLIMSOLL_AGENT_STATE_DIR=state_dir,
                               PLIMSOLL_AGENT_LISTEN="127.0.0.1:17073",
                               PLIMSOLL_AGENT_COLLECTOR="")
            with open(os.path.join(state_dir, "log"), "w") as log:
                agent = subprocess.Popen(
                    [os.path.join(args.bin, "plimsoll-agent")],
                    env=environment, stdout=log, stderr=log)
            try:
                time.sleep(args.settle)
                pids = family(agent.pid)
                begin, begin_cpu = time.monotonic(), cpu_seconds(pids)
                peak = {}
                while time.monotonic() - begin < args.seconds:
                    for pid in family(agent.pid):
                        peak[pid] = max(peak.get(pid, 0), rss_mb(pid))
                    time.sleep(0.5)
                # A child that was replaced meanwhile would be missed: say so.
                after = family(agent.pid)
                spent = cpu_seconds([p for p in pids if p in after]) - begin_cpu
                took = time.monotonic() - begin
            finally:
                agent.send_signal(signal.SIGTERM)
                agent.wait(timeout=30)
        print("| processes | RSS each, MB | peak RSS of agent and its child, MB | CPU, share of a core | children replaced |")
        print("|---|---|---|---|---|")
        print("| %d | %.0f | %.1f | %.2f %% | %d |" % (
            len(targets), sum(sizes) / len(sizes), sum(peak.values()),
            100 * spent / took, len(set(pids) - set(after))))
    finally:
        for target in targets:
            target.kill()
            target.wait()


if __name__ == "__main__":
    main()
