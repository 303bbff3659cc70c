"""The whole line, for a test: Alertmanager, collector, agent, services.

Every program is a real one from the build, on ports of its own, and is ended
with the test (also when the test is killed: parent-death signal). Services run
in a memory cgroup with a limit, v2 where its memory controller is, else v1.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(os.environ.get("PLIMSOLL_SOURCE_DIR",
                                     pathlib.Path(__file__).parents[2]))
BIN = pathlib.Path(os.environ.get("PLIMSOLL_BIN_DIR",
                                  SOURCE / "build/release/bin"))
PYTHON = "/usr/bin/python3"
PR_SET_PDEATHSIG = 1


def free_ports(count):
    """Ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def get_json(url):
    """The parsed answer, or None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
        return None


def get_text(url):
    """The answer's text, or None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def answers(port):
    """Whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what, seconds, condition, alive=None):
    """The condition's first true value; a failure that names `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        if alive is not None:
            alive()
        time.sleep(0.5)
    raise AssertionError(f"no {what} within {seconds} s")


class MemoryCgroup:
    """A cgroup with a memory limit; `enter` is for a child before its exec."""

    def __init__(self, name, limit_bytes):
        parent, self.limit_file = self._parent()
        self.path = pathlib.Path(parent) / name
        self.path.mkdir()
        self.set_limit(limit_bytes)

    @staticmethod
    def _parent():
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
            _, point, kind, options = line.split()[:4]
            if kind == "cgroup2":
                top = pathlib.Path(point)
                if "memory" in (top / "cgroup.controllers").read_text().split():
                    (top / "cgroup.subtree_control").write_text("+memory")
                    return point, "memory.max"
            elif kind == "cgroup" and "memory" in options.split(","):
                return point, "memory.limit_in_bytes"
        raise RuntimeError("no memory cgroup is mounted here")

    def set_limit(self, limit_bytes):
        (self.path / self.limit_file).write_text(str(limit_bytes))

    def oom_kills(self):
        for name in ("memory.events", "memory.oom_control"):
            if (self.path / name).exists():
                for row in (self.path / name).read_text().splitlines():
                    if row.startswith("oom_kill "):
                        return int(row.split()[1])
        return 0

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)


class Line:
    """Starts programs, keeps their logs, ends them in reverse order."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.programs = []  # (name, Popen, log path)
        self.cgroups = []

    def start(self, name, command, environment=None, before=None, cwd=None):
        log = self.directory / f"{name}.log"
        libc = ctypes.CDLL(None)

        def prepare():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if before is not None:
                before()

        base = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, cwd=cwd or self.directory,
                env={**base, **(environment or {})}, preexec_fn=prepare)
        self.programs.append((name, process, log))
        return process

    def check_alive(self):
        for name, process, log in self.programs:
            if process.poll() is not None:
                tail = log.read_text(errors="replace")[-2000:]
                raise AssertionError(
                    f"{name} ended with {process.returncode}:\n{tail}")

    def tails(self):
        return "\n".join(
            f"--- {name}\n" + log.read_text(errors="replace")[-1500:]
            for name, _, log in self.programs)

    def start_alertmanager(self):
        [port] = free_ports(1)
        self.start("alertmanager", [SOURCE / "tools/alertmanager", port,
                                    self.directory / "alertmanager"],
                   {"HOME": os.environ.get("HOME", "/root")})
        url = f"http://127.0.0.1:{port}"
        wait_for("Alertmanager", 60,
                 lambda: get_json(url + "/api/v2/status"), self.check_alive)
        return url

    def start_collector(self, name, alertmanager="", more=None):
        grpc, http = free_ports(2)
        url = f"http://127.0.0.1:{http}"
        environment = {
            "PLIMSOLL_COLLECTOR_GRPC_LISTEN": f"127.0.0.1:{grpc}",
            "PLIMSOLL_COLLECTOR_HTTP_LISTEN": f"127.0.0.1:{http}",
            "PLIMSOLL_COLLECTOR_STATE_DIR": str(self.directory / name)}
        if alertmanager:
            environment["PLIMSOLL_COLLECTOR_ALERTMANAGERS"] = alertmanager
        environment.update(more or {})
        self.start(name, [BIN / "plimsoll-collector"], environment)
        wait_for(name, 30,
                 lambda: get_json(url + "/api/v1/workloads") is not None,
                 self.check_alive)
        return url, f"127.0.0.1:{grpc}"

    def start_agent(self, name, collector, periods, prefix=()):
        [port] = free_ports(1)
        environment = {
            "PLIMSOLL_AGENT_COLLECTOR": collector,
            "PLIMSOLL_AGENT_LISTEN": f"127.0.0.1:{port}",
            "PLIMSOLL_AGENT_STATE_DIR": str(self.directory / name),
            "PLIMSOLL_AGENT_AGENT_ID": name}
        for key, value in periods.items():
            environment[f"PLIMSOLL_AGENT_{key.upper()}"] = value
        self.start(name, [*prefix, BIN / "plimsoll-agent"], environment)

    def start_service(self, service, kind, limit_bytes):
        """Returns the file in which it writes what it kept."""
        name = f"{service.workload}-{kind}"
        place = self.directory / name
        script = service.write(place / "source")
        (place / "prometheus").mkdir()
        cgroup = MemoryCgroup(f"plimsoll-e2e-{os.getpid()}-{name}", limit_bytes)
        self.cgroups.append(cgroup)
        resource = (f"service.namespace=e2e,service.version={service.version},"
                    f"cloud.region={service.region}")
        self.start(name, [PYTHON, "-B", script, place / "truth", kind], {
            "OTEL_SERVICE_NAME": service.workload,
            "OTEL_RESOURCE_ATTRIBUTES": resource,
            "PROMETHEUS_MULTIPROC_DIR": str(place / "prometheus")},
            before=cgroup.enter)
        return place / "truth"

    def stop(self):
        """Ends all; returns the names of those that did not end well."""
        bad = []
        for name, process, _ in reversed(self.programs):
            if process.poll() is not None:
                bad.append(f"{name} had ended: {process.returncode}")
                continue
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                bad.append(f"{name} did not end on SIGTERM")
                continue
            if name.startswith(("agent", "collector")) and code != 0:
                bad.append(f"{name} ended with {code} on SIGTERM")
        for cgroup in self.cgroups:
            cgroup.remove()
        return bad


def put_away(programs, directory, keep):
    """Stops them and removes their directory, or says where it is kept; whether
    all ended well."""
    bad = programs.stop()
    if keep:
        print(f"logs: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    for each in bad:
        print(f"ended badly: {each}")
    return not bad
