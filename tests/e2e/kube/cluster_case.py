"""What cluster_test.py starts from and asks for; it has no test of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import cluster as kube  # noqa: E402
import host  # noqa: E402
import line  # noqa: E402
import made_up_service  # noqa: E402
import workloads  # noqa: E402

LEAK_BYTES_PER_S = 1.0 * (1 << 20)
NAMESPACE = "plimsoll"
SINK_PORT = 9099


class ClusterCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        seed = made_up_service.draw_seed()
        cls.leaker = made_up_service.make_up(seed, LEAK_BYTES_PER_S)
        cls.healthy = made_up_service.make_up(seed + 1, LEAK_BYTES_PER_S)
        print(cls.leaker, flush=True)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-kube-"))
        cls.before = {"settings": host.settings(), "bpf": host.bpf_objects(),
                      "mounts": host.mounts(), "cgroups": host.cgroups()}
        cls.cluster = kube.Cluster(cls.directory / "cluster")
        cls.sink = None
        cls.addClassCleanup(cls.clean_up)
        cls.start()

    @classmethod
    def start(cls):
        done = subprocess.run(
            [line.SOURCE / "tools/image/build", "--tag", "test",
             cls.directory / "images"], capture_output=True, text=True,
            check=False, env={**os.environ, "PLIMSOLL_BIN_DIR": str(line.BIN)})
        assert done.returncode == 0, done.stderr[-2000:]
        cls.cluster.start()
        cls.cluster.import_images(
            cls.directory / "images/plimsoll-agent.tar",
            cls.directory / "images/plimsoll-collector.tar",
            kube.CACHE / "images/python.tar")
        cls.pages = cls.directory / "pages"
        cls.pages.write_text("")
        cls.sink = subprocess.Popen(
            [cls.cluster.directory / "inside", sys.executable, "-B",
             pathlib.Path(__file__).with_name("sink.py"), kube.NODE_IP,
             str(SINK_PORT), cls.pages], stdin=subprocess.DEVNULL)
        state = cls.directory / "state"
        state.mkdir()
        for each in (workloads.namespace(workloads.NAMESPACE),
                     workloads.local_volume("state", state, "node1")):
            cls.cluster.apply(each)
        cls.prepare_namespace()

    @classmethod
    def prepare_namespace(cls):
        """The product's namespace and secrets, by the README's own commands."""
        commands = (line.SOURCE / "helm/plimsoll/README.md").read_text().split(
            "```\n")[1]
        place = cls.directory / "secrets"
        place.mkdir()
        host.run("env", f"PATH={cls.cluster.directory}:{os.environ['PATH']}",
                 "sh", "-euc", f"cd {place}\n{commands}")
        cls.cluster.token = (place / "token").read_text().strip()

    @classmethod
    def clean_up(cls):
        if cls.sink is not None:
            cls.sink.kill()
            cls.sink.wait()
        cls.cluster.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    # -- What the tests ask for.

    def pods(self, namespace, selector):
        found = self.cluster.get("pods", "-n", namespace, "-l", selector)
        return found["items"] if found else []

    def pod(self, namespace, selector):
        [pod] = self.pods(namespace, selector)
        return pod

    def collector(self, path):
        pods = self.pods(NAMESPACE, "app.kubernetes.io/component=collector")
        address = pods[0]["status"].get("podIP") if pods else None
        return self.cluster.http_json(f"{address}:7070", path) if address else None

    def processes(self, name):
        found = self.collector("/api/v1/processes?all=1") or {"processes": []}
        return [each for each in found["processes"] if each["name"] == name]

    def metrics(self, component, port):
        pod = self.pod(NAMESPACE, f"app.kubernetes.io/component={component}")
        text = self.cluster.http(f"{pod['status']['podIP']}:{port}", "/metrics")
        return dict(row.rsplit(" ", 1) for row in (text or "").splitlines()
                    if row and not row.startswith("#"))

    def posted(self, workload=None):
        """The pages so far, of all workloads or of one."""
        rows = [json.loads(row) for row in self.pages.read_text().splitlines()]
        return [row["body"] for row in rows if row["body"]["status"] == "firing"
                and workload in (None, row["body"]["commonLabels"]["workload"])]

    def samples(self, process):
        found = self.collector(
            f"/api/v1/processes/{process['key']}/series?metric=rss_bytes")
        return {at: value for at, value in found["samples"]}

    def wait_for(self, what, seconds, condition):
        try:
            return line.wait_for(what, seconds, condition)
        except AssertionError as error:
            logs = "\n".join(self.cluster.kubectl(
                "logs", "-n", NAMESPACE, "-l",
                f"app.kubernetes.io/component={component}", "--tail=20",
                check=False) for component in ("agent", "collector"))
            raise AssertionError(f"{error}\n{logs}") from error
