"""The examples leak, or do not, as examples/README.md says. No Plimsoll in here."""
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

EXAMPLES = os.path.join(os.environ["PLIMSOLL_SOURCE_DIR"], "examples")
IN_CENTRE = 10_000  # vehicles; the 38th is withdrawn
FAILING = "/route?city=singapore&zone=centre"
DEADLINE_S = 60

CHILD = """
import gc, json, sys, threading, time
from routing.app import create_app
client = create_app().test_client()
statuses = [client.get(path).status_code for path in sys.argv[1:]]
def kept():
    gc.collect()
    return sum(type(o).__name__ == "FloatingVehicle" for o in gc.get_objects())
last, since = kept(), time.monotonic()
while time.monotonic() - since < 1.5:  # lookups go on after the answer
    time.sleep(0.1)
    now = kept()
    if now != last:
        last, since = now, time.monotonic()
print(json.dumps([statuses, last, threading.active_count()]))
"""


def serve(pools, paths):
    """(statuses, vehicles kept, threads) after these requests."""
    with tempfile.TemporaryDirectory() as counters:
        env = {"PATH": "/usr/bin:/bin", "ROUTING_POOLS": pools,
               "PROMETHEUS_MULTIPROC_DIR": counters,
               "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONPATH": os.path.join(EXAMPLES, "floating_vehicles")}
        out = subprocess.run([sys.executable, "-c", CHILD, *paths], env=env,
                             check=True, stdout=subprocess.PIPE,
                             timeout=DEADLINE_S).stdout
    return json.loads(out)


class FloatingVehicles(unittest.TestCase):
    def test_request_that_raises_keeps_every_vehicle_and_seven_threads(self):
        statuses, kept, threads = serve("registered", [FAILING, FAILING])
        self.assertEqual(statuses, [500, 500])
        # 37 came before the one that raised, and were consumed and dropped.
        self.assertEqual(kept, 2 * (IN_CENTRE - 38))
        self.assertEqual(threads, 1 + 2 * 7)

    def test_requests_that_succeed_or_never_open_a_pool_keep_nothing(self):
        statuses, kept, threads = serve("registered", [
            "/route?city=singapore&zone=north", "/route?city=paris&zone=centre",
            "/route?city=paris&zone=harbour"])
        self.assertEqual(statuses, [200, 200, 500])
        self.assertEqual((kept, threads), (0, 1))

    @unittest.skipIf(sys.version_info < (3, 8), "leaks before 3.8")
    def test_old_form_is_collected(self):
        statuses, kept, threads = serve("local", [FAILING, FAILING])
        self.assertEqual(statuses, [500, 500])
        self.assertEqual(kept, 0)

    def test_a_vehicle_is_160_bytes(self):
        sys.path.insert(0, os.path.join(EXAMPLES, "floating_vehicles"))
        from routing import feed, vehicles
        row = feed.rows("paris", "north")[0]
        vehicle = vehicles.load((row, "paris", "north"))
        self.assertEqual(sys.getsizeof(vehicle), 160)  # the GC's head included
        self.assertTrue(gc.is_tracked(vehicle))


class Quotes(unittest.TestCase):
    def test_batch_is_dropped_when_full_and_the_cache_is_bounded(self):
        sys.path.insert(0, os.path.join(EXAMPLES, "quotes"))
        from quotes import ledger, tariffs
        start = time.monotonic()
        for pair in range(3 * tariffs.ZONE_PAIRS):
            tariffs.tariff(pair)
            ledger.record([ledger.Quote(pair, s, 1) for s in range(100)])
            self.assertLess(len(ledger._batch), ledger.BATCH)
            self.assertLess(time.monotonic() - start, DEADLINE_S)
        self.assertGreater(ledger.written, ledger.BATCH)
        self.assertEqual(tariffs.tariff.cache_info().currsize, tariffs.ZONE_PAIRS)


if __name__ == "__main__":
    unittest.main()
