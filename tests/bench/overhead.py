#!/usr/bin/env python3
"""What the agent costs its target: requests per CPU second, watched / bare.

One target process at a time is asked for short halves of work, in turn bare
(no agent runs) and watched (an agent at its defaults watches it), in an order
that alternates. A null row does the same with no agent in either half: it shows
what the method alone shows. New target processes each start, so that the luck
of memory layout averages out.

The figure is requests per CPU second of the target (all its threads, user and
system: the cost of a uprobe's trap is in it). The lower bound is a bootstrap
over the pairs (5th percentile of the mean of the pairs' ratios, 2,000 draws).
Beside it the accounting bound: probe hits x calibrated cost / target CPU, read
from the agent's own metrics.

  tests/bench/overhead.py --bin build/release/bin [--starts 4] [--pairs 30]
"""
import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench_target import Target

METRICS_PORT = 17072


def pythons():
    """How many processes here run an executable named python."""
    count = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                exe = os.readlink("/proc/%s/exe" % entry)
                count += os.path.basename(exe).startswith("python")
        except OSError:
            pass
    return count


class Agent:
    """An agent at its defaults but for its port and state directory."""

    def __init__(self, bin_dir, state_dir, pid):
        environment = dict(
            os.environ,
            PLIMSOLL_AGENT_LISTEN="127.0.0.1:%d" % METRICS_PORT,
            PLIMSOLL_AGENT_STATE_DIR=state_dir,
            PLIMSOLL_AGENT_COLLECTOR="")
        self.log = open(os.path.join(state_dir, "agent.log"), "a")
        self.process = subprocess.Popen(
            [os.path.join(bin_dir, "plimsoll-agent")], env=environment,
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not self._watching():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("the agent did not come up, see %s" % self.log.name)
            time.sleep(0.05)

    def _watching(self):
        """All Pythons of the machine are watched and the collector is probed.

        Censuses come later, spread over time, and read only: what they cost the
        target is in no half but by chance."""
        watched = self.metric("plimsoll_agent_processes") or 0
        probed = self.metric("plimsoll_agent_tier_processes",
                             'tier="gc",ok="true"') or 0
        return min(watched, probed) >= pythons()

    def metric(self, name, labels=None):
        try:
            with urllib.request.urlopen(
                    "http://127.0.0.1:%d/metrics" % METRICS_PORT, timeout=2) as r:
                text = r.read().decode()
        except OSError:
            return None
        labels = re.escape("{%s}" % labels) if labels else r"(?:\{[^}]*\})?"
        values = re.findall(r"^%s%s (\S+)$" % (re.escape(name), labels), text, re.M)
        return sum(map(float, values)) if values else None

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()


def rate(answer):
    return answer["requests"] / (answer["cpu_ns"] / 1e9)


def lower_bound(ratios):
    rng = random.Random(7)
    means = sorted(
        statistics.fmean(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return means[int(0.05 * len(means))]


def measure(args, script, watched):
    ratios, probe_cost_ns, cpu_ns = [], 0.0, 0
    for start in range(args.starts):
        target = Target(args.python, script)
        with tempfile.TemporaryDirectory() as state_dir:
            for pair in range(args.pairs):
                halves = {}
                order = ["bare", "on"] if (start + pair) % 2 == 0 else ["on", "bare"]
                for half in order:
                    agent = None
                    if half == "on" and watched:
                        agent = Agent(args.bin, state_dir, target.process.pid)
                    try:
                        answer = target.run(args.seconds)
                        if agent:
                            cost = agent.metric("plimsoll_agent_probe_cost_seconds_total")
                            probe_cost_ns += (cost or 0.0) * 1e9
                            cpu_ns += answer["cpu_ns"]
                    finally:
                        if agent:
                            agent.close()
                    halves[half] = rate(answer)
                ratios.append(halves["on"] / halves["bare"])
                print("\r%s %s: start %d/%d pair %d/%d ratio %.4f   " % (
                    script, "watched" if watched else "null", start + 1,
                    args.starts, pair + 1, args.pairs, ratios[-1]),
                    end="", file=sys.stderr, flush=True)
        target.close()
    print(file=sys.stderr)
    accounting = 1 - probe_cost_ns / cpu_ns if cpu_ns else None
    return ratios, accounting


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True, help="directory of the programs")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--handlers", default="json,flask")
    parser.add_argument("--rows", default="null,agent")
    args = parser.parse_args()

    print("| handler | row | pairs | median | mean | 95 % lower bound | accounting bound |")
    print("|---|---|---|---|---|---|---|")
    for handler in args.handlers.split(","):
        script = handler + "_handler.py"
        for watched in [row == "agent" for row in args.rows.split(",")]:
            ratios, accounting = measure(args, script, watched)
            print("| %s | %s | %d | %.4f | %.4f | %.4f | %s |" % (
                handler, "agent at its defaults" if watched else "null (no agent in either half)",
                len(ratios), statistics.median(ratios), statistics.fmean(ratios),
                lower_bound(ratios), "%.5f" % accounting if accounting is not None else "-"),
                flush=True)


if __name__ == "__main__":
    main()
