"""A process that fills its memory with what a reader of heaps may trip over.

usage: hostile_heap.py MEGABYTES
Crafted pools whose blocks claim huge tables, types that are made up by the
thousand (names without end, dicts without __module__, classes of classes in a
circle), free lists that run in a circle, chunks of malloc whose chain breaks
all the time. Beside them a thousand true objects. Prints "true COUNT" and
"crafted BYTES", then "ready", and waits for a line on stdin.
"""
import array
import collections
import ctypes
import mmap
import random
import struct
import sys

MINOR = sys.version_info[1]
POOL = 16384 if MINOR >= 10 else 4096
HEAD = 48
READY, HEAP_TYPE, TYPE_SUBCLASS = 1 << 12, 1 << 9, 1 << 31
random.seed(4)


class Honest:
    __slots__ = ("number",)


keep = [Honest() for _ in range(1000)]
maps = []


def private(size):
    """Memory that no file backs, as arenas are; and its address."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    area = mmap.mmap(-1, size, flags, mmap.PROT_READ | mmap.PROT_WRITE)
    maps.append(area)
    return area, ctypes.addressof(ctypes.c_char.from_buffer(area))


def make_types(count):
    """Types of 1 KiB each; every thirteenth is in a circle of metatypes."""
    area, base = private((count << 10) + (2 << 20))
    extra = base + (count << 10)
    at = count << 10
    # No end for a megabyte; each type's begins somewhere else.
    area[at:at + (1 << 20)] = b"".join(b"%07d." % i for i in range(1 << 17))
    # A dict of 600 keys, none of them __module__; each key a str "xyz".
    text = bytearray(80)
    struct.pack_into("<QQQ", text, 0, 1, id(str), 3)
    struct.pack_into("<I", text, 32, 1 << 2 | 1 << 5 | 1 << 6)
    text[40:43] = text[48:51] = b"xyz"
    key = extra + (1 << 20)
    area[key - base:key - base + 80] = bytes(text)
    keys = key + 128
    table = bytearray(40 + 1024 + 600 * 24)
    if MINOR >= 11:
        table[8:11] = bytes((10, 10, 0))
        struct.pack_into("<Q", table, 24, 600)
        first = 32 + 1024
    else:
        struct.pack_into("<QQ", table, 8, 128, 0)
        struct.pack_into("<Q", table, 32, 600)
        first = 40 + 128
    for i in range(600):
        struct.pack_into("<QQQ", table, first + i * 24, i, key, key)
    area[keys - base:keys - base + len(table)] = bytes(table)
    own = keys + len(table) // 16 * 16 + 32
    area[own - base:own - base + 48] = struct.pack(
        "<6Q", 1, id(dict), 600, 0, keys, 0)
    # A name of 2^40 characters of four bytes.
    wide = own + 64
    area[wide - base:wide - base + 40] = struct.pack(
        "<5Q", 1, id(str), 1 << 40, 0, 4 << 2 | 1 << 5)
    row = bytearray(1024)
    addresses = []
    for i in range(count):
        address = base + (i << 10)
        meta = id(type)
        if i % 13 == 0:
            meta = base + ((i + 13) % count // 13 * 13 << 10)
        struct.pack_into("<4Q", row, 0, 1, meta, 0, extra + i * 8)
        struct.pack_into("<2Q", row, 32, 32 + i, 0)
        struct.pack_into("<Q", row, 168, READY | HEAP_TYPE |
                         (TYPE_SUBCLASS if i % 13 == 0 else 0))
        struct.pack_into("<2Q", row, 256, address, own)  # its own base
        # Its qualified name is its own, or without end.
        struct.pack_into("<5Q", row, 920, 1, id(str), 7, 0, 1 << 2 | 3 << 5)
        row[960:967] = row[968:975] = b"T%06d" % i
        for at in (864, 872, 880, 888, 896):
            struct.pack_into("<Q", row, at, wide if i % 9 == 0 else
                             address + 920)
        area[i << 10:(i << 10) + 1024] = bytes(row)
        addresses.append(address)
    return addresses


def pool_of(block, words_of):
    """A full pool whose blocks hold what words_of says."""
    pool = bytearray(POOL)
    capacity = (POOL - HEAD) // block
    struct.pack_into("<IIQ", pool, 0, capacity, 0, 0)
    struct.pack_into("<4I", pool, 32, 7, block // 16 - 1,
                     HEAD + capacity * block, POOL - block)
    for i in range(capacity):
        words = words_of()[:block // 8]
        struct.pack_into("<%dQ" % len(words), pool, HEAD + i * block, *words)
    return bytes(pool)


def make_pools(area, base, size, types):
    huge = [1 << 40, (1 << 46) - 8, (1 << 62) + 1, (1 << 64) - 1, 1 << 20]

    def inside():
        return base + random.randrange(size) // 8 * 8

    def edge():  # a few bytes before the end of all that can be read
        return base + size - 8

    def claims(cls, *words):
        return [1, id(cls)] + [w() if callable(w) else w for w in words]

    big = lambda: random.choice(huge)  # noqa: E731
    makers = [
        lambda: [1, inside()],
        lambda: [1, random.choice(types)],
        lambda: [random.choice((0, 1, 1 << 50)), id(type), 1, inside()],
        lambda: claims(list, big, inside, big),
        lambda: claims(list, 5, inside, 1 << 30),
        lambda: claims(list, 5, edge, 1 << 10),
        lambda: claims(dict, big, big, inside, 0),
        lambda: claims(dict, 1, 1, edge, 0),
        lambda: claims(dict, 1, 1, inside, inside),
        lambda: claims(set, 1, 1, (1 << 30) - 1, inside),
        lambda: claims(set, 1, 1, big, inside),
        lambda: claims(bytearray, 1, big, inside, inside, 0),
        lambda: claims(collections.deque, big, inside, inside, 3),
        lambda: claims(array.array, big, inside, big),
        lambda: claims(str, big, big, 4 << 2, inside, big, inside, big),
        lambda: claims(tuple, big),
        lambda: [inside(), inside(), 1, id(list), 5, inside(), 1 << 33],
    ]
    pools = []
    for i, maker in enumerate(makers * 4 + [makers[1]] * 20):
        pools.append(pool_of((64, 96, 512)[i % 3] if 1 < i % 17 and i < 68
                             else 16,
                             maker))
    pools = [bytearray(p) for p in pools]
    for n in range(size // POOL):
        pool = pools[n % len(pools)]
        at = n * POOL
        area[at:at + POOL] = bytes(pool)
        if n % 5 == 0:  # the free list runs in a circle
            live = struct.unpack_from("<I", pool)[0]
            struct.pack_into("<IIQ", area, at, live // 2, 0, base + at + HEAD)
            struct.pack_into("<Q", area, at + HEAD, base + at + HEAD)
        elif n % 50 == 1:  # as if malloc had mapped it for one int
            struct.pack_into("<5Q", area, at, 0, POOL * 3 | 2, 1, id(int), 1 << 61)


def make_heap(size):
    """A thread's heap of malloc: a chain that breaks every 256 bytes."""
    whole = 64 << 20
    area, base = private(2 * whole)
    start = -base % whole
    piece = b"".join(struct.pack("<4Q", 0, 77 if i % 8 == 7 else 33, 1, id(int))
                     for i in range(2048))
    for at in range(0, size, len(piece)):
        area[start + at:start + at + len(piece)] = piece
    struct.pack_into("<4Q", area, start, base + start + 0x30, 0, size, size)


size = int(sys.argv[1]) << 20
types = make_types(20000)
area, base = private(size)
make_pools(area, base, size, types)
make_heap(16 << 20)
print("true", len(keep))
print("crafted", size + (16 << 20) + (20000 << 10))
print("ready", flush=True)
sys.stdin.readline()
