"""A heap whose contents are known, for the census to be checked against.

usage: heap_truth.py COUNT [churn]
Prints "key value" lines, then "ready", and waits for a line on stdin: first
before anything is made, then with COUNT of each kind alive, then (with
"churn") while a thread makes and drops objects of the same types, until stdin
ends. Keys that begin with "type:" are exact counts of live objects.
"""
import collections
import gc
import os
import re
import sys
import tempfile
import threading

SOURCE = '''
class FloatingVehicle:
    def __init__(self, i):
        self.name = i
        self.battery = 7

class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, i):
        self.a = i
        self.b = None

class Fleet:
    class Nested:
        __slots__ = ("a",)

class V\u00e9hicule(tuple):
    __slots__ = ()

def trips(n):
    yield n
'''

namespace = {"__name__": "routing.vehicles"}
exec(SOURCE, namespace)
FloatingVehicle = namespace["FloatingVehicle"]
Slotted = namespace["Slotted"]
Nested = namespace["Fleet"].Nested
Vehicule = namespace["V\u00e9hicule"]
trips = namespace["trips"]

count = int(sys.argv[1])
churn = "churn" in sys.argv


def say(*facts):
    for key, value in facts:
        sys.stdout.write("%s %s\n" % (key, value))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return sys.stdin.readline()


def pool_blocks():
    """Live blocks in pools; sys.getallocatedblocks() adds those of malloc()."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as out:
        os.dup2(out.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(saved, 2)
        os.close(saved)
        out.seek(0)
        text = out.read().decode()
    rows = re.findall(r"^ +\d+ +\d+ +\d+ +(\d+) +\d+$", text, re.M)
    return sum(int(row) for row in rows)


def count_of(cls):
    return len([None for o in gc.get_objects() if type(o) is cls])


def churner(stop):
    while not stop.is_set():
        made = [FloatingVehicle(i) for i in range(500)]
        made += [Slotted(i) for i in range(500)]
        made += [{"a": i} for i in range(500)]
        made += [str(i) + "x" for i in range(500)]
        del made


gc.disable()
gc.collect()
made = {k: [None] * count for k in
        ("vehicle", "slotted", "nested", "pair", "dict", "str", "generator",
         "vehicule")}
index = 0
blocks = 0
say(("minor", sys.version_info[1]), ("type_type", id(type)),
    ("code", id(trips.__code__)),
    ("gc_enabled", int(gc.isenabled())))

for index in range(count):
    made["vehicle"][index] = FloatingVehicle(index)
    made["slotted"][index] = Slotted(index)
    made["nested"][index] = Nested()
    made["pair"][index] = (index, None)
    made["dict"][index] = {"a": index}
    made["str"][index] = "trip %d" % index
    made["generator"][index] = trips(index)
    made["vehicule"][index] = Vehicule((index,))
queue_count = min(count, 1000)
queues = [collections.deque() for _ in range(queue_count)]
gc.collect()
stats = gc.get_stats()
facts = [
    ("type:routing.vehicles.FloatingVehicle", count),
    ("type:routing.vehicles.Slotted", count),
    ("type:routing.vehicles.Fleet.Nested", count),
    ("type:routing.vehicles.V\u00e9hicule", count),
    ("type:generator", count_of(type(trips(0)))),
    ("type:collections.deque", count_of(collections.deque)),
    ("more:tuple", count),
        # Up to 3.10 each instance has a dict of its own from the start.
    ("more:dict", count * (2 if sys.version_info < (3, 11) else 1)),
    ("more:str", count),
    ("collections0", stats[0]["collections"]),
    ("collections2", stats[2]["collections"]),
]
sys.stdout.reconfigure(encoding="utf-8")
facts.append(("allocated_blocks", sys.getallocatedblocks()))
facts.append(("pool_blocks", pool_blocks()))
say(*facts)
if churn:
    stop = threading.Event()
    thread = threading.Thread(target=churner, args=(stop,), daemon=True)
    thread.start()
    say()
    stop.set()
    thread.join()
