"""A fleet of the examples under one agent, collector and Alertmanager.

Each incident of examples/README.md says which services it is made of; all that
are asked for run side by side, as a page needs minutes of watching whatever the
number. What leaks gets a page while it is alive; who watches that is a thread
that also keeps the first text of each page, since pages are amended.
"""
import contextlib
import fcntl
import os
import pathlib
import pty
import subprocess
import termios
import threading
import time

import line

MIB = 1 << 20
EXAMPLES = line.SOURCE / "examples"
PERIODS = {"memory_period": "5s", "headers_period": "10s",
           "census_period": "10s",
           # Of a core; more than by default, as a census every ten seconds of
           # fifteen processes asks for.
           "cpu_budget": "0.3"}
# A machine of so little memory as seen in /proc/meminfo, for what has no limit.
NODE_MIB = 900
LOAD_S = 900


class Paged:
    """The first sight of a page."""

    def __init__(self, alert, seconds, alive, oom_kills):
        self.alert = alert
        self.seconds = seconds      # since its service began
        self.alive = alive          # every process of it
        self.oom_kills = oom_kills  # of its cgroups


class Service:
    def __init__(self, workload, process, cgroup):
        self.workload = workload
        self.process = process
        self.cgroup = cgroup
        self.started = time.monotonic()

    def oom_kills(self):
        return self.cgroup.oom_kills() if self.cgroup else 0


class Fleet:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.chmod(0o755)  # PostgreSQL does not run as root
        self.line = line.Line(directory)
        self.services = []
        self.paged = {}  # workload -> Paged
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._terminals = []
        self._unlimited = None

    # ---- the line

    def start_line(self):
        self.alertmanager = self.line.start_alertmanager()
        self.collector, address = self.line.start_collector(
            "collector", self.alertmanager)
        self._meminfo = self.directory / "meminfo"
        self._real = pathlib.Path("/proc/meminfo").read_text().splitlines()
        self._write_meminfo()
        self.line.start_agent("agent", address, PERIODS, self._small_node())
        self._watcher.start()

    def _small_node(self):
        """A mount namespace in which /proc/meminfo is ours."""
        return ["/usr/bin/unshare", "--mount", "--propagation", "private",
                "/bin/sh", "-c",
                'mount --bind "$0" /proc/meminfo && exec "$@"', self._meminfo]

    def _write_meminfo(self):
        """MemAvailable falls by what the service without a limit takes."""
        used = 0
        if self._unlimited is not None:
            used = anon_kib(self._unlimited.process.pid)
        rows = []
        for row in self._real:
            if row.startswith("MemAvailable:"):
                row = f"MemAvailable:   {NODE_MIB * 1024 - used} kB"
            elif row.startswith("MemTotal:"):
                row = f"MemTotal:       {2 * NODE_MIB * 1024} kB"
            rows.append(row)
        # In place: the agent's mount is of this inode.
        with self._meminfo.open("r+" if self._meminfo.exists() else "w") as file:
            file.write("\n".join(rows) + "\n")
            file.truncate()

    # ---- services

    def start(self, workload, command, *, name=None, directory, region="",
              version="", limit_mib=None, environment=None, terminal=False,
              named=True):
        """Starts one service; named: by OTEL_SERVICE_NAME, as deployed ones."""
        name = name or workload + (f"-{region}" if region else "")
        place = self.directory / name
        (place / "prometheus").mkdir(parents=True)
        settings = {"PYTHONDONTWRITEBYTECODE": "1",
                    "PROMETHEUS_MULTIPROC_DIR": str(place / "prometheus"),
                    **(environment or {})}
        if named:
            resource = ["service.namespace=incidents"]
            resource += [f"service.version={version}"] if version else []
            resource += [f"cloud.region={region}"] if region else []
            settings["OTEL_SERVICE_NAME"] = workload
            settings["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(resource)
        cgroup = None
        if limit_mib:
            cgroup = line.MemoryCgroup(
                f"plimsoll-e2e-{os.getpid()}-{name}", limit_mib * MIB)
            self.line.cgroups.append(cgroup)
        before = [cgroup.enter] if cgroup else []
        if terminal:
            before.append(self._terminal())
        process = self.line.start(
            name, command, settings, lambda: [step() for step in before],
            cwd=EXAMPLES / directory)
        service = Service(workload, process, cgroup)
        self.services.append(service)
        if not limit_mib:
            self._unlimited = service
        return service

    def _terminal(self):
        """For a child: a session of its own on a terminal, as a shell has."""
        _, slave = pty.openpty()
        self._terminals.append(slave)

        def sit():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        return sit

    def load(self, service, port, *options, seconds=LOAD_S):
        self.line.start(f"load-{service}-{port}-{len(self.line.programs)}", [
            line.PYTHON, EXAMPLES / "load.py", "--port", port, "--seconds",
            seconds, *options])

    def wait_listening(self, port, seconds=60):
        line.wait_for(f"answer on port {port}", seconds,
                      lambda: line.answers(port), self.line.check_alive)

    # ---- pages

    def alerts(self):
        return line.get_json(self.alertmanager + "/api/v2/alerts") or []

    def _watch(self):
        while not self._stopping.wait(1):
            with contextlib.suppress(OSError):
                self._write_meminfo()
            for alert in self.alerts():
                workload = alert["labels"].get("workload", "")
                if workload not in self.paged:
                    self._keep(workload, alert)

    def _keep(self, workload, alert):
        mine = [s for s in self.services if s.workload == workload]
        now = time.monotonic()
        self.paged[workload] = Paged(
            alert, min((now - s.started for s in mine), default=0.0),
            all(s.process.poll() is None for s in mine),
            sum(s.oom_kills() for s in mine))
        # It was in time; what amends the page must not race with the kernel.
        for service in mine:
            if service.cgroup:
                service.cgroup.set_limit(4096 * MIB)

    def wait_for_page(self, workload, seconds):
        return line.wait_for(f"page for {workload}", seconds,
                             lambda: self.paged.get(workload),
                             self.line.check_alive)

    def incident(self, workload):
        document = line.get_json(self.collector + "/api/v1/incidents") or {}
        for incident in document.get("incidents", []):
            if incident["workload"]["name"] == workload:
                return incident
        return None

    def stop(self):
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        bad = self.line.stop()
        for terminal in self._terminals:
            os.close(terminal)
        return bad


def anon_kib(pid):
    with contextlib.suppress(OSError):
        for row in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if row.startswith("RssAnon:"):
                return int(row.split()[1])
    return 0


def line_of(file, text):
    """The number of the only line of an example's file that has the text."""
    rows = (EXAMPLES / file).read_text().splitlines()
    [number] = [n for n, row in enumerate(rows, 1) if text in row]
    return number


def can_mount():
    """Whether a mount namespace can be had here (not in a plain chroot)."""
    return subprocess.run(
        ["/usr/bin/unshare", "--mount", "--propagation", "private", "true"],
        capture_output=True, check=False).returncode == 0
