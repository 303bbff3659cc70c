"""From a leak that nobody has seen before to the page in a real Alertmanager.

A service is made up anew for each run (made_up_service.py) and leaks in a
cgroup with a limit; a sibling of the same code does not. One agent and one
collector watch it, with Alertmanager behind them. Beside them run two controls,
each with a station of the line taken out: an agent that may not use BPF (no
windows), and one that takes no census in time. What a station is for must be
missing from its control, so that no test here can pass without that station.

PLIMSOLL_E2E_SEED repeats a run.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import line
import made_up_service

MIB = 1 << 20
LEAK_BYTES_PER_S = 1.0 * MIB
# The page must come before the kernel: at this pace in four and a half minutes.
LIMIT_BYTES = 290 * MIB
PAGE_WITHIN_S = 270
# Behind the page: a window and 20 s of births, mostly before it.
BIRTHS_WITHIN_S = 120
PERIODS = {"memory_period": "5s", "headers_period": "10s",
           "census_period": "10s"}
NO_CENSUS = {**PERIODS, "headers_period": "1h", "census_period": "1h"}
WITHOUT_BPF = ["/usr/bin/setpriv", "--bounding-set",
               "-bpf,-perfmon,-sys_admin", "--inh-caps",
               "-bpf,-perfmon,-sys_admin", "--"]
SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: other processes' memory, cgroups, BPF"
    for program in ("plimsoll-agent", "plimsoll-collector", "plimsoll"):
        if not (line.BIN / program).exists():
            return f"{line.BIN / program} is not built"
    check = subprocess.run([line.PYTHON, "-c", "import prometheus_client"],
                           capture_output=True, check=False)
    if check.returncode != 0:
        return "needs the package python3-prometheus-client"
    return ""


def truth_rate(path, seconds):
    """Objects kept per second over the last `seconds`, as the target counts."""
    rows = [json.loads(row) for row in path.read_text().splitlines()
            if row.endswith("}")]
    recent = [row for row in rows if row["at"] >= rows[-1]["at"] - seconds]
    return ((recent[-1]["kept"] - recent[0]["kept"]) /
            (recent[-1]["at"] - recent[0]["at"]))


class LeakToPage(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        seed = made_up_service.draw_seed()
        cls.leaker = made_up_service.make_up(seed, LEAK_BYTES_PER_S)
        cls.healthy = made_up_service.make_up(seed + 1, LEAK_BYTES_PER_S)
        print(cls.leaker, flush=True)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-e2e-"))
        cls.line = line.Line(cls.directory)
        cls.addClassCleanup(cls.clean_up)
        cls.start_all()
        cls.page = cls.wait_for_page()
        cls.rate = (truth_rate(cls.truth, 100) *
                    (cls.leaker.object_bytes + 8))  # and its slot in the list
        print(json.dumps(cls.page["annotations"], indent=1), flush=True)
        # The page was in time; a test that waits for what amends it must not
        # race with the kernel.
        cls.line.cgroups[0].set_limit(LIMIT_BYTES + BIRTHS_WITHIN_S * 2 * MIB)

    @classmethod
    def start_all(cls):
        run = cls.line
        cls.alertmanager = run.start_alertmanager()
        cls.collector, address = run.start_collector("collector",
                                                     cls.alertmanager)
        cls.blind, blind_address = run.start_collector("collector-no-bpf")
        cls.uncounted, uncounted_address = run.start_collector(
            "collector-no-census")
        run.start_agent("agent", address, PERIODS)
        run.start_agent("agent-no-bpf", blind_address, PERIODS, WITHOUT_BPF)
        run.start_agent("agent-no-census", uncounted_address, NO_CENSUS)
        cls.truth = run.start_service(cls.leaker, "leaks", LIMIT_BYTES)
        run.start_service(cls.healthy, "rests", LIMIT_BYTES)
        cls.started = time.monotonic()

    @classmethod
    def alerts(cls):
        names = {cls.leaker.workload, cls.healthy.workload}
        found = line.get_json(cls.alertmanager + "/api/v2/alerts") or []
        return [a for a in found if a["labels"].get("workload") in names]

    @classmethod
    def wait_for_page(cls):
        try:
            page = line.wait_for(
                "page in Alertmanager", PAGE_WITHIN_S,
                lambda: next(iter(cls.alerts()), None), cls.line.check_alive)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cls.line.tails()}") from error
        print(f"the page came after {time.monotonic() - cls.started:.0f} s",
              flush=True)
        return page

    @classmethod
    def clean_up(cls):
        bad = cls.line.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)
        if bad:
            raise AssertionError("; ".join(bad))

    def incident_of(self, collector):
        document = line.get_json(collector + "/api/v1/incidents") or {}
        for incident in document.get("incidents", []):
            if incident["workload"]["name"] == self.leaker.workload:
                return incident
        return None

    def test_page_names_the_workload_and_its_region(self):
        labels = self.page["labels"]
        self.assertEqual(labels["alertname"], "PlimsollMemoryLeak")
        self.assertEqual(labels["severity"], "page")
        self.assertEqual(labels["workload"], self.leaker.workload)
        self.assertEqual(labels["namespace"], "e2e")
        self.assertEqual(labels["cause"], "python-object")
        self.assertEqual(self.page["annotations"]["region"], self.leaker.region)
        self.assertEqual(self.page["annotations"]["version"],
                         self.leaker.version)

    def test_page_names_the_class_that_the_census_saw_grow(self):
        self.assertTrue(self.page["annotations"]["what"].startswith(
            self.leaker.type_name + " "), self.page["annotations"]["what"])

    def test_without_census_there_is_no_class(self):
        incident = self.incident_of(self.uncounted)
        self.assertNotIn(self.leaker.class_name, json.dumps(incident))

    def test_page_names_the_line_that_the_window_saw(self):
        made_at = self.page["annotations"]["made_at"]
        self.assertIn(f"{self.leaker.module}.py:{self.leaker.line} "
                      f"{self.leaker.function}", made_at)

    def test_the_page_then_says_which_births_stayed(self):
        """Behind the window the agent follows births; the page is amended."""
        made_at = line.wait_for(
            "births in the incident's page", BIRTHS_WITHIN_S,
            self.made_at_of_births, self.line.check_alive)
        print(made_at, flush=True)
        self.assertTrue(made_at.startswith(
            f"{self.leaker.package}/{self.leaker.module}.py:"
            f"{self.leaker.line} {self.leaker.function}"), made_at)
        share = float(made_at.split("; ")[1].split(" %")[0])
        self.assertGreaterEqual(share, 95)

    def made_at_of_births(self):
        incident = self.incident_of(self.collector)
        made_at = incident["text"]["made_at"] if incident else ""
        return made_at if "births that stayed" in made_at else None

    def test_without_windows_there_is_no_line(self):
        incident = line.wait_for(
            "incident at the collector of the agent without BPF", 60,
            lambda: self.incident_of(self.blind))
        self.assertIn(self.leaker.type_name, incident["text"]["what"])
        self.assertTrue(incident["text"]["made_at"].startswith("not known"),
                        incident["text"]["made_at"])

    def test_page_names_the_city_whose_requests_leak(self):
        traffic = self.page["annotations"]["traffic"]
        self.assertIn(f"city={self.leaker.leaking_city}", traffic)
        for city in self.leaker.cities[1:]:
            self.assertNotIn(f"city={city}", traffic)

    def test_page_gives_the_rate_that_the_service_itself_counted(self):
        paged = float(self.page["annotations"]["bytes_per_s"])
        self.assertGreater(paged, 0.8 * self.rate)
        self.assertLess(paged, 1.25 * self.rate)

    def test_page_gives_the_time_that_is_left(self):
        self.assertIn("OOM in ", self.page["annotations"]["summary"])

    def test_nobody_else_is_paged(self):
        self.assertEqual([a["labels"]["workload"] for a in self.alerts()],
                         [self.leaker.workload])

    def test_the_command_shows_the_same_incident(self):
        shown = subprocess.run(
            [line.BIN / "plimsoll", "incidents", "--json", "--collector",
             self.collector], capture_output=True, text=True, check=True)
        document = json.loads(shown.stdout)
        self.assertEqual(document["schema"], "plimsoll.incidents/1")
        ours = [i for i in document["incidents"]
                if i["workload"]["name"] == self.leaker.workload]
        self.assertEqual(len(ours), 1)
        self.assertEqual(ours[0]["types"][0]["type"], self.leaker.type_name)


if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
