"""Plimsoll on a real Kubernetes, as its users deploy it: own images, the chart.

A leaking Deployment under a memory limit, a healthy one, a Job that comes and
goes, the chart's drill; what they are called is made up anew each time
(PLIMSOLL_E2E_SEED repeats a run). The agent has the chart's capabilities and no
others. On the way the API server is away for a minute, the collector's pod is
killed, and the chart is updated. At the end nothing is left. The tests are one
story and run in the order of their names.

Takes some seven minutes. Skips where the cluster was not built, or fails under
PLIMSOLL_REQUIRE_KUBE=1.
"""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import cluster as kube  # noqa: E402
import host  # noqa: E402
import line  # noqa: E402
import workloads  # noqa: E402
from cluster_case import NAMESPACE, SINK_PORT, ClusterCase  # noqa: E402
from page_names import assert_names  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
LIMIT_MIB = 300
PAGE_WITHIN_S = 290
OOM_WITHIN_S = 400
API_AWAY_S = 60
REGION = "eu-west-3"  # the node's label
CAPABILITIES = 0x1C000080004  # BPF PERFMON SYS_PTRACE DAC_READ_SEARCH C_RESTORE
OWNER = "team-blue"


class OnKubernetes(ClusterCase):
    """The story, in the order of the names."""

    def test_01_the_chart_installs_and_is_ready(self):
        began = time.monotonic()
        notes = self.cluster.helm(
            "install", "plimsoll", line.SOURCE / "helm/plimsoll", "--namespace",
            NAMESPACE, "--wait", "--timeout", "3m", "--set", ",".join([
                "image.tag=test", "image.pullPolicy=Never", "cluster=production",
                "authentication.agents=token",
                "authentication.collectorSecret=plimsoll-tls",
                "authentication.httpTokenSecret=plimsoll-http",
                f"collector.webhooks={{http://{kube.NODE_IP}:{SINK_PORT}/}}",
                "agent.config.memory_period=5s", "agent.config.headers_period=10s",
                "agent.config.census_period=10s", "drill.enabled=true",
                "drill.image=" + workloads.IMAGE,
                "drill.python=/usr/bin/python3"]))
        print(f"helm install --wait took {time.monotonic() - began:.1f} s",
              flush=True)
        type(self).notes = [row.split() for row in notes.splitlines()
                            if row.startswith("  ")]

    def test_02_the_agent_has_these_capabilities_and_loads_its_programs(self):
        pod = self.pod(NAMESPACE, "app.kubernetes.io/component=agent")
        [status] = pod["status"]["containerStatuses"]
        container = status["containerID"].removeprefix("containerd://")
        [(pid, _)] = [(path.name, path) for path in
                      pathlib.Path("/proc").glob("[0-9]*")
                      if self.is_agent(path, container)]
        fields = dict(row.split(":\t", 1) for row in pathlib.Path(
            f"/proc/{pid}/status").read_text().splitlines() if ":\t" in row)
        for name in ("CapEff", "CapPrm", "CapBnd"):
            self.assertEqual(int(fields[name], 16), CAPABILITIES, name)
        self.assertEqual(fields["NoNewPrivs"], "1")
        loaded = host.bpf_objects_of(pid)
        self.assertGreater(len([each for each in loaded if each[0] == "prog"]), 3)
        print(f"{len(loaded)} BPF objects in the pod", flush=True)

    @staticmethod
    def is_agent(path, container):
        try:
            return (container in (path / "cgroup").read_text() and
                    os.readlink(path / "exe").endswith("/plimsoll-agent"))
        except OSError:
            return False

    def test_02a_the_commands_that_the_chart_names_work(self):
        """All but the last, which stays in the foreground."""
        asked = [words[1:] for words in self.notes if words[0] == "kubectl"
                 and "port-forward" not in words]
        self.assertGreaterEqual(len(asked), 6)
        said = {words[-1]: (words, self.cluster.kubectl(*words))
                for words in asked}
        print(said["--check"][1], said["incidents"][1], flush=True)
        self.assertRegex(said["--check"][1], r"1\d of 1\d work here")
        words = said["workloads"][0]
        self.wait_for("the drill among the workloads", 60, lambda:
                      "plimsoll-drill-1" in self.cluster.kubectl(*words))

    def test_03_processes_are_named_by_pod_workload_version_and_region(self):
        for each in (*workloads.deployment(self.leaker, "leaks", LIMIT_MIB, OWNER),
                     *workloads.deployment(self.healthy, "rests", LIMIT_MIB),
                     workloads.job("nightly", 45)):
            self.cluster.apply(each)
        type(self).started = time.monotonic()
        for service in (self.leaker, self.healthy):
            [process] = self.wait_for(
                f"process of {service.workload}", 60,
                lambda s=service: [p for p in self.processes(s.workload)
                                   if p["pod"]])
            pod = self.pod(workloads.NAMESPACE, f"app={service.workload}")
            self.assertEqual(process["pod"], pod["metadata"]["name"])
            self.assertEqual(process["kind"], "Deployment")
            self.assertEqual(process["namespace"], workloads.NAMESPACE)
            self.assertEqual(process["cluster"], "production")
            self.assertEqual(process["container"], "app")
            self.assertEqual(process["node"], "node1")
            self.assertEqual(process["region"], REGION)
            self.assertEqual(process["zone"], REGION + "a")
            self.assertEqual(process["version"], service.version)
            self.assertIn("sha256:", process["image_digest"])
        [process] = self.processes(self.leaker.workload)
        self.assertEqual(process["owner"], OWNER)
        type(self).process = process
        latest = self.collector(f"/api/v1/processes/{process['key']}")
        bad = [tier for tier in latest["tiers"] if not tier["ok"]]
        print(f"tiers that do not work: {bad}", flush=True)

    def test_04_the_job_is_seen_to_come_and_go(self):
        [process] = self.wait_for("process of the Job", 60,
                                  lambda: self.processes("nightly"))
        self.assertEqual(process["kind"], "Job")
        self.wait_for("end of the Job's process", 120,
                      lambda: self.processes("nightly")[0]["exited"])
        self.wait_for("success of the Job", 30, lambda: self.cluster.get(
            "job", "nightly", "-n", workloads.NAMESPACE)["status"].get(
                "succeeded", 0) == 1)

    def test_05_a_minute_without_the_api_server_costs_no_sample(self):
        address = self.pod(NAMESPACE, "app.kubernetes.io/component=collector"
                           )["status"]["podIP"]
        path = (f"/api/v1/processes/{self.process['key']}"
                "/series?metric=rss_bytes")
        self.cluster.end_apiserver()
        began = time.time()
        try:
            time.sleep(API_AWAY_S)
        finally:
            self.cluster.begin_apiserver()
        found = self.cluster.http_json(f"{address}:7070", path)
        times = [at for at, _ in found["samples"] if at >= began - 10]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertGreaterEqual(len(times), API_AWAY_S / 5 * 0.8)
        self.assertLess(max(gaps), 20)
        self.wait_for("API server", 60, lambda: self.cluster.get("nodes"))
        self.wait_for("agent that watches pods again", 60, lambda: self.metrics(
            "agent", 7072).get("plimsoll_agent_pod_watch_connected") == "1")
        self.assertGreater(float(self.metrics("agent", 7072)[
            "plimsoll_agent_pod_watch_failures_total"]), 0)

    def test_06_a_pod_that_came_after_is_named_too(self):
        self.cluster.apply(workloads.job("after", 60))
        [process] = self.wait_for(
            "process of the second Job", 90,
            lambda: [p for p in self.processes("after") if p["pod"]])
        self.assertEqual(process["kind"], "Job")

    def test_06a_a_pod_that_asks_for_it_is_asked_for_its_counters(self):
        self.cluster.apply(workloads.counted("counted", "oslo", 9102))

        def attributes():
            found = self.collector("/api/v1/attributes?workload=counted&for=5m")
            return {each["attributes"]: each["requests"]
                    for each in (found or {}).get("attributes", [])
                    if each["requests"] > 20}
        found = self.wait_for("counters of the pod", 90, attributes)
        self.assertEqual(set(found), {"city=oslo"})

    def test_07_the_page_names_pod_workload_version_region_type_and_line(self):
        left = PAGE_WITHIN_S - (time.monotonic() - self.started)
        page = self.wait_for(
            "page", left, lambda: self.posted(self.leaker.workload))[0]
        print(f"the page came after {time.monotonic() - self.started:.0f} s",
              flush=True)
        type(self).page = page
        labels, said = page["commonLabels"], page["commonAnnotations"]
        print(json.dumps(said, indent=1), flush=True)
        pod = self.pod(workloads.NAMESPACE, f"app={self.leaker.workload}")
        assert_names(self, page, self.leaker, REGION, workloads.NAMESPACE,
                     pod["metadata"]["name"])
        self.assertEqual(labels["cluster"], "production")
        self.assertIn(f"http://plimsoll-collector.{NAMESPACE}.svc:7070/incidents/",
                      said["do_now"])

    def test_08_a_killed_collector_loses_nothing_and_pages_nobody_again(self):
        before = self.samples(self.process)
        mine = self.leaker.workload
        posts = len(self.posted(mine))  # changed words may come, after five minutes
        acknowledged = int(float(self.metrics("agent", 7072)[
            "plimsoll_agent_acknowledged_seq"]))
        pod = self.pod(NAMESPACE, "app.kubernetes.io/component=collector")
        self.cluster.kubectl("delete", "pod", "-n", NAMESPACE,
                             pod["metadata"]["name"], "--grace-period=0",
                             "--force")
        killed = time.time()

        def another():
            found = self.pods(NAMESPACE, "app.kubernetes.io/component=collector")
            return [p for p in found
                    if p["metadata"]["uid"] != pod["metadata"]["uid"] and any(
                        c["type"] == "Ready" and c["status"] == "True"
                        for c in p["status"].get("conditions", []))]
        self.wait_for("another collector", 120, another)
        print(f"another collector was ready after {time.time() - killed:.0f} s",
              flush=True)
        self.wait_for("what came since", 120, lambda: max(
            self.samples(self.process), default=0) > killed + 20)
        after = self.samples(self.process)
        self.assertEqual({at: value for at, value in before.items()
                          if after.get(at) != value}, {})
        times = sorted(after)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 20)
        self.assertGreater(int(float(self.metrics("agent", 7072)[
            "plimsoll_agent_acknowledged_seq"])), acknowledged)
        self.assertEqual({(page["groupKey"], page["alerts"][0]["startsAt"])
                          for page in self.posted(mine)},
                         {(self.page["groupKey"],
                           self.page["alerts"][0]["startsAt"])})
        self.assertEqual(len(self.posted(mine)), posts)

    def test_09_the_pod_that_the_kernel_kills_is_said_to_have_been(self):
        left = OOM_WITHIN_S - (time.monotonic() - self.started)

        def killed():
            pod = self.pod(workloads.NAMESPACE, f"app={self.leaker.workload}")
            [status] = pod["status"]["containerStatuses"]
            return status["lastState"].get("terminated", {})
        end = self.wait_for("OOM kill", left, killed)
        self.assertEqual(end["reason"], "OOMKilled")

        def said():
            found = self.collector(f"/api/v1/processes/{self.process['key']}")
            return found if found and found["exited"] else None
        process = self.wait_for("end of the process", 60, said)
        self.assertTrue(process["oom_killed"], process)
        # The container that came in its place is the same pod's.
        follower = self.wait_for("process after it", 60, lambda: [
            p for p in self.processes(self.leaker.workload)
            if not p["exited"] and p["pod"]])
        self.assertEqual(follower[0]["pod"], self.process["pod"])

    def test_10_an_update_of_the_chart_loses_no_sample(self):
        """Agent and collector are both replaced, at once."""
        process = self.processes(self.healthy.workload)[0]
        before = self.samples(process)
        pods = {each: self.pod(NAMESPACE, f"app.kubernetes.io/component={each}")
                ["metadata"]["uid"] for each in ("agent", "collector")}
        began = time.time()
        self.cluster.helm(
            "upgrade", "plimsoll", line.SOURCE / "helm/plimsoll", "--namespace",
            NAMESPACE, "--reuse-values", "--wait", "--timeout", "3m", "--set",
            "agent.podLabels.round=two,collector.podLabels.round=two,"
            "drill.enabled=false")
        print(f"helm upgrade --wait took {time.time() - began:.1f} s", flush=True)
        for each, uid in pods.items():
            [pod] = self.wait_for(f"the new {each} alone", 60, lambda e=each: (
                lambda found: found if len(found) == 1 else None)(self.pods(
                    NAMESPACE, f"app.kubernetes.io/component={e}")))
            self.assertNotEqual(pod["metadata"]["uid"], uid, each)
        updated = time.time()
        # The new agent is the one before: it is the same process still.
        self.wait_for("samples after the update", 120, lambda: max(
            self.samples(process), default=0) > updated + 20)
        after = self.samples(process)
        self.assertEqual({at: value for at, value in before.items()
                          if after.get(at) != value}, {})
        times = sorted(at for at in after if at > began - 30)
        gaps = [b - a for a, b in zip(times, times[1:])]
        print(f"longest gap between samples: {max(gaps):.1f} s", flush=True)
        self.assertLess(max(gaps), 30)

    def test_11_the_drill_was_paged_and_nobody_else(self):
        drill = "plimsoll-drill-1"
        self.wait_for("page of the drill", 240, lambda: self.posted(drill))
        paged = {page["commonLabels"]["workload"]: page
                 for page in self.posted()}
        self.assertEqual(set(paged), {self.leaker.workload, drill})
        self.assertEqual(paged[drill]["commonLabels"]["kind"], "Job")
        self.assertTrue(paged[drill]["commonAnnotations"]["what"].startswith(
            "plimsoll_drill.Leaked "), paged[drill])

    def test_12_uninstalled_it_leaves_nothing(self):
        keeper = (self.cluster.directory / "keeper.pid").read_text().strip()
        pods = [self.pod(NAMESPACE, f"app.kubernetes.io/component={each}")
                ["metadata"]["uid"] for each in ("agent", "collector")]
        self.cluster.helm("uninstall", "plimsoll", "--namespace", NAMESPACE,
                          "--wait", "--timeout", "2m")
        self.wait_for("end of the pods", 60, lambda: not self.pods(
            NAMESPACE, "app.kubernetes.io/name=plimsoll"))

        def left():
            return (sorted(host.left_bpf_objects(self.before["bpf"])),
                    [each for each in host.cgroups()
                     if any(uid in each for uid in pods)],
                    [each for each in host.mounts(keeper)
                     if any(uid in each for uid in pods)])
        self.wait_for(f"end of {left()}", 60, lambda: left() == ([], [], []))
        for kind in ("clusterrole", "clusterrolebinding"):
            found = self.cluster.get(kind, "-l", "app.kubernetes.io/name=plimsoll")
            self.assertEqual(found["items"], [])

    def test_13_the_machine_is_as_it_was(self):
        self.assertEqual(host.settings(), self.before["settings"],
                         "while the cluster still runs")
        self.sink.kill()
        self.sink.wait()
        self.cluster.stop()
        self.assertEqual(host.settings(), self.before["settings"])
        self.assertEqual(host.mounts(), self.before["mounts"])
        self.assertEqual(host.cgroups(), self.before["cgroups"])
        self.assertEqual(host.left_bpf_objects(self.before["bpf"]), set())
        self.assertEqual(host.processes_of(self.cluster.directory), [])


if __name__ == "__main__":
    skip = kube.reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_KUBE") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2, failfast=True)
