"""A node of containers for containers_test.py: the product's images, an API server
of our own, a sink of pages, and what runs in pods.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import container as runc  # noqa: E402
import host  # noqa: E402
import line  # noqa: E402
import made_up_service  # noqa: E402
import pods_api  # noqa: E402

MIB = 1 << 20
REGION = "eu-west-3"
NAMESPACE = "shop"
OWNER = "team-blue"


def chart_capabilities():
    """What values.yaml grants the agent."""
    text = (line.SOURCE / "helm/plimsoll/values.yaml").read_text()
    block = re.search(r"^    capabilities:\n((?:      - .*\n)+)", text,
                      re.MULTILINE).group(1)
    return re.findall(r"- (\w+)", block)


class ContainerNode(unittest.TestCase):
    """What the tests start from and ask for; it has no test of its own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        seed = made_up_service.draw_seed()
        cls.leaker = made_up_service.make_up(seed, 1.0 * MIB)
        cls.healthy = made_up_service.make_up(seed + 1, 1.0 * MIB)
        cls.before = {"bpf": host.bpf_objects(), "mounts": host.mounts(),
                      "cgroups": host.cgroups()}
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-runc-"))
        cls.containers, cls.pods = [], []
        cls.api = cls.sink = None
        cls.addClassCleanup(cls.clean_up)
        cls.start()

    @classmethod
    def clean_up(cls):
        cls.end_all()
        # A run that failed has them still: they keep the directory from going.
        for each in reversed(host.mounts()):
            if each.startswith(str(cls.directory)):
                subprocess.run(["umount", each], check=False)
        shutil.rmtree(cls.directory, ignore_errors=True)

    @classmethod
    def end_all(cls):
        for each in reversed(cls.containers):
            each.remove()
        for pod in cls.pods:
            runc.remove_cgroups(pod)
        cls.containers, cls.pods = [], []
        if cls.api is not None:
            cls.api.stop()
        if cls.sink is not None:
            cls.sink.kill()
            cls.sink.wait()

    @classmethod
    def start(cls):
        done = subprocess.run(
            [line.SOURCE / "tools/image/build", cls.directory / "images"],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PLIMSOLL_BIN_DIR": str(line.BIN)})
        assert done.returncode == 0, done.stderr[-2000:]
        cls.images = {name: runc.Image(
            cls.directory / f"images/plimsoll-{name}.tar",
            cls.directory / f"root-{name}") for name in ("agent", "collector")}
        api, sink, cls.grpc, cls.http, cls.metrics_port = line.free_ports(5)
        cls.api = pods_api.PodsApi(api, {
            "topology.kubernetes.io/region": REGION,
            "topology.kubernetes.io/zone": REGION + "a"})
        cls.api.start()
        cls.pages = cls.directory / "pages"
        cls.pages.write_text("")
        cls.sink = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("sink.py"),
             "127.0.0.1", str(sink), cls.pages], stdin=subprocess.DEVNULL)
        cls.sink_url = f"http://127.0.0.1:{sink}/"
        state = cls.directory / "collector-state"
        state.mkdir()
        os.chown(state, 65532, 65532)
        (cls.directory / "agent-state").mkdir()
        (cls.directory / "agent-tmp").mkdir()
        cls.collector = cls.start_collector()
        cls.agent = cls.start_agent()

    @classmethod
    def run_container(cls, name, root, **options):
        options.setdefault("pod", runc.Pod(f"{name}-7d9f6c5b48-x2x1q"))
        cls.pods.append(options["pod"])
        made = runc.Container(cls.directory / "containers", name, root, **options)
        cls.containers.append(made)
        return made

    @classmethod
    def start_collector(cls):
        image = cls.images["collector"]
        return cls.run_container(
            "collector", image.root, command=image.command, user=image.user,
            memory_bytes=512 * MIB, environment=image.environment + [
                f"PLIMSOLL_COLLECTOR_GRPC_LISTEN=127.0.0.1:{cls.grpc}",
                f"PLIMSOLL_COLLECTOR_HTTP_LISTEN=127.0.0.1:{cls.http}",
                f"PLIMSOLL_COLLECTOR_WEBHOOKS={cls.sink_url}"],
            mounts={"/var/lib/plimsoll": cls.directory / "collector-state"})

    @classmethod
    def start_agent(cls):
        image = cls.images["agent"]
        settings = {"collector": f"127.0.0.1:{cls.grpc}", "node": "node1",
                    "listen": f"[127.0.0.1]:{cls.metrics_port}",
                    "kubernetes": cls.api.url(), "cluster": "production",
                    "memory_period": "5s", "headers_period": "10s",
                    "census_period": "10s"}
        return cls.run_container(
            "agent", image.root, command=image.command, user=image.user,
            capabilities=chart_capabilities(), host_pids=True,
            memory_bytes=128 * MIB, environment=image.environment + [
                f"PLIMSOLL_AGENT_{key.upper()}={value}"
                for key, value in settings.items()],
            mounts={"/var/lib/plimsoll": cls.directory / "agent-state",
                    "/tmp": cls.directory / "agent-tmp",
                    "/sys/fs/cgroup": runc.CGROUPS})

    # -- What runs in pods.

    @classmethod
    def root(cls, name):
        """This machine's files, in which nothing is really written."""
        place = cls.directory / f"overlay-{name}"
        for part in ("upper", "work", "merged"):
            (place / part).mkdir(parents=True)
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir=/,upperdir={place}/upper,workdir={place}/work",
             place / "merged"], check=True)
        return place / "merged"

    def start_pod(self, name, owner, command, memory_bytes, version="",
                  annotations=None, mounts=None, environment=()):
        made = self.run_container(
            name, self.root(name), command=command, user=(1000, 1000),
            memory_bytes=memory_bytes, writable_root=True,
            environment=list(environment), mounts=mounts or {})
        labels = {"pod-template-hash": "7d9f6c5b48"}
        if version:
            labels["app.kubernetes.io/version"] = version
        self.api.put(pods_api.pod_object(made.pod, NAMESPACE, labels,
                                         annotations or {}, owner, made))
        return made

    def start_service(self, service, kind, memory_bytes):
        place = self.directory / f"service-{service.workload}"
        service.write(place / "app")
        for part in ("truth", "metrics"):
            (place / part).mkdir()
            os.chown(place / part, 1000, 1000)
        return self.start_pod(
            service.workload, ("ReplicaSet", f"{service.workload}-7d9f6c5b48"),
            [line.PYTHON, "-B", "/srv/serve.py", "/opt/truth", kind],
            memory_bytes, service.version, {"plimsoll.io/owner": OWNER},
            {"/srv": place / "app", "/opt": place / "truth",
             "/mnt": place / "metrics"}, ["PROMETHEUS_MULTIPROC_DIR=/mnt"])

    # -- What the tests ask for.

    def ask(self, path):
        return line.get_json(f"http://127.0.0.1:{self.http}{path}")

    def processes(self, name):
        found = self.ask("/api/v1/processes?all=1") or {"processes": []}
        return [each for each in found["processes"] if each["name"] == name]

    def metrics(self):
        text = line.get_text(f"http://127.0.0.1:{self.metrics_port}/metrics")
        return dict(row.rsplit(" ", 1) for row in (text or "").splitlines()
                    if row and not row.startswith("#"))

    def posted(self):
        rows = [json.loads(row) for row in self.pages.read_text().splitlines()]
        return [row["body"] for row in rows if row["body"]["status"] == "firing"]

    def samples(self, process):
        found = self.ask(f"/api/v1/processes/{process['key']}"
                         "/series?metric=rss_bytes")
        return {at: value for at, value in found["samples"]} if found else {}

    def wait_for(self, what, seconds, condition):
        def alive():
            for each in (self.agent, self.collector):
                if not each.status():
                    raise AssertionError(each.log.read_text()[-2000:])
        try:
            return line.wait_for(what, seconds, condition, alive)
        except AssertionError as error:
            logs = "\n".join(each.log.read_text()[-1500:]
                             for each in (self.agent, self.collector))
            raise AssertionError(f"{error}\n{logs}") from error

    def named(self, name):
        """Its process, once the pod is known too."""
        [process] = self.wait_for(f"process of {name}", 60, lambda: [
            p for p in self.processes(name) if p["pod"]])
        return process
