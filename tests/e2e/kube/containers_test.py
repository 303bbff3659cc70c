"""The product's images in real containers (runc), with a pod's cgroups and the
chart's capabilities: the layer below a whole Kubernetes, which is not to be had
everywhere. The API server is one of our own (pods_api.py).

The agent loads its programs with those capabilities only, sees into containers
of other users and PID namespaces, and names them by pod, workload, version and
region; a container that the kernel kills for memory is said to have been;
nothing is left of it all. With PLIMSOLL_FULL=1 (five minutes) a service that is
made up anew leaks until the page comes, the API server goes away meanwhile, and
the collector is killed: nothing acknowledged is lost, nobody is paged twice.

Everything runs in a mount namespace of its own. PLIMSOLL_REQUIRE_BPF=1 makes it a
failure that buildah or runc is missing; PLIMSOLL_E2E_SEED repeats a run.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import container as runc  # noqa: E402
import host  # noqa: E402
import line  # noqa: E402
from container_node import (MIB, NAMESPACE, OWNER, REGION,  # noqa: E402
                            ContainerNode)
from page_names import assert_names  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
FULL = os.environ.get("PLIMSOLL_FULL") == "1"
PAGE_WITHIN_S = 270
API_AWAY_S = 30
# Allocates once it is told to by a file, until it is killed.
GREEDY = """
import os, time
while not os.path.exists("/truth/go"):
    time.sleep(0.1)
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(0.002)
"""


def reason_to_skip():
    """What this machine cannot have: never a failure."""
    if os.geteuid() != 0:
        return "needs root: containers, cgroups, BPF"
    if not (runc.CGROUPS / "memory").is_dir():
        return "no memory cgroup v1 here, which this test makes pods with"
    if (runc.CGROUPS / "memory/kubepods").exists():
        return "a kubelet runs on this machine"
    if subprocess.run(["unshare", "--mount", "--propagation", "private", "true"],
                      capture_output=True, check=False).returncode != 0:
        return "no mount namespace can be made here (a plain chroot?)"
    return ""


def missing():
    """What could be installed."""
    if shutil.which("buildah") is None:
        return "buildah is not installed here: tools/install test"
    if runc.Container.find() is None:
        done = subprocess.run([line.SOURCE / "tools/unpack", "runc"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"no runc: {done.stderr.strip()}"
    return ""


class Containers(ContainerNode):
    """The story, in the order of the names."""

    def test_1_the_agent_has_the_charts_capabilities_and_loads_its_programs(self):
        self.wait_for("agent", 60, lambda: self.metrics().get(
            "plimsoll_agent_collector_connected") == "1")
        status = self.agent.status()
        for name in ("CapEff", "CapPrm", "CapBnd"):
            self.assertEqual(int(status[name], 16), 0x1C000080004, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        loaded = host.bpf_objects_of(self.agent.pid)
        self.assertGreater(len([each for each in loaded if each[0] == "prog"]), 3)
        self.assertEqual(self.collector.status()["Uid"].split()[0], "65532")
        self.assertEqual(int(self.collector.status()["CapBnd"], 16), 0)

    def test_2_processes_are_named_by_pod_workload_version_and_region(self):
        type(self).began = time.monotonic()
        type(self).leaking = self.start_service(self.leaker, "leaks", 290 * MIB)
        type(self).resting = self.start_service(self.healthy, "rests", 290 * MIB)
        for service, container in ((self.leaker, self.leaking),
                                   (self.healthy, self.resting)):
            process = self.named(service.workload)
            self.assertEqual(process["pod"], container.pod.name)
            self.assertEqual(process["pid"], container.pid)
            self.assertEqual(process["kind"], "Deployment")
            self.assertEqual(process["namespace"], NAMESPACE)
            self.assertEqual(process["cluster"], "production")
            self.assertEqual(process["container"], "app")
            self.assertEqual(process["node"], "node1")
            self.assertEqual(process["region"], REGION)
            self.assertEqual(process["zone"], REGION + "a")
            self.assertEqual(process["version"], service.version)
            self.assertEqual(process["owner"], OWNER)
            self.assertEqual(process["image_digest"], "sha256:" + "ab" * 32)
        type(self).process = self.named(self.leaker.workload)
        self.assertEqual(self.metrics()["plimsoll_agent_pod_watch_connected"],
                         "1")

    def test_3_every_tier_works_in_a_container(self):
        def tiers():
            found = self.ask(f"/api/v1/processes/{self.process['key']}")
            by = {tier["tier"]: tier for tier in found["tiers"]} if found else {}
            good = ("memory", "gc", "headers", "census", "stacks", "requests")
            return by if all(by.get(each, {}).get("ok") for each in good) else None
        self.wait_for("tiers of the leaking process", 60, tiers)

    def test_4_a_container_that_the_kernel_kills_is_said_to_have_been(self):
        place = self.directory / "greedy"
        place.mkdir()
        os.chown(place, 1000, 1000)
        greedy = self.start_pod(
            "nightly", ("Job", "nightly"),
            [line.PYTHON, "-B", "-c", GREEDY], 64 * MIB,
            mounts={"/truth": place})
        process = self.named("nightly")
        self.assertEqual(process["kind"], "Job")
        (place / "go").touch()
        self.assertTrue(greedy.wait_ended(60))
        self.assertGreaterEqual(greedy.oom_kills(), 1)

        def ended():
            found = self.ask(f"/api/v1/processes/{process['key']}")
            return found if found and found["exited"] else None
        self.assertTrue(self.wait_for("its end", 60, ended)["oom_killed"])

    @unittest.skipUnless(FULL, "waits for the page: PLIMSOLL_FULL=1")
    def test_5_without_the_api_server_no_sample_is_missing(self):
        self.api.stop()
        began = time.time()
        self.wait_for("failure of the watch", 30, lambda: self.metrics().get(
            "plimsoll_agent_pod_watch_connected") == "0")
        time.sleep(API_AWAY_S)
        self.api.start()
        self.wait_for("watch", 60, lambda: self.metrics().get(
            "plimsoll_agent_pod_watch_connected") == "1")
        times = sorted(at for at in self.samples(self.process)
                       if at >= began - 10)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 20)
        self.assertEqual(self.named(self.leaker.workload)["pod"],
                         self.leaking.pod.name)

    @unittest.skipUnless(FULL, "waits for the page: PLIMSOLL_FULL=1")
    def test_6_the_page_names_pod_workload_version_region_type_and_line(self):
        left = PAGE_WITHIN_S - (time.monotonic() - self.began)
        page = self.wait_for("page", left, self.posted)[0]
        print(f"the page came after {time.monotonic() - self.began:.0f} s",
              flush=True)
        type(self).page = page
        print(json.dumps(page["commonAnnotations"], indent=1), flush=True)
        assert_names(self, page, self.leaker, REGION, NAMESPACE,
                     self.leaking.pod.name)

    @unittest.skipUnless(FULL, "waits for the page: PLIMSOLL_FULL=1")
    def test_7_a_killed_collector_loses_nothing_and_pages_nobody_again(self):
        # Within a second of the page it is on record that it was delivered; a
        # collector that dies before says it again, as the same alert.
        self.wait_for("record of the page", 20, lambda: any(
            each["told"]
            for each in self.ask("/api/v1/incidents")["incidents"]))
        before = self.samples(self.process)
        posts = len(self.posted())
        self.collector.kill()
        self.assertTrue(self.collector.wait_ended(10))
        killed = time.time()
        time.sleep(10)
        type(self).collector = self.start_collector()
        self.wait_for("what came since", 120, lambda: max(
            self.samples(self.process), default=0) > killed + 20)
        after = self.samples(self.process)
        self.assertEqual({at: value for at, value in before.items()
                          if after.get(at) != value}, {})
        times = sorted(after)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 20)
        self.assertEqual(len(self.posted()), posts)

    @unittest.skipUnless(FULL, "waits for the page: PLIMSOLL_FULL=1")
    def test_8_nobody_else_was_paged(self):
        self.assertEqual({page["commonLabels"]["workload"]
                          for page in self.posted()}, {self.leaker.workload})

    def test_9_nothing_is_left(self):
        self.agent.kill("TERM")
        self.assertTrue(self.agent.wait_ended(15))
        line.wait_for("end of the BPF objects", 20, lambda: not (
            host.left_bpf_objects(self.before["bpf"])))
        overlays = [each for each in host.mounts() if "/overlay-" in each]
        self.end_all()
        for each in overlays:
            subprocess.run(["umount", each], check=True)
        self.assertEqual(host.mounts(), self.before["mounts"])
        self.assertEqual(host.cgroups(), self.before["cgroups"])


if __name__ == "__main__":
    cannot = reason_to_skip()
    lacks = cannot or missing()
    if lacks:
        print(f"skipped: {lacks}")
        required = os.environ.get("PLIMSOLL_REQUIRE_BPF") == "1"
        sys.exit(1 if required and not cannot else SKIPPED)
    if os.environ.get("PLIMSOLL_IN_NAMESPACE") != "1":
        # Whatever is mounted goes with this process, also when it is killed.
        os.environ["PLIMSOLL_IN_NAMESPACE"] = "1"
        os.execv("/usr/bin/unshare", [
            "unshare", "--mount", "--propagation", "private", sys.executable,
            "-B", *sys.argv])
    unittest.main(verbosity=2, failfast=True)
