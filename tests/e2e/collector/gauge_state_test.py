#!/usr/bin/env python3
"""Memory that goes with a gauge, from the service to the page.

A service holds vehicles of four cities and says how many by a gauge of
prometheus_client (multiprocess mode). Oslo's become ever more, at an uneven
pace; the others' come and go; requests have the same cities and keep nothing.
The page must name the gauge and the city, with the bytes of one vehicle, and
blame no request.

Takes five minutes: runs under PLIMSOLL_FULL=1.
"""
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

MIB = 1 << 20
SKIPPED = 77  # CTest's SKIP_RETURN_CODE
WITHIN_S = 330
LIMIT_BYTES = 300 * MIB
SLOTS = 20
# GC head, object head and slots, rounded up to pymalloc's 16; and an item of a
# list, which has up to an eighth of it in reserve.
VEHICLE_BYTES = (16 + 16 + 8 * SLOTS + 15) // 16 * 16 + 8
SERVICE = f"""
import random, time
from prometheus_client import Counter, Gauge
class Vehicle:
    __slots__ = ({", ".join(f'"s{i}"' for i in range(SLOTS))})
REQUESTS = Counter("app_requests", "Requests", ["city", "outcome"])
VEHICLES = Gauge("vehicles", "Held", ["city"], multiprocess_mode="livesum")
CITIES = ["lima", "oslo", "paris", "perth"]
held = {{city: [Vehicle() for _ in range(20000)] for city in CITIES}}
draw = random.Random(7)
begin, turn, pace = time.monotonic(), 0, 1
while True:
    if turn % 60 == 0:
        pace = draw.choice([0.2, 0.6, 1.2, 2])
    for city, vehicles in held.items():
        if city == "oslo":
            vehicles.extend(Vehicle() for _ in range(int(draw.random() * 400 * pace)))
        elif draw.random() < 0.5:
            vehicles.extend(Vehicle() for _ in range(draw.randrange(300)))
        else:
            del vehicles[-draw.randrange(1, 300):]
        VEHICLES.labels(city).set(len(vehicles))
    REQUESTS.labels(draw.choice(CITIES), draw.choices(["ok", "error"], [9, 1])[0]).inc()
    turn += 1
    time.sleep(max(0.0, begin + turn / 10 - time.monotonic()))
"""


def reason_to_skip():
    if os.environ.get("PLIMSOLL_FULL") != "1":
        return "takes five minutes: runs under PLIMSOLL_FULL=1 (tools/test --full)"
    if os.geteuid() != 0:
        return "needs root: other processes' memory, cgroups"
    return ""


class GaugeState(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-gauge-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.line = line.Line(self.directory)
        self.addCleanup(self.line.stop)

    def test_the_page_says_what_state_is_large(self):
        collector, address = self.line.start_collector("collector")
        self.line.start_agent("agent", address, {
            "memory_period": "5s", "headers_period": "10s",
            "census_period": "10s"})
        (self.directory / "prometheus").mkdir()
        cgroup = line.MemoryCgroup(f"plimsoll-e2e-{os.getpid()}", LIMIT_BYTES)
        self.line.cgroups.append(cgroup)
        self.line.start("service", [line.PYTHON, "-B", "-c", SERVICE], {
            "OTEL_SERVICE_NAME": "dispatch",
            "PROMETHEUS_MULTIPROC_DIR": str(self.directory / "prometheus")},
            before=cgroup.enter)

        def page():
            document = line.get_json(collector + "/api/v1/incidents") or {}
            for incident in document.get("incidents", []):
                if (incident["workload"]["name"] == "dispatch"
                        and incident["state"] == "firing"):
                    return incident
            return None
        found = line.wait_for("page", WITHIN_S, page, self.line.check_alive)
        traffic = found["traffic"]
        print(found["text"]["title"], found["text"]["traffic"],
              json.dumps(traffic["states"], indent=1), sep="\n", flush=True)
        self.assertEqual(traffic["causes"], [])
        [state] = traffic["states"]
        self.assertEqual(state["gauge"], "vehicles")
        self.assertIn(state["attributes"], ("city=oslo", ""))
        each = state["bytes_per_unit"]
        self.assertLess(each["lo"], VEHICLE_BYTES * 1.1)
        self.assertGreater(each["hi"], VEHICLE_BYTES)
        self.assertGreater(state["share"], 0.8)
        self.assertGreater(state["to"], state["from"])
        self.assertIn("no requests explain it: it goes with gauge vehicles",
                      found["text"]["traffic"])


if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
