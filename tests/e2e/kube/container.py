"""Containers for a test, by runc alone, as a kubelet with containerd makes them
under cgroup v1 with the cgroupfs driver: /kubepods/burstable/pod<uid>/<id>.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

CGROUPS = pathlib.Path("/sys/fs/cgroup")
# What containerd mounts in every container.
MOUNTS = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755",
                                "size=65536k"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777",
                                  "size=65536k"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/sched_debug", "/proc/scsi",
          "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
             "/proc/sysrq-trigger"]


class Pod:
    """A name and a uid, and the cgroup that its containers are in."""

    def __init__(self, name):
        self.name = name
        self.uid = str(uuid.uuid4())
        self.cgroup = f"/kubepods/burstable/pod{self.uid}"


class Image:
    """An OCI archive, unpacked: its root and how it is started."""

    def __init__(self, archive, directory):
        self.root = pathlib.Path(directory)
        self.root.mkdir(parents=True)
        with tarfile.open(archive) as file:
            def blob(descriptor):
                return file.extractfile(
                    "blobs/" + descriptor["digest"].replace(":", "/"))
            [entry] = json.load(file.extractfile("index.json"))["manifests"]
            manifest = json.load(blob(entry))
            self.digest = entry["digest"]
            config = json.load(blob(manifest["config"]))["config"]
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=blob(layer), mode="r|*") as files:
                    files.extractall(self.root, numeric_owner=True)
        self.command = config["Entrypoint"]
        self.environment = config.get("Env", [])
        self.user = tuple(map(int, (config.get("User") or "0:0").split(":")))


class Container:
    """`options`: pod, command, environment, user, capabilities, mounts
    {path: source}, writable_root, memory_bytes, host_pids. In the network of
    the host. A name that is used again is a new container."""

    count = 0

    def __init__(self, directory, name, root, **options):
        type(self).count += 1
        self.pod = options["pod"]
        self.id = hashlib.sha256(
            f"{directory} {name} {self.count}".encode()).hexdigest()
        self.bundle = pathlib.Path(directory) / f"{name}-{self.count}"
        self.bundle.mkdir(parents=True)
        self.log = self.bundle / "log"
        self.state = pathlib.Path(directory) / "runc"
        (self.bundle / "config.json").write_text(
            json.dumps(self.config(root, options)))
        with self.log.open("wb") as out:
            done = subprocess.run(
                [*self.runc(), "run", "--detach", "--bundle", self.bundle,
                 "--pid-file", self.bundle / "pid", self.id],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{name}: {self.log.read_text()[-2000:]}")
        self.pid = int((self.bundle / "pid").read_text())

    @staticmethod
    def find():
        """runc, installed or unpacked; None: there is none."""
        unpacked = line.SOURCE / "var/unpacked/runc/usr/sbin/runc"
        return shutil.which("runc") or (str(unpacked) if unpacked.exists()
                                        else None)

    def runc(self):
        return [self.find(), "--root", self.state]

    def config(self, root, options):
        user = options.get("user", (0, 0))
        capabilities = ["CAP_" + each for each in
                        options.get("capabilities", ())]
        mounts = [{"destination": path, "type": kind, "source": source,
                   "options": flags} for path, kind, source, flags in MOUNTS]
        for path, source in options.get("mounts", {}).items():
            flags = ["rbind", "rprivate"]
            if source == CGROUPS:
                flags.append("ro")
            mounts.append({"destination": path, "type": "bind",
                           "source": str(source), "options": flags})
        namespaces = ["mount", "ipc", "uts"]
        if not options.get("host_pids"):
            namespaces.append("pid")
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": user[0], "gid": user[1]}, "cwd": "/",
                "args": [str(word) for word in options["command"]],
                "env": ["PATH=/usr/bin", *options.get("environment", [])],
                "capabilities": {kind: capabilities for kind in
                                 ("bounding", "effective", "permitted")},
                "noNewPrivileges": True},
            "root": {"path": str(root),
                     "readonly": not options.get("writable_root", False)},
            "hostname": self.pod.name, "mounts": mounts,
            "linux": {
                "cgroupsPath": f"{self.pod.cgroup}/{self.id}",
                "resources": {"memory": {"limit": options["memory_bytes"]}},
                "namespaces": [{"type": each} for each in namespaces],
                "maskedPaths": MASKED, "readonlyPaths": READ_ONLY}}

    def status(self):
        """The fields of /proc/PID/status, {} when it has ended."""
        try:
            text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return {}
        fields = dict(row.split(":\t", 1) for row in text.splitlines()
                      if ":\t" in row)
        return {} if fields["State"].startswith("Z") else fields

    def oom_kills(self):
        path = CGROUPS / f"memory{self.pod.cgroup}/{self.id}/memory.oom_control"
        fields = dict(row.split() for row in path.read_text().splitlines())
        return int(fields["oom_kill"])

    def kill(self, signal="KILL"):
        subprocess.run([*self.runc(), "kill", self.id, signal],
                       capture_output=True, check=False)

    def wait_ended(self, seconds):
        deadline = time.monotonic() + seconds
        while self.status():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def remove(self):
        subprocess.run([*self.runc(), "delete", "--force", self.id],
                       capture_output=True, check=False)


def remove_cgroups(pod):
    """The pod's own cgroups, of which runc makes those above its containers'."""
    for top in CGROUPS.iterdir():
        for path in (top / pod.cgroup.lstrip("/"), top / "kubepods/burstable",
                     top / "kubepods"):
            try:
                os.rmdir(path)
            except OSError:
                pass
