"""usage: kube_watch.py [--nodes 500] [--pods 15000] [--seconds 60]

What the agents' watches of pods cost in a large cluster: memory of a client,
load on the API server. A real etcd and API server
(tools/kube-cluster build), nodes and pods made up by kwok, and one client of
ours for each node (pod_watch_bench). Prints what it measured: clients' memory,
the API server's CPU and memory before, while all list, and while all watch.
Needs root.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e/kube"))
import cluster as kube  # noqa: E402
import host  # noqa: E402
import line  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
NAMESPACE = "scale"


class Process:
    def __init__(self, directory, name):
        self.pid = (directory / "pids" / name).read_text().strip()

    def cpu_s(self):
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        words = stat.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def rss_mib(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        [row] = [r for r in text.splitlines() if r.startswith("VmRSS")]
        return int(row.split()[1]) / 1024


def running(cluster):
    text = cluster.kubectl("get", "--raw", "/metrics", timeout=120)
    rows = [r for r in text.splitlines() if r.startswith(
        'apiserver_longrunning_requests{') and 'resource="pods"' in r
        and 'verb="WATCH"' in r]
    return sum(float(row.rpartition(" ")[2]) for row in rows)


def count(cluster):
    """Pods that run, by what kwok has set; pages keep the server's work low."""
    text = cluster.kubectl("get", "pods", "-n", NAMESPACE, "--field-selector",
                           "status.phase=Running", "-o", "name",
                           "--chunk-size=500", timeout=600)
    return len(text.split())


def measure(cluster, options):
    directory = cluster.directory
    api = Process(directory, "apiserver")
    began = time.monotonic()
    cluster.inside("python3", "-B",
                   pathlib.Path(__file__).with_name("kube_fill.py"),
                   directory / "pki", options.nodes, options.pods,
                   timeout=3600)
    print(f"made in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    pods = 0
    while pods < options.pods and time.monotonic() - began < 1800:
        time.sleep(10)
        pods = count(cluster)
        print(f"{pods} pods run after {time.monotonic() - began:.0f} s",
              flush=True)
    cluster.kubectl("create", "serviceaccount", "agent", "-n", NAMESPACE)
    cluster.kubectl("create", "clusterrole", "agent", "--verb=list,watch",
                    "--resource=pods")
    cluster.kubectl("create", "clusterrole", "agent-nodes", "--verb=get",
                    "--resource=nodes")
    for role in ("agent", "agent-nodes"):
        cluster.kubectl("create", "clusterrolebinding", role,
                        f"--clusterrole={role}",
                        f"--serviceaccount={NAMESPACE}:agent")
    token = directory / "token"
    token.write_text(cluster.kubectl("create", "token", "agent", "-n",
                                     NAMESPACE))
    time.sleep(20)
    quiet, quiet_cpu = 30, api.cpu_s()
    time.sleep(quiet)
    print(f"API server without clients: {api.rss_mib():.0f} MiB, "
          f"{(api.cpu_s() - quiet_cpu) / quiet:.3f} cores, "
          f"{running(cluster):.0f} watches of pods", flush=True)
    before = api.cpu_s()
    with subprocess.Popen(
            [directory / "inside", line.BIN / "pod_watch_bench",
             "https://127.0.0.1:6443", token, directory / "pki/ca.crt",
             str(options.nodes), str(options.seconds)],
            stdout=subprocess.PIPE, text=True) as clients:
        for row in clients.stdout:
            print(row, end="", flush=True)
            if row.startswith("listed"):
                listed, since = api.cpu_s(), time.monotonic()
                print(f"API server: {listed - before:.1f} CPU s for the lists, "
                      f"{running(cluster):.0f} watches of pods", flush=True)
            if row.startswith("watched"):
                print(f"API server with them: {api.rss_mib():.0f} MiB, "
                      f"{(api.cpu_s() - listed) / (time.monotonic() - since):.3f}"
                      " cores", flush=True)
    return clients.returncode


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--pods", type=int, default=15000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-scale-"))
    cluster = kube.Cluster(directory / "cluster")
    try:
        host.run(kube.TOOL, "start-api", cluster.directory)
        sys.exit(measure(cluster, options))
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
