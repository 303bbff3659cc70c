#!/usr/bin/env python3
"""Which site the birth watch names, and what the target feels of it.

usage: birth_sites.py BIN_DIR [--python PYTHON] [--only TEXT]     (as root)

One site of the target keeps what it makes, another makes and drops objects of
the same type and size beside it. Each row is a run of `plimsoll stacks`: who is
named, with what share of the births that stayed, from how many samples at how
many hits each; what the target made and kept meanwhile, by its own count; and
in rows with one thread the longest gap between two beats of another thread that
sleeps for a millisecond, in as many seconds before the command and during it.
"""
import argparse
import json
import os
import subprocess
import sys
import time

TARGET = r"""
import json, random, sys, threading, time
kind, threads, churn, rate, holes = sys.argv[1], *map(float, sys.argv[2:6])
class Order:
    __slots__ = ('a', 'b')
    def __init__(self, a, b): self.a = a; self.b = b
MAKE = {'instance': 'Order(i, i)', 'str': 'str(1000000 + i)', 'tuple': '(i, i)',
        'dict': '{"a": i}', 'list': '[i, i]', 'float': 'i * 1.5'}[kind]
KEEP = []
exec('''
def churn_site(n):
    for i in range(n): %s
def leak_site(i):
    KEEP.append(%s)
def fill(n):
    return [%s for i in range(n)]
''' % (MAKE, MAKE, MAKE))
if holes:
    random.seed(1); big = fill(int(holes)); random.shuffle(big)
    del big[int(holes * 0.3):]
made = [0] * int(threads)
def work(me):
    # In turns of a millisecond or more, so that the pace is held by sleeping.
    share = rate / threads
    some = max(1, int(share / 500))
    n, begin = 0, time.perf_counter()
    while True:
        for _ in range(some):
            churn_site(int(churn)); leak_site(n); n += 1
        made[me] = n
        ahead = begin + n / share - time.perf_counter()
        if ahead > 0: time.sleep(ahead)
def slow_work(me):
    # One kept every 1 / rate seconds, the churn spread between.
    kept_at = begin = time.perf_counter(); n = turns = 0
    while True:
        churn_site(int(churn * rate / 500)); turns += 1
        if time.perf_counter() - kept_at >= 1 / rate:
            leak_site(n); n += 1; kept_at += 1 / rate; made[me] = n
        ahead = begin + turns / 500 - time.perf_counter()
        if ahead > 0: time.sleep(ahead)
worst = 0.0
def beat():
    global worst
    last = time.perf_counter()
    while True:
        time.sleep(0.001)
        now = time.perf_counter(); worst = max(worst, now - last); last = now
if threads == 1:
    threading.Thread(target=beat, daemon=True).start()
for i in range(int(threads)):
    threading.Thread(target=slow_work if rate < 10 else work, args=(i,),
                     daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    print(json.dumps({'kept': sum(made), 'worst': worst,
                      'cpu': time.process_time()}), flush=True)
    worst = 0.0
"""

KINDS = ["instance", "str", "tuple", "dict", "list", "float"]
# kind, threads, dropped per kept, kept per second, freed before, seconds
ROWS = (
    [(kind, 1, 1000, 1000, 0, 60) for kind in KINDS] +
    [(kind, 40, 1000, 1000, 0, 60) for kind in KINDS] +
    [(kind, 1, 10, 100000, 0, 20) for kind in KINDS] +
    [("instance", 40, 10, 100000, 0, 20)] +
    [(kind, 1, 1000, 1000, 2000000, 60) for kind in KINDS] +
    [("instance", 1, 1000, 1 / 3, 0, 120), ("dict", 1, 1000, 1 / 3, 0, 120),
     ("instance", 1, 3000000, 1 / 3, 0, 120)])


class Target:
    def __init__(self, python, arguments):
        self.process = subprocess.Popen(
            [python, "-c", TARGET, *map(str, arguments)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def ask(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def run(args, row):
    kind, threads, churn, rate, holes, seconds = row
    target = Target(args.python, (kind, threads, churn, rate, holes))
    try:
        time.sleep(2)
        target.ask()  # forgets what starting cost
        time.sleep(seconds)
        before = target.ask()
        type_name = "__main__.Order" if kind == "instance" else kind
        answer = subprocess.run(
            [os.path.join(args.bin, "plimsoll"), "stacks",
             str(target.process.pid), "--for", f"{seconds}s", "--type",
             type_name, "--json", "--quiet"],
            capture_output=True, text=True, check=False)
        after = target.ask()
    finally:
        target.end()
    head = (f"| {kind} | {threads} | {rate:,.4g}/s of {churn:,}x"
            f"{', 70 % holes' if holes else ''} | {seconds} |")
    if answer.returncode != 0:
        return f"{head} failed: {answer.stderr.strip()}"
    document = json.loads(answer.stdout)
    kept = (after["kept"] - before["kept"]) / document["seconds"]
    births = document["births"]
    if births is None or not births["samples"]:
        why = births["refusal"] if births else "; ".join(document["notes"])
        return f"{head} {kept:,.4g} | none: {why} |"
    born = [s for s in document["stacks"] if s["kind"] == "born"]
    leak = sum(s["share"] for s in born
               if s["frames"] and s["frames"][0]["function"] == "leak_site")
    hits = births["hits_per_s"] * births["seconds"]
    gaps = (f"{before['worst'] * 1e3:.1f} / {after['worst'] * 1e3:.1f}"
            if threads == 1 else "-")
    return (f"{head} {kept:,.4g} | {born[0]['frames'][0]['function']} | "
            f"{100 * leak:.1f} % ({100 * born[0]['share_ci'][0]:.0f}-"
            f"{100 * born[0]['share_ci'][1]:.0f}) | {births['samples']} | "
            f"{hits / births['samples']:,.0f} at "
            f"{births['ns_per_hit'] / 1e3:.1f} us | "
            f"{100 * births['target_core_share']:.2f} % | {gaps} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bin")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--only", default="", help="rows that hold this text")
    args = parser.parse_args()
    print("| type | threads | kept, of dropped beside | s | kept/s | first | "
          "share (95 %) | samples | hits a sample | of a core | longest gap, "
          "ms: before / during |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if args.only in " ".join(map(str, row)):
            print(run(args, row), flush=True)


if __name__ == "__main__":
    main()
