#!/usr/bin/env python3
"""The cause class of real programs, live, beside what is true of them.

usage: programs_bench.py [--seconds N] [--times N] [--keep] [PROGRAM...]
                                                              (as root)

All programs of programs.py run at once under one agent and one collector, whose
time of day runs --times (30) as fast (fast_clock.c): ten minutes are five hours
to the rules, of which the collector's own defaults hold. What is measured is
real. A row is what the collector's API says of a program's first incident that
fires; "none" where none does, and below it what the board shows at the end.
Needs: tools/install build programs.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

import line  # noqa: E402
import programs  # noqa: E402

MIB = 1 << 20
LIBRARIES = ("cachetools", "flask", "jinja2", "numpy", "PIL", "prometheus_client",
             "yaml")
# Of real time: seconds, and the share of a core, which is more than the default
# as a census of each of a dozen programs each ten seconds asks for.
MEMORY_S, CENSUS_S, CPU_BUDGET = 1, 10, 0.6


def periods(times):
    """By the agent's clock, which is fast."""
    return {"memory_period": f"{MEMORY_S * times}s",
            "headers_period": f"{CENSUS_S * times}s",
            "census_period": f"{CENSUS_S * times}s",
            "cpu_budget": f"{CPU_BUDGET / times:.5f}"}


def clock_settings(directory, times):
    """The environment of what is to see the fast clock."""
    library = directory / "fast_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library,
                    HERE / "fast_clock.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(library),
            "FAST_CLOCK": f"{int(time.time())}:{times}"}


class Watched:
    """A program that runs, and the first word on it."""

    def __init__(self, name, bench):
        self.name = name
        self.program = programs.PROGRAMS[name]
        self.incident = None
        self.shown = ""  # of the workload, while there is no incident
        self.after_s = self.used = 0.0
        limit = self.program.limit_mib
        self.cgroup = line.MemoryCgroup(f"plimsoll-bench-{os.getpid()}-{name}",
                                        limit * MIB)
        bench.cgroups.append(self.cgroup)
        counters = bench.directory / f"{name}-counters"
        counters.mkdir()
        self.process = bench.start(
            name, [line.PYTHON, "-B", HERE / "programs.py", name],
            {"OTEL_SERVICE_NAME": name, "PROGRAMS_CAP_MIB": str(self.program.cap_mib),
             "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=programs",
             "PROMETHEUS_MULTIPROC_DIR": str(counters)},
            before=self.cgroup.enter)
        self.began = time.monotonic()

    def anon_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        [kib] = [row.split()[1] for row in status.splitlines()
                 if row.startswith("RssAnon:")]
        return int(kib) / 1024

    def look(self, incidents, workloads):
        if self.incident is not None:
            return
        for workload in workloads:
            if workload["name"] == self.name:
                self.shown = f"{workload['verdict']}: {workload['verdict_why']}"
        for incident in incidents:
            if (incident["workload"]["name"] == self.name
                    and incident["state"] == "firing"):
                self.incident = incident
                self.after_s = time.monotonic() - self.began
                self.used = self.anon_mib() / self.program.limit_mib

    def verdict(self):
        return self.incident["cause"] if self.incident else "none"

    def is_right(self):
        healthy = self.program.truth == "high-water" and self.incident is None
        return healthy or self.verdict() == self.program.truth

    def row(self, times):
        shares = "-"
        if self.incident:
            shares = ", ".join(share(self.incident["shares"][key])
                               for key in ("python", "native", "free"))
        when = (f"{self.after_s:4.0f} s ({self.after_s * times / 3600:.1f} h), "
                f"{self.used:.2f}" if self.incident else "-")
        return (f"{self.name:27} {self.program.truth:14} {self.verdict():14} "
                f"{shares:20} {'right' if self.is_right() else 'WRONG':6} {when}")


def share(value):
    return "?" if value is None else f"{value:.2f}"


def missing_libraries():
    check = "import importlib.util as u, sys; " \
            "print(*(n for n in sys.argv[1:] if not u.find_spec(n)))"
    done = subprocess.run([line.PYTHON, "-c", check, *LIBRARIES], check=True,
                          capture_output=True, text=True)
    return done.stdout.split()


def run(bench, directory, args):
    clock = clock_settings(directory, args.times)
    url, address = bench.start_collector("collector", more=clock)
    bench.start_agent("agent", address, periods(args.times), [
        "/usr/bin/env", *(f"{key}={value}" for key, value in clock.items())])
    watched = [Watched(name, bench)
               for name in args.programs or programs.PROGRAMS]
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        time.sleep(2)
        bench.check_alive()
        document = line.get_json(url + "/api/v1/incidents") or {}
        board = line.get_json(url + "/api/v1/workloads") or {}
        for each in watched:
            before = each.incident
            each.look(document.get("incidents", []), board.get("workloads", []))
            if each.incident is not before:
                print(each.row(args.times), flush=True)
                print("   ", each.incident["text"]["what"], flush=True)
    return watched


def report(watched, times):
    print(f"\n{'program':27} {'truth':14} {'verdict':14} "
          f"{'Python, native, free':20} {'':6} told after, of the limit")
    for each in watched:
        print(each.row(times))
        if each.incident is None:
            print(f"    {each.shown}, {each.anon_mib() / each.program.limit_mib:.2f}"
                  " of the limit")
    right = sum(each.is_right() for each in watched)
    print(f"right: {right} of {len(watched)}; load {os.getloadavg()[1]:.0f}; "
          f"clock {times} times as fast")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=590)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--keep", action="store_true",
                        help="keep the logs and the store, and say where")
    parser.add_argument("programs", nargs="*", choices=[[], *programs.PROGRAMS],
                        metavar="PROGRAM")
    args = parser.parse_args()
    missing = missing_libraries()
    if os.geteuid() != 0 or missing:
        parser.error("needs root" if not missing else
                     f"tools/install programs brings {', '.join(missing)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-programs-"))
    bench = line.Line(directory)
    try:
        report(run(bench, directory, args), args.times)
    finally:
        well = line.put_away(bench, directory, args.keep)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
