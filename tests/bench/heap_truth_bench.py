"""The census bench's target: COUNT live instances of each of five types.

usage: heap_truth_bench.py COUNT [dicts]     dicts: a heap of dicts and lists too
Prints "key value" lines and "ready", waits for a line; then makes and drops
objects of the same five types in a thread, says "ready", until stdin ends.
"""
import gc
import sys
import threading

SOURCE = '''
class FloatingVehicle:
    def __init__(self, i):
        self.name = i
        self.battery = 7

class Slotted:
    __slots__ = ("a", "b", "c")

class Pair(tuple):
    __slots__ = ()

class Label(str):
    __slots__ = ()

class Row(dict):
    __slots__ = ()
'''

namespace = {"__name__": "routing.vehicles"}
exec(SOURCE, namespace)
NAMES = ("FloatingVehicle", "Slotted", "Pair", "Label", "Row")
makers = (namespace["FloatingVehicle"],
          lambda i: namespace["Slotted"](),
          lambda i: namespace["Pair"]((i, i)),
          lambda i: namespace["Label"]("trip %d" % i),
          lambda i: namespace["Row"](a=i))
count = int(sys.argv[1])
gc.disable()
# Rows as a JSON API holds them: dicts of dicts, lists, text of some length.
rows = [{"id": i, "name": "vehicle %d" % i, "at": [i / 3, i / 7],
         "tags": {"a": i, "b": str(i)}, "stops": list(range(i, i + 30)),
         "wide": dict.fromkeys(range(40))}
        for i in range(count if "dicts" in sys.argv else 0)]
alive = [[make(i) for i in range(count)] for make in makers]


def churn():
    # At any moment at most 100 more of each.
    while True:
        for make in makers:
            [make(i) for i in range(100)]


def say(facts=()):
    for key, value in facts:
        sys.stdout.write("%s %s\n" % (key, value))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return sys.stdin.readline()


facts = [("type:routing.vehicles." + name, count) for name in NAMES]
facts.append(("allocated_blocks", sys.getallocatedblocks()))
if say(facts):
    threading.Thread(target=churn, daemon=True).start()
    say()
