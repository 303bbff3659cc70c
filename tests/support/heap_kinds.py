"""Twelve kinds of objects, small and big, for the census' counts and bytes.

usage: heap_kinds.py COUNT        (with any PYTHONMALLOC)
Prints "key value" lines, then "ready", and waits for a line on stdin: first
before anything is made, then with the objects alive (the facts about them come
after the next line), then with all of them dropped. Keys:
"count:TYPE" and "bytes:TYPE" say how many objects of that type were made since
the first "ready" and what they cost by this rule: sys.getsizeof, with the GC
head and what stands before it, split into the blocks that it consists of, each
rounded to the allocator's block (16 bytes up to 512, then malloc's chunk).
"""
import codecs
import gc
import io
import os
import sys
import warnings

MINOR = sys.version_info[1]
ALLOCATOR = os.environ.get("PYTHONMALLOC", "")
SOURCE = '''
class Plain:
    def __init__(self, i):
        self.name = i
        self.battery = None
        self.seats = True

class Slotted:
    __slots__ = ("a", "b", "c")
    def __init__(self, i):
        self.a = i

class Text(str):
    __slots__ = ()

class Bag(set):
    __slots__ = ()

def trips(n):
    yield n

async def plan(n):
    return n
'''
namespace = {"__name__": "kinds"}
exec(SOURCE, namespace)
Plain = namespace["Plain"]
Slotted = namespace["Slotted"]
Text = namespace["Text"]
Bag = namespace["Bag"]
trips = namespace["trips"]
plan = namespace["plan"]
KEY = tuple("key%d" % i for i in range(30000))

count = int(sys.argv[1])
few = max(1, count // 100)


def fixed(i):
    return float(i)


def utf8(size):
    """Text that keeps a UTF-8 copy beside itself."""
    text = "\u8eca" * size
    try:
        codecs.lookup_error(text)  # asks for its UTF-8
    except LookupError:
        pass
    return text


def buried(size):
    """A bytes that only a BytesIO knows, and no collector."""
    stream = io.BytesIO()
    stream.write(b"x" * size)
    return stream


# kind -> (type name, [(how many, maker)])
MAKERS = {
    "plain": ("kinds.Plain", [(count, Plain)]),
    "slotted": ("kinds.Slotted", [(count, Slotted)]),
    "dict": ("dict", [(count, lambda i: {"a": i}),
                      (count, lambda i: {}),
                      (few, lambda i: {i: i, i + 1: i}),
                      (few, lambda i: dict.fromkeys(KEY[:15])),
                      (few, lambda i: dict.fromkeys(KEY[:100])),
                      (few, lambda i: dict.fromkeys(KEY[:1000])),
                      (2, lambda i: dict.fromkeys(KEY))]),
    "list": ("list", [(count, lambda i: [i]),
                      (count, lambda i: []),
                      (few, lambda i: [None] * 100),
                      (few, lambda i: [None] * 3000),
                      (3, lambda i: [None] * 130000)]),
    "tuple": ("tuple", [(count, lambda i: (i, None)),
                        (few, lambda i: (i,) * 100),
                        (few, lambda i: (None,) * 3000),
                        (3, lambda i: (None,) * 130000)]),
    "str": ("str", [(count, lambda i: "trip %d" % (i + 100000)),
                    (few, lambda i: "\u8eca %d" % i),
                    (few, lambda i: utf8(20)),
                    (few, lambda i: utf8(1000)),
                    (few, lambda i: "x%d" % i * 300),
                    (3, lambda i: "x%d" % i * 500000)]),
    "text": ("kinds.Text", [(count, lambda i: Text("trip %d" % i)),
                            (few, lambda i: Text("x" * 3000))]),
    "bytes": ("bytes", [(count, lambda i: b"trip %d" % (i + 100000)),
                        (few, lambda i: b"x%d" % i * 300),
                        (3, lambda i: b"x%d" % i * 500000)]),
    "bytearray": ("bytearray", [(count, lambda i: bytearray(30)),
                                (few, lambda i: bytearray(5000)),
                                (3, lambda i: bytearray(1000000))]),
    "int": ("int", [(count, lambda i: i + 1000000),
                    (few, lambda i: (1 << 300) + i),
                    (few, lambda i: (1 << 20000) + i),
                    (3, lambda i: (1 << 7000000) + i)]),
    "buried": ("_io.BytesIO", [(few, lambda i: buried(250000 + i))]),
    "float": ("float", [(count, fixed)]),
    "set": ("set", [(count, lambda i: {i}),
                    (few, lambda i: set(KEY[:9])),
                    (few, lambda i: set(KEY[:300])),
                    (3, lambda i: set(KEY))]),
    "bag": ("kinds.Bag", [(count, lambda i: Bag((i,))),
                          (few, lambda i: Bag(KEY[:300]))]),
    "frozenset": ("frozenset", [(count, lambda i: frozenset((i, i + 1)))]),
    "generator": ("generator", [(count, trips)]),
    "coroutine": ("coroutine", [(count, plan)]),
}


def rounded(n):
    if ALLOCATOR.endswith("debug"):
        n += 32 if MINOR == 7 else 24
    if n <= 512 and not ALLOCATOR.startswith("malloc"):
        return (n + 15) // 16 * 16
    return max(32, (n + 8 + 15) // 16 * 16)


def is_gc(cls):
    return bool(cls.__flags__ & 1 << 14)


def blocks_of(o):
    """The blocks that an object consists of, in bytes asked for."""
    cls = type(o)
    head = 0
    if is_gc(cls):
        head = 32 if MINOR == 7 else 16
    if MINOR == 11 and cls.__flags__ & 1 << 4:
        head += 16
    if MINOR >= 12 and cls.__flags__ & 3 << 3:
        head += 16
    size = o.__sizeof__()
    base = cls.__basicsize__
    if isinstance(o, (list, dict, set, frozenset, bytearray)):
        return (head + base, size - base)
    if isinstance(o, Text):
        return (head + base, size - base)
    if isinstance(o, io.BytesIO):
        return (head + base,)
    if isinstance(o, str) and not o.isascii():
        wide = 2
        inside = (72 if MINOR <= 11 else 56) + (len(o) + 1) * wide
        return (inside, size - inside)
    if cls is Plain and MINOR in (11, 12):  # getsizeof leaves its values out
        return (head + size, VALUES)
    if cls is Plain and MINOR >= 13:
        return (head + size + VALUES,)
    return (head + size,)


def values_bytes():
    """The block of a Plain's values: what the allocator's own figures say."""
    import re
    import tempfile

    def stats():
        saved = os.dup(2)
        with tempfile.TemporaryFile() as out:
            os.dup2(out.fileno(), 2)
            sys._debugmallocstats()
            os.dup2(saved, 2)
            os.close(saved)
            out.seek(0)
            text = out.read().decode()
        rows = re.findall(r"^ +\d+ +(\d+) +\d+ +(\d+) +\d+$", text, re.M)
        return {int(size): int(used) for size, used in rows}
    many = [None] * 2000
    before = stats()
    for i in range(2000):
        many[i] = Plain(None)
    after = stats()
    grown = sum(size * (after[size] - before.get(size, 0)) for size in after
                if after[size] - before.get(size, 0) > 1000)
    return grown // 2000 - rounded(Plain.__basicsize__ + 32)


def say(facts=()):
    for key, value in facts:
        sys.stdout.write("%s %s\n" % (key, value))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return sys.stdin.readline()


def fill(made, share):
    """One in `share` of what MAKERS says; nothing that stays but in `made`."""
    for name in made:
        rows = MAKERS[name][1]
        at = 0
        for many, make in rows:
            if share > 1:
                many = min(many, 2)
            for i in range(many):
                made[name][at] = make(i % 200)  # small ints are shared
                at += 1


def facts_of(made):
    facts = []
    for name in made:
        live = [o for o in made[name] if o is not None]
        if name == "dict" and MINOR <= 10:
            live += [o.__dict__ for o in made["plain"] if o is not None]
        total = 0
        for o in live:
            for block in blocks_of(o):
                if block > 0:
                    total += rounded(block)
        alive = len(live)
        if name == "bytes":
            for o in made["buried"]:
                if o is not None:
                    alive += 1
                    total += rounded(o.__sizeof__() - type(o).__basicsize__)
        facts.append(("count:" + MAKERS[name][0], alive))
        if VALUES or name != "plain" or MINOR <= 10:
            facts.append(("bytes:" + MAKERS[name][0], total))
    return facts


gc.disable()
sys.stderr = io.StringIO()  # coroutines that were never awaited
VALUES = values_bytes() if MINOR >= 11 and not ALLOCATOR else 0
made = {name: [None] * sum(many for many, _ in rows)
        for name, (_, rows) in MAKERS.items()}
# Once, so that what the code itself keeps is there before the first look.
fill(made, 100)
facts_of(made)
for name in made:
    made[name][:] = [None] * len(made[name])
name = None
gc.collect()
# The interpreter's cache of methods keeps names of classes that are gone, such as
# _IntEnum__in_progress, until others take their places.
warnings.simplefilter("ignore")
getattr(sys, "_clear_type_cache", int)()
say()
fill(made, 1)
say()
say(facts_of(made))
# Gone, but for what waits in free lists.
for name in made:
    made[name][:] = [None] * len(made[name])
say()
