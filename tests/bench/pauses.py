#!/usr/bin/env python3
"""The longest time for which a target does not run, beside what looks into it.

A target with a heap of OBJECTS instances works while a thread of it wakes every
millisecond and keeps the longest gap between two wakes. In turn, in an order that
alternates:

  none         nothing looks
  stacks       `plimsoll stacks PID` investigates the whole time: windows on the
               allocators with Python stacks, page faults, a census before and after
  types        `plimsoll types PID`, one census of the heap
  all          both, and an agent at its defaults that has the target under its
               probes: every tier at once
  gc.collect   the target collects, as every service does now and then by itself
  objgraph     the target calls objgraph.show_growth() (Debian's python3-objgraph)

Python's own threads hand over every 5 ms, so the gap without anything is not
1 ms either: the rows are to be compared, not read alone. A call of Plimsoll
that was refused says so, and measures the refusal.

  tests/bench/pauses.py --bin build/release/bin [--pairs 20] [--objects 200000]
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

from bench_agent import Agent
from bench_target import Target

INSIDE = ("gc.collect", "objgraph")


def look(args, row, pid):
    """What looks from outside, started."""
    children = []
    for verb in ("stacks", "types"):
        if row not in (verb, "all"):
            continue
        command = [os.path.join(args.bin, "plimsoll"), verb, str(pid), "--json",
                   "--quiet"]
        if verb == "stacks":
            command += ["--for", "%gs" % args.seconds]
        children.append(subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    return children


@contextlib.contextmanager
def agent_beside(args, row):
    """An agent for as long as the block lasts, where the row has one."""
    if row != "all":
        yield
        return
    with tempfile.TemporaryDirectory() as state_dir:
        agent = Agent(args.bin, state_dir)
        try:
            yield
        finally:
            agent.close()


def measure(args, script, rows):
    gaps = {row: [] for row in rows}
    refused = {}
    target = Target(args.python, script)
    target.ask("fill", args.objects)
    for pair in range(args.pairs):
        for row in rows if pair % 2 == 0 else reversed(rows):
            with agent_beside(args, row):
                children = look(args, row, target.process.pid)
                # A look, its censuses and its end are all inside the beat.
                inside = [row] if row in INSIDE else []
                answer = target.run(args.seconds + args.margin, "beat", *inside)
                for child in children:
                    _, errors = child.communicate(timeout=60)
                    if child.returncode != 0:
                        refused[row] = errors.strip().splitlines()[-1]
            gaps[row].append(answer["max_gap_ns"] / 1e6)
            time.sleep(0.05)
        print("\r%s: pair %d/%d   " % (script, pair + 1, args.pairs), end="",
              file=sys.stderr, flush=True)
    print(file=sys.stderr)
    target.close()
    return gaps, refused


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="directory of the programs")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--margin", type=float, default=1.5)
    parser.add_argument("--objects", type=int, default=200000)
    parser.add_argument("--handlers", default="json,flask")
    parser.add_argument("--rows", default="none,stacks,types,all,gc.collect,objgraph")
    args = parser.parse_args()

    print("| handler | row | beats | longest gap of a beat: median | worst |")
    print("|---|---|---|---|---|")
    for handler in args.handlers.split(","):
        gaps, refused = measure(args, handler + "_handler.py", args.rows.split(","))
        for row, values in gaps.items():
            name = row + (" (refused: %s)" % refused[row] if row in refused else "")
            print("| %s | %s | %d | %.1f ms | %.1f ms |" % (
                handler, name, len(values), statistics.median(values), max(values)),
                flush=True)


if __name__ == "__main__":
    main()
