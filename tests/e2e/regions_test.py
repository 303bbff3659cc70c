"""Two nodes in two regions on one collector, with different mixes of requests.

The same code leaks the same bytes per request in both; in one region three times
as many requests are of the kind that leaks. The collector must say both: which
region leaks faster in all, and that at equal mix they leak alike. Each region is
a cluster of its own, by its name; each node is a
PID namespace with an agent of its own, which sees only what runs there; without
BPF, since that would see the other node's too. The region is the agent's, as in
a cluster whose nodes carry it.

Takes five minutes: runs under PLIMSOLL_FULL=1. PLIMSOLL_E2E_SEED repeats a run.
"""
import dataclasses
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
SKIPPED = 77  # CTest's SKIP_RETURN_CODE
LIMIT_BYTES = 450 * MIB
WITHIN_S = 330
LEAKS_PER_S = 1.0 * MIB
FASTER, SLOWER = "ap-southeast-1", "eu-west-3"
SHARES = {FASTER: 0.6, SLOWER: 0.2}  # of the requests that leak
PERIODS = {"memory_period": "5s", "headers_period": "10s",
           "census_period": "10s"}
WITHOUT_BPF = ["/usr/bin/setpriv", "--bounding-set",
               "-bpf,-perfmon,-sys_admin", "--inh-caps",
               "-bpf,-perfmon,-sys_admin", "--"]


def reason_to_skip():
    if os.environ.get("PLIMSOLL_FULL") != "1":
        return "takes five minutes: runs under PLIMSOLL_FULL=1 (tools/test --full)"
    if os.geteuid() != 0:
        return "needs root: other processes' memory, cgroups, namespaces"
    return ""


class Node:
    """A PID namespace; what is started in it ends with it."""

    def __init__(self, run, name):
        self.run, self.name = run, name
        keeper = run.start(f"node-{name}", [
            "/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
            "/usr/bin/sleep", "infinity"])
        children = pathlib.Path(
            f"/proc/{keeper.pid}/task/{keeper.pid}/children")
        [self.pid] = line.wait_for("keeper", 10,
                                   lambda: children.read_text().split())

    def start(self, what, command, environment, before=None):
        return self.run.start(
            f"{what}-on-{self.name}",
            ["/usr/bin/nsenter", "--target", self.pid, "--pid", "--mount", "--",
             *command], environment, before)


class Regions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        seed = made_up_service.draw_seed()
        cls.service = made_up_service.make_up(seed, LEAKS_PER_S)
        # Of the faster region; the other one differs in its weights alone.
        cls.service.per_request = max(1, round(
            LEAKS_PER_S / (cls.service.object_bytes *
                           cls.service.requests_per_s * SHARES[FASTER])))
        print(cls.service, flush=True)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-regions-"))
        cls.run_ = line.Line(cls.directory)
        cls.addClassCleanup(cls.clean_up)
        cls.collector, cls.address = cls.run_.start_collector("collector")
        cls.truths = {}
        for region, share in SHARES.items():
            cls.start_node(region, share)
        cls.incident = cls.wait_for_comparison()
        print(json.dumps(cls.incident["regions"], indent=1), flush=True)
        print(cls.incident["text"]["title"], cls.incident["text"]["where"],
              sep="\n", flush=True)

    @classmethod
    def start_node(cls, region, share):
        node = Node(cls.run_, region)
        [port] = line.free_ports(1)
        environment = {
            "PLIMSOLL_AGENT_COLLECTOR": cls.address,
            "PLIMSOLL_AGENT_LISTEN": f"127.0.0.1:{port}",
            "PLIMSOLL_AGENT_STATE_DIR": str(cls.directory / f"agent-{region}"),
            "PLIMSOLL_AGENT_NODE": f"node-{region}",
            "PLIMSOLL_AGENT_CLUSTER": f"production-{region}",
            "PLIMSOLL_AGENT_REGION": region}
        for key, value in PERIODS.items():
            environment[f"PLIMSOLL_AGENT_{key.upper()}"] = value
        node.start("watcher", [*WITHOUT_BPF, line.BIN / "plimsoll-agent"],
                   environment)
        rest = cls.service.weights[1:]
        weights = [share] + [(1 - share) * w / sum(rest) for w in rest]
        here = dataclasses.replace(cls.service, weights=weights,
                                   seed=cls.service.seed + len(cls.truths))
        place = cls.directory / f"service-{region}"
        script = here.write(place / "source")
        (place / "prometheus").mkdir()
        cgroup = line.MemoryCgroup(f"plimsoll-e2e-{os.getpid()}-{region}",
                                   LIMIT_BYTES)
        cls.run_.cgroups.append(cgroup)
        cls.truths[region] = place / "truth"
        node.start("service", [line.PYTHON, "-B", script, place / "truth",
                               "leaks"], {
            "OTEL_SERVICE_NAME": here.workload,
            "OTEL_RESOURCE_ATTRIBUTES":
                f"service.namespace=e2e,service.version={here.version}",
            "PROMETHEUS_MULTIPROC_DIR": str(place / "prometheus")},
            before=cgroup.enter)

    @classmethod
    def wait_for_comparison(cls):
        began = time.monotonic()

        def compared():
            document = line.get_json(cls.collector + "/api/v1/incidents") or {}
            for incident in document.get("incidents", []):
                regions = incident["regions"]
                if (incident["workload"]["name"] == cls.service.workload
                        and incident["workload"]["cluster"].endswith(FASTER)
                        and len(regions) == 2
                        and all(each["bytes_per_request"] for each in regions)):
                    return incident
            return None
        try:
            found = line.wait_for("incident that compares both", WITHIN_S,
                                  compared, cls.run_.check_alive)
        except AssertionError as error:
            last = line.get_json(cls.collector + "/api/v1/incidents")
            raise AssertionError(f"{error}\n{json.dumps(last)[:3000]}\n"
                                 f"{cls.run_.tails()}") from error
        print(f"compared after {time.monotonic() - began:.0f} s", flush=True)
        return found

    @classmethod
    def clean_up(cls):
        cls.run_.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def region(self, name):
        [found] = [r for r in self.incident["regions"] if r["region"] == name]
        return found

    def truth(self, name):
        rows = [json.loads(row) for row in
                self.truths[name].read_text().splitlines() if row.endswith("}")]
        return ((rows[-1]["kept"] - rows[0]["kept"]) /
                (rows[-1]["at"] - rows[0]["at"]))

    def test_each_region_is_the_agents(self):
        document = line.get_json(self.collector + "/api/v1/processes?all=1")
        seen = {(p["node"], p["region"]) for p in document["processes"]
                if p["name"] == self.service.workload}
        self.assertEqual(seen, {(f"node-{r}", r) for r in SHARES})

    def test_in_all_one_region_leaks_faster(self):
        ratio = (self.region(FASTER)["bytes_per_s"]["value"] /
                 self.region(SLOWER)["bytes_per_s"]["value"])
        true_ratio = self.truth(FASTER) / self.truth(SLOWER)
        print(f"in all {ratio:.2f}x, truly {true_ratio:.2f}x", flush=True)
        self.assertGreater(ratio, 0.75 * true_ratio)
        self.assertLess(ratio, 1.35 * true_ratio)

    def test_at_equal_mix_they_leak_alike(self):
        per_request = {r: self.region(r)["bytes_per_request"] for r in SHARES}
        truth = self.service.per_request * (self.service.object_bytes + 8)
        for region, estimate in per_request.items():
            print(f"{region}: {estimate['value']:.0f} bytes per such request "
                  f"({estimate['lo']:.0f}-{estimate['hi']:.0f}), truly {truth}",
                  flush=True)
        ratio = per_request[FASTER]["value"] / per_request[SLOWER]["value"]
        self.assertGreater(ratio, 0.7)
        self.assertLess(ratio, 1.4)

    def test_the_page_says_both(self):
        where = self.incident["text"]["where"]
        self.assertTrue(where.startswith(f"{FASTER}: "), where)
        self.assertIn(f"x {SLOWER} (cluster production-{SLOWER}) in all", where)
        self.assertIn("the mix differs, not the code", where)

    def test_people_compare_the_regions_by_the_service_alone(self):
        done = subprocess.run(
            [line.BIN / "plimsoll", "compare", FASTER, SLOWER, "--workload",
             self.service.workload, "--for", "2m", "--collector",
             self.collector, "--json"], capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        print(found["words"], flush=True)
        self.assertEqual(found["a"]["processes"], 1)
        self.assertEqual(found["b"]["processes"], 1)
        self.assertGreater(found["ratio"]["value"], 2)
        self.assertLess(found["ratio_per_request"]["value"], 1.5)


if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
