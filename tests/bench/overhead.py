#!/usr/bin/env python3
"""What Plimsoll costs its target, and what its rivals do: requests per CPU second.

One target process at a time is asked for short halves of work, in turn bare and
with one of the rows below, in an order that alternates. New target processes
each start, so that the luck of memory layout averages out.

  null           bare in both halves: what the method alone shows
  agent          an agent at its defaults (tiers 0 to 3) watches it; its start is
                 not timed
  investigate    the same, and `plimsoll stacks` (tiers 4 and 5) runs the whole
                 time; the target leaks one object each ten requests in both halves
  tracemalloc, tracemalloc-25    started inside the target, 1 and 25 frames
  memray         a memray.Tracker inside the target (needs `pip install memray`)
  objgraph       the target calls objgraph.show_growth() once in its half
                 (Debian's python3-objgraph)
  uprobe         a uprobe on each PyObject_Malloc and PyObject_Free all the time,
                 counted by user stack (needs Debian's bpftrace)

The figure is requests per CPU second of the target (all its threads, user and
system: the cost of a uprobe's trap is in it). Neighbours on a virtual machine's host
change a core's speed by a third for seconds at a time, so between its requests the
target does a fixed piece of work (targets/serve.py, Yardstick), and the figure is
taken at the same speed of that: a control variate, whose power is fitted to the
bare halves (Lavenberg and Welch 1981). The null row shows what noise is left.

Single pairs have outliers on both sides, so beside median and mean stands the Hodges-Lehmann estimate (the median of
all means of two pairs; Hodges and Lehmann 1963), and its one-sided 95 % bound
by the signed-rank test (Hollander, Wolfe and Chicken, Nonparametric Statistical
Methods, 3rd ed., section 3.3); for the mean a bootstrap (5th percentile of 2,000
draws). "p99" is the ratio of the 99th percentiles of a request's wall time. The
accounting bound is 1 - probe hits x calibrated cost / target CPU, from the agent's
own metrics.

  tests/bench/overhead.py --bin build/release/bin [--starts 4] [--pairs 30]
"""
import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_agent import Agent
from bench_target import Target

WARM_UP_S = 1


class Investigation:
    """An agent, and `plimsoll stacks` for as long as the half lasts."""

    def __init__(self, args, state_dir, pid):
        self.agent = Agent(args.bin, state_dir)
        self.stacks = subprocess.Popen(
            [os.path.join(args.bin, "plimsoll"), "stacks", str(pid), "--for",
             "%gs" % args.seconds, "--json", "--quiet"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def probe_cost_ns(self):
        return 0.0  # the agent's metrics do not have what the command does

    def close(self):
        _, errors = self.stacks.communicate(timeout=120)
        self.agent.close()
        if self.stacks.returncode != 0:
            raise RuntimeError("plimsoll stacks: " + errors)


class Inside:
    """A rival inside the target."""

    def __init__(self, target, name):
        self.target = target
        answer = target.ask("start", name)
        if "missing" in answer:
            raise Missing(answer["missing"])

    def close(self):
        self.target.ask("stop")


class Uprobes:
    """Always-on probes, as one would write them first."""

    def __init__(self, python, pid):
        if not shutil.which("bpftrace"):
            raise Missing("no bpftrace here")
        exe = os.path.realpath(python)
        self.process = subprocess.Popen(
            ["bpftrace", "-p", str(pid), "-e",
             "uprobe:%s:PyObject_Malloc { @made[ustack(3)] = count(); } "
             "uprobe:%s:PyObject_Free { @freed = count(); } "
             "BEGIN { printf(\"attached\\n\"); }" % (exe, exe)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        while line and "attached" not in line:
            line = self.process.stdout.readline()
        if not line:
            raise Missing("bpftrace did not attach")
        time.sleep(0.5)

    def close(self):
        # It would print its maps for minutes; the probes end with it.
        self.process.kill()
        self.process.communicate(timeout=30)


class Missing(Exception):
    """The row cannot be measured here, and why."""


ROWS = {
    "null": "null: bare in both halves",
    "agent": "agent at its defaults",
    "investigate": "agent and a whole investigation, the target leaks",
    "tracemalloc": "tracemalloc, 1 frame",
    "tracemalloc-25": "tracemalloc, 25 frames",
    "memray": "memray",
    "objgraph": "objgraph.show_growth(), once in each half",
    "uprobe": "uprobes on PyObject_Malloc and PyObject_Free",
}


def begin(args, row, state_dir, target):
    """What a half has beside it; None for a bare one."""
    if row in ("null", "objgraph"):
        return None
    if row == "agent":
        return Agent(args.bin, state_dir)
    if row == "investigate":
        return Investigation(args, state_dir, target.process.pid)
    if row == "uprobe":
        return Uprobes(args.python, target.process.pid)
    return Inside(target, row)


def rate(answer):
    return answer["requests"] / (answer["cpu_ns"] / 1e9)


def follows(halves):
    """By which power of the yardstick's speed requests go, from bare halves."""
    speed = [math.log(half["yardsticks_per_s"]) for half in halves]
    work = [math.log(rate(half)) for half in halves]
    spread = statistics.pvariance(speed)
    if len(halves) < 8 or spread < 0.005 ** 2:
        return 1.0  # too few to say, or the machine was steady: it matters little
    power = statistics.covariance(speed, work) / statistics.variance(speed)
    return min(max(power, 0.0), 2.0)


def mean_bound(ratios):
    rng = random.Random(7)
    means = sorted(
        statistics.fmean(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return means[int(0.05 * len(means))]


def hodges_lehmann(ratios):
    """The estimate and its one-sided 95 % lower bound."""
    walsh = sorted((a + b) / 2 for i, a in enumerate(ratios) for b in ratios[i:])
    n = len(ratios)
    below = n * (n + 1) / 4 - 1.645 * (n * (n + 1) * (2 * n + 1) / 24) ** 0.5
    return statistics.median(walsh), walsh[max(int(below), 0)]


class Row:
    """The pairs of one row."""

    def __init__(self):
        self.pairs, self.p99_ratios = [], []
        self.probe_cost_ns, self.cpu_ns = 0.0, 0

    def add(self, halves):
        self.pairs.append(halves)
        self.p99_ratios.append(halves["on"]["p99_ns"] / halves["bare"]["p99_ns"])

    def ratios(self):
        power = follows([halves["bare"] for halves in self.pairs])
        return [rate(halves["on"]) / rate(halves["bare"]) *
                (halves["bare"]["yardsticks_per_s"] /
                 halves["on"]["yardsticks_per_s"]) ** power
                for halves in self.pairs]

    def text(self):
        ratios = self.ratios()
        estimate, bound = hodges_lehmann(ratios)
        accounting = "-"
        if self.cpu_ns:
            accounting = "%.5f" % (1 - self.probe_cost_ns / self.cpu_ns)
        return "%d | %.4f | %.4f (%.4f) | %.4f (%.4f) | %.2f | %s" % (
            len(ratios), statistics.median(ratios), estimate, bound,
            statistics.fmean(ratios), mean_bound(ratios),
            statistics.median(self.p99_ratios), accounting)


def half(args, row, state_dir, target, on, into):
    beside = begin(args, row, state_dir, target) if on else None
    try:
        if row in ("null", "agent"):
            # An agent starts once in a target's life; while it did, the target
            # stood still and its caches went cold.
            target.run(WARM_UP_S)
        look = ["objgraph"] if on and row == "objgraph" else []
        answer = target.run(args.seconds, "run", *look)
        if row == "agent" and on:
            into.probe_cost_ns += beside.probe_cost_ns()
            into.cpu_ns += answer["cpu_ns"]
    finally:
        if beside:
            beside.close()
    return answer


def measure(args, script, row):
    result = Row()
    for start in range(args.starts):
        target = Target(args.python, script)
        if row == "investigate":
            target.ask("leak", 10)
        with tempfile.TemporaryDirectory() as state_dir:
            for pair in range(args.pairs):
                order = [False, True] if (start + pair) % 2 == 0 else [True, False]
                halves = {}
                for on in order:
                    halves["on" if on else "bare"] = half(
                        args, row, state_dir, target, on, result)
                result.add(halves)
                print("\r%s %s: start %d/%d pair %d/%d ratio %.4f   " % (
                    script, row, start + 1, args.starts, pair + 1, args.pairs,
                    result.ratios()[-1]), end="", file=sys.stderr, flush=True)
        target.close()
    print(file=sys.stderr)
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="directory of the programs")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--handlers", default="json,flask",
                        help="of json, flask, django (Debian's python3-django)")
    parser.add_argument("--rows", default="null,agent", help="of " + ", ".join(ROWS))
    args = parser.parse_args()

    print("| handler | row | pairs | median | Hodges-Lehmann (lower bound) "
          "| mean (lower bound) | p99 | accounting bound |")
    print("|---|---|---|---|---|---|---|---|")
    for handler in args.handlers.split(","):
        for row in args.rows.split(","):
            try:
                text = measure(args, handler + "_handler.py", row).text()
            except Missing as reason:
                text = "0 | not measured: %s | | | | " % reason
            print("| %s | %s | %s |" % (handler, ROWS[row], text), flush=True)


if __name__ == "__main__":
    main()
