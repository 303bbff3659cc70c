"""The five incidents of examples/README.md, live, from the leak to the page.

  five_incidents_test.py [--keep] [INCIDENT...]

Real services with real libraries, one agent, one collector, a real Alertmanager;
clocks are real and the rules those of production. All incidents run side by
side with PLIMSOLL_FULL=1 (about five minutes), or those that are named: see
INCIDENTS. An incident whose needs are not met is skipped with the reason; the others run.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import class_list  # noqa: E402
import cursor_cycle  # noqa: E402
import fleet as fleets  # noqa: E402
import floating_vehicles  # noqa: E402
import incident  # noqa: E402
import line  # noqa: E402
import lost_references  # noqa: E402
import query_set  # noqa: E402

INCIDENTS = {
    "floating_vehicles": [floating_vehicles.FloatingVehicles,
                          floating_vehicles.FloatingVehiclesOldForm],
    "class_list": [class_list.ClassList],
    "lost_references": [lost_references.LostReferences],
    "cursor_cycle": [cursor_cycle.CursorCycle],
    "query_set": [query_set.QuerySetWithLimit, query_set.QuerySetWithoutLimit],
}
SKIPPED = 77  # CTest's SKIP_RETURN_CODE


class NobodyElse(unittest.TestCase):
    """Last, when every page has come."""

    fleet = None
    leaking = set()

    def test_only_what_leaks_was_paged(self):
        ours = {s.workload for s in self.fleet.services}
        self.assertEqual(ours & set(self.fleet.paged), self.leaking)

    def test_every_service_is_still_there(self):
        self.fleet.line.check_alive()


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: other processes' memory, cgroups, BPF"
    for program in ("plimsoll-agent", "plimsoll-collector", "plimsoll"):
        if not (line.BIN / program).exists():
            return f"{line.BIN / program} is not built"
    return ""


def start_all(fleet, classes):
    """Starts services, then their traffic, some of it a while later."""
    fleet.start_line()
    steps = [step for each in classes for step in each.start(fleet)]
    begin = time.monotonic()
    steps.sort(key=lambda step: step[0] if isinstance(step, tuple) else 0)
    for step in steps:
        after, run = step if isinstance(step, tuple) else (0, step)
        time.sleep(max(0.0, begin + after - time.monotonic()))
        run()


def choose(names):
    chosen = []
    for name in names or INCIDENTS:
        for each in INCIDENTS[name]:
            reason = each.reason_to_skip()
            if reason:
                print(f"skipped: {each.__name__}: {reason}", flush=True)
            else:
                chosen.append(each)
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", action="store_true",
                        help="keep the logs and the store, and say where")
    parser.add_argument("names", nargs="*", choices=[[], *INCIDENTS],
                        metavar="INCIDENT")
    args = parser.parse_args()
    if os.environ.get("PLIMSOLL_FULL") != "1" and not args.names:
        print("skipped: five minutes and more beside the other tests; "
              "PLIMSOLL_FULL=1 or an incident's name runs it")
        return SKIPPED
    skip = reason_to_skip()
    classes = [] if skip else choose(args.names)
    if not classes:
        print(f"skipped: {skip or 'nothing that can run here'}")
        return 1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1" else SKIPPED
    directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-incidents-"))
    fleet = fleets.Fleet(directory)
    incident.Incident.fleet = NobodyElse.fleet = fleet
    NobodyElse.leaking = {each.LEAKS for each in classes}
    suite = unittest.TestSuite()
    for each in [*classes, NobodyElse]:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(each))
    try:
        start_all(fleet, classes)
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
        good = result.wasSuccessful()
        if not good and not args.keep:
            print(fleet.line.tails())
    finally:
        well = line.put_away(fleet, directory, args.keep)
    return 0 if good and well else 1


if __name__ == "__main__":
    sys.exit(main())
