"""A real Kubernetes of one node for a test (tools/kube-cluster)."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402
from host import run  # noqa: E402

TOOL = line.SOURCE / "tools/kube-cluster"
CACHE = pathlib.Path(os.environ.get("PLIMSOLL_KUBE_CACHE",
                                    line.SOURCE / "var/cache/kube"))
CHART_TOOLS = pathlib.Path(os.environ.get("PLIMSOLL_CHART_TOOLS",
                                          line.SOURCE / "var/tools"))
PROGRAMS = ("etcd", "kubectl", "kube-apiserver", "kube-controller-manager",
            "kube-scheduler", "kube-proxy", "kubelet")
NODE_IP = "10.77.0.1"


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: a kubelet, containers, BPF"
    for name in PROGRAMS:
        if not os.access(CACHE / "bin" / name, os.X_OK):
            return f"no cluster here ({name}): tools/kube-cluster build"
    for name in ("pause", "python"):
        if not (CACHE / f"images/{name}.tar").exists():
            return f"no image {name} here: tools/kube-cluster build"
    if not os.access(CHART_TOOLS / "bin/helm", os.X_OK):
        return "no helm here: tools/chart-tools"
    return ""


class Cluster:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.token = ""  # what the collector's API is shown

    def start(self):
        run(TOOL, "start", self.directory)

    def stop(self):
        run(TOOL, "stop", self.directory)

    def import_images(self, *archives):
        run(TOOL, "image", self.directory, *archives)

    def end_apiserver(self):
        run(TOOL, "end-apiserver", self.directory)

    def begin_apiserver(self):
        run(TOOL, "begin-apiserver", self.directory)

    def inside(self, *words, **more):
        """A command in the cluster's network and mount namespaces."""
        return run(self.directory / "inside", *words, **more)

    def kubectl(self, *words, **more):
        return run(self.directory / "kubectl", *words, **more)

    def apply(self, manifest):
        self.kubectl("apply", "-f", "-", text=json.dumps(manifest))

    def get(self, *words):
        """The parsed object or list; None: there is none, or no server."""
        text = self.kubectl("get", *words, "-o", "json", check=False)
        return json.loads(text) if text else None

    def helm(self, *words, **more):
        return self.inside("env", f"KUBECONFIG={self.directory}/admin.conf",
                           "HOME=" + str(self.directory),
                           CHART_TOOLS / "bin/helm", *words, **more)

    def http(self, address, path):
        """The answer of a pod or service, or None while nobody answers."""
        text = self.inside("python3", "-c", FETCH, f"http://{address}{path}",
                           self.token, check=False)
        return text or None

    def http_json(self, address, path):
        text = self.http(address, path)
        return json.loads(text) if text else None


FETCH = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={
    "Authorization": "Bearer " + sys.argv[2]})
try:
    print(urllib.request.urlopen(request, timeout=5).read().decode())
except OSError:
    pass
"""
