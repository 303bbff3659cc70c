#!/usr/bin/env python3
"""The longest time for which a target does not run, inside a window and without.

A target works while a thread of it wakes every millisecond and keeps the
longest gap between two wakes. In turn a window on its allocators is open for
the whole of that (`plimsoll stacks PID --for SECONDS`, which attaches, counts,
detaches and takes a census before and after), or not, in an order that
alternates. Python's own threads hand over every 5 ms, so the gap without a
window is not 1 ms either: the two rows are to be compared, not read alone.

A window may be refused, since it would cost too much on this build: then the
row says so and measures the refusal.

  tests/bench/window_gap.py --bin build/release/bin [--pairs 20]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from bench_target import Target


def window(args, pid):
    return subprocess.Popen(
        [os.path.join(args.bin, "plimsoll"), "stacks", str(pid),
         "--for", "%gs" % args.seconds, "--json", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def measure(args, script):
    gaps = {"none": [], "window": []}
    refused, hits = "", 0
    target = Target(args.python, script)
    for pair in range(args.pairs):
        order = ["none", "window"] if pair % 2 == 0 else ["window", "none"]
        for row in order:
            child = window(args, target.process.pid) if row == "window" else None
            # The window, its two censuses and its end are all inside the beat.
            answer = target.run(args.seconds + args.margin, "beat")
            if child:
                out, errors = child.communicate(timeout=60)
                if child.returncode == 0:
                    hits += sum(s["objects"] for s in json.loads(out)["stacks"])
                else:
                    refused = errors.strip().splitlines()[-1]
            gaps[row].append(answer["max_gap_ns"] / 1e6)
            time.sleep(0.05)
        print("\r%s: pair %d/%d   " % (script, pair + 1, args.pairs), end="",
              file=sys.stderr, flush=True)
    print(file=sys.stderr)
    target.close()
    return gaps, refused, hits


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True, help="directory of the programs")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--margin", type=float, default=1.5)
    parser.add_argument("--handlers", default="json,flask")
    args = parser.parse_args()

    print("| handler | row | beats | longest gap of a beat: median | worst |")
    print("|---|---|---|---|---|")
    for handler in args.handlers.split(","):
        gaps, refused, hits = measure(args, handler + "_handler.py")
        names = {"none": "no window", "window": "window of %g s, %d allocations "
                 "counted" % (args.seconds, hits)}
        if refused:
            names["window"] += " (refused: %s)" % refused
        for row, name in names.items():
            print("| %s | %s | %d | %.1f ms | %.1f ms |" % (
                handler, name, len(gaps[row]), statistics.median(gaps[row]),
                max(gaps[row])), flush=True)


if __name__ == "__main__":
    main()
