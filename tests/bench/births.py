#!/usr/bin/env python3
"""What the birth watch costs its target, beside tracemalloc on the same work.

usage: births.py BIN_DIR [PYTHON] [SECONDS] [ROUNDS]     (as root)

The target keeps one object of a class per round of work and makes and drops
100 more of the same class. Rows, in turn in every round: bare, bare again (the
null row), watched by `plimsoll stacks`, run with `-X tracemalloc=1`. Figure:
rounds of work per CPU second of the target, so that other load matters less.
"""
import json
import os
import statistics
import subprocess
import sys

TARGET = r"""
import os, sys, time
class Order:
    __slots__ = ('a', 'b')
    def __init__(self, a, b): self.a = a; self.b = b
KEEP = []
def serve(n):
    for i in range(100): Order(i, i)
def keep(n):
    KEEP.append(Order(n, n))
def cpu():
    t = os.times(); return t.user + t.system
print(os.getpid(), flush=True)
sys.stdin.readline()
end, n, begin = time.time() + float(sys.argv[1]), 0, cpu()
while time.time() < end:
    serve(n); keep(n); n += 1
    if n % 2000 == 0: time.sleep(0.02)
print(n / (cpu() - begin), flush=True)
sys.stdin.readline()
"""


def run(python, options, seconds, watch=None):
    """Rounds per CPU second, and the document of the watch."""
    with subprocess.Popen(
            [python, *options, "-c", TARGET, str(seconds)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
        pid = target.stdout.readline().strip()
        target.stdin.write("\n")
        target.stdin.flush()
        document = None
        if watch is not None:
            answer = subprocess.run(
                [watch, "stacks", pid, "--for", f"{seconds - 1}s", "--type",
                 "__main__.Order", "--json"],
                capture_output=True, text=True, check=True)
            document = json.loads(answer.stdout)
        rate = float(target.stdout.readline())
        target.stdin.write("\n")
        target.stdin.flush()
        return rate, document


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    plimsoll = os.path.join(sys.argv[1], "plimsoll")
    python = sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/python3.11"
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    rows = {"bare": [], "bare again": [], "watched": [], "tracemalloc": []}
    watches = []
    for _ in range(rounds):
        rows["bare"].append(run(python, [], seconds)[0])
        rows["bare again"].append(run(python, [], seconds)[0])
        rate, document = run(python, [], seconds, plimsoll)
        rows["watched"].append(rate)
        watches.append(document)
        rows["tracemalloc"].append(
            run(python, ["-X", "tracemalloc=1"], seconds)[0])
    for name, rates in rows.items():
        ratio = statistics.median(
            a / b for a, b in zip(rates, rows["bare"]))
        print(f"{name:12} {statistics.median(rates):12.0f} rounds per CPU s, "
              f"ratio {ratio:.4f}")
    for document in watches:
        births = document["births"]
        if births is None:
            print("no births:", document["notes"])
            continue
        first = document["stacks"][0]
        hits = births["hits_per_s"] * births["seconds"]
        print(f"{births['samples']} samples, "
              f"{hits / max(1, births['samples']):.1f} hits each at "
              f"{births['ns_per_hit']:.0f} ns, "
              f"{100 * births['target_core_share']:.3f} % of a core; first: "
              f"{first['kind']} {first['frames'][0]['function']} "
              f"{first['share']:.3f}")


if __name__ == "__main__":
    main()
