#!/usr/bin/env python3
"""What windows on malloc see and cost, on requests and beside a known leak.

usage: malloc_windows.py BIN_DIR [--python PYTHON] [--seconds N] [--only TEXT]
                                                                       (as root)

Each row is a run of `plimsoll stacks --malloc`:

  json, flask     requests as fast as they go: how often such code calls malloc
                  and free, and what is left of the windows' time for it
  leak R x C      a library keeps R blocks of 100 bytes a second at one line and
                  makes and drops C of the same size for each at another; the
                  first line is to be that which keeps

"calls": hits a second of an allocation or a free in the windows, "ns": what one
costs by the calibrated trap and the measured program, "in windows": of all the
time. For the leaks: what survived, of what was allocated, by line.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from bench_target import Target

LIBRARY = r"""
#include <stdlib.h>
#include <time.h>
static void *volatile last;
static __attribute__((noinline)) void keep_one(void) { last = malloc(100); }
static __attribute__((noinline)) void drop_one(void) {
  void *block = malloc(100);
  last = block;
  free(block);
}
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
void run(double rate, long churn) {
  double begin = now();
  for (long n = 0;; ++n) {
    for (long i = 0; i < churn; ++i) drop_one();
    keep_one();
    double ahead = begin + n / rate - now();
    if (ahead > 0) {
      struct timespec t = {(time_t)ahead, (long)((ahead - (long)ahead) * 1e9)};
      nanosleep(&t, 0);
    }
  }
}
"""
TARGET = """
import ctypes, sys
library = ctypes.PyDLL(sys.argv[1])
library.run.argtypes = [ctypes.c_double, ctypes.c_long]
def serve(): library.run(float(sys.argv[2]), int(sys.argv[3]))
print('ready', flush=True)
serve()
"""
LEAKS = [(100, 10), (100, 100), (100, 300), (10, 1000), (100, 850), (100, 10000)]


def look(arguments, pid):
    command = [os.path.join(arguments.bin, "plimsoll"), "stacks", str(pid),
               "--malloc", "--json", "--quiet", "--for",
               "%gs" % arguments.seconds]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout), ""


def cost(document):
    malloc = document["malloc"]
    windows = document["window_seconds"]
    per_s = malloc["hits"] / windows if windows else 0
    spent = malloc["target_core_share"] * document["seconds"]
    ns = spent * 1e9 / malloc["hits"] if malloc["hits"] else 0
    return ("%d windows, %.1f %% of the time; %s calls/s at %.0f ns: %.1f %% of "
            "a core in them, %.2f %% on average; one in %d followed, rested %.2f s; "
            "%d of %d told"
            % (malloc["windows"], 100 * windows / document["seconds"],
               format(round(per_s), ","), ns, per_s * ns / 1e7,
               100 * malloc["target_core_share"], malloc["sample_every"],
               malloc["rest_seconds"],
               malloc["windows_with_survivors"], malloc["windows"]))


def sums(document, function):
    rows = [row for row in document["stacks"]
            if row["frames"] and row["frames"][0]["function"] == function]
    return {key: sum(row[key] or 0 for row in rows)
            for key in ("objects", "allocations", "not_freed")}


def requests(arguments, script):
    target = Target(arguments.python, script)
    answer = {}

    def work():
        answer.update(target.run(arguments.seconds + 3))

    thread = threading.Thread(target=work)
    thread.start()
    document, error = look(arguments, target.process.pid)
    thread.join()
    target.close()
    print("%-12s %s" % (script.split("_")[0], error or cost(document)), flush=True)
    print("%-12s %s" % ("", json.dumps(answer)), flush=True)


def leak(arguments, library, rate, churn):
    process = subprocess.Popen(
        [arguments.python, "-c", TARGET, library, str(rate), str(churn)],
        stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(0.3)
    document, error = look(arguments, process.pid)
    process.kill()
    process.wait()
    name = "leak %d x %d" % (rate, churn)
    if document is None:
        print("%-16s %s" % (name, error), flush=True)
        return
    kept, dropped = sums(document, "keep_one"), sums(document, "drop_one")
    first = document["stacks"][0]["frames"][0]["function"]
    print("%-16s %s" % (name, cost(document)))
    print("%-16s first %s; kept %d of %d survived, dropped %d of %d; refused: %s"
          % ("", first, kept["objects"], kept["allocations"], dropped["objects"],
             dropped["allocations"], document["malloc"]["survivors_refused"]),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "leak.c")
        library = os.path.join(directory, "libleak.so")
        with open(source, "w") as file:
            file.write(LIBRARY)
        subprocess.run(["gcc", "-O1", "-g", "-shared", "-fPIC", source, "-o",
                        library], check=True)
        for script in ("json_handler.py", "flask_handler.py"):
            if arguments.only in script:
                requests(arguments, script)
        for rate, churn in LEAKS:
            if arguments.only in "leak %d x %d" % (rate, churn):
                leak(arguments, library, rate, churn)


if __name__ == "__main__":
    sys.exit(main())
