"""What runs in the test's cluster, as Kubernetes objects: made-up services
(made_up_service.py) in Deployments, and a Job.
"""
import pathlib
import tempfile

NAMESPACE = "shop"
IMAGE = "plimsoll.test/python:1"
JOB = """
import time
kept = []
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    kept.append(bytearray(1000))
    kept = kept[-1000:]
    time.sleep(0.01)
"""

# Answers each request with its own count of them, as /metrics would.
COUNTED = """
import http.server, threading, time
served = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("# TYPE shop_requests counter\\n"
                "shop_requests_total{{city=\\"{city}\\"}} %d\\n" % served).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
def work():
    global served
    while True:
        served += 1
        time.sleep(0.1)
threading.Thread(target=work, daemon=True).start()
http.server.HTTPServer(("", {port}), Handler).serve_forever()
"""


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels}}


def local_volume(name, path, node):
    """A volume on the node's disk, for the first claim that comes."""
    expression = {"key": "kubernetes.io/hostname", "operator": "In",
                  "values": [node]}
    return {"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {"capacity": {"storage": "20Gi"},
                     "accessModes": ["ReadWriteOnce"],
                     "persistentVolumeReclaimPolicy": "Retain",
                     "local": {"path": str(path)},
                     "nodeAffinity": {"required": {"nodeSelectorTerms": [
                         {"matchExpressions": [expression]}]}}}}


def sources(service, name):
    """The service's files as a ConfigMap, and the paths of its keys."""
    data, items = {}, []
    with tempfile.TemporaryDirectory() as directory:
        service.write(pathlib.Path(directory) / "s")
        for path in sorted((pathlib.Path(directory) / "s").rglob("*.py")):
            key = f"file-{len(items)}"
            data[key] = path.read_text()
            items.append({"key": key, "path": str(
                path.relative_to(pathlib.Path(directory) / "s"))})
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": data}, items


def deployment(service, kind, limit_mib, owner=""):
    """[ConfigMap, Deployment] of one replica; it writes what it keeps to the
    file truth/truth of its volume."""
    name = service.workload
    config, items = sources(service, name)
    labels = {"app": name}
    container = {
        "name": "app", "image": IMAGE, "imagePullPolicy": "Never",
        "command": ["/usr/bin/python3", "-B", "/app/serve.py", "/truth/truth",
                    kind],
        "env": [{"name": "PROMETHEUS_MULTIPROC_DIR", "value": "/metrics"}],
        "resources": {"limits": {"memory": f"{limit_mib}Mi"},
                      "requests": {"memory": "64Mi", "cpu": "50m"}},
        "volumeMounts": [{"name": "source", "mountPath": "/app"},
                         {"name": "truth", "mountPath": "/truth"},
                         {"name": "metrics", "mountPath": "/metrics"}]}
    pod = {"metadata": {
               "labels": {**labels,
                          "app.kubernetes.io/version": service.version},
               "annotations": {"plimsoll.io/owner": owner} if owner else {}},
           "spec": {"terminationGracePeriodSeconds": 1,
                    "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
                    "containers": [container],
                    "volumes": [{"name": "source", "configMap": {
                                    "name": name, "items": items}},
                                {"name": "truth", "emptyDir": {}},
                                {"name": "metrics", "emptyDir": {}}]}}
    return [config, {"apiVersion": "apps/v1", "kind": "Deployment",
                     "metadata": {"name": name, "namespace": NAMESPACE},
                     "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                              "template": pod}}]


def job(name, seconds):
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{
                    "name": "app", "image": IMAGE, "imagePullPolicy": "Never",
                    "command": ["/usr/bin/python3", "-B", "-c",
                                JOB.format(seconds=seconds)]}]}}}}


def counted(name, city, port):
    """A Deployment that asks, by its annotations, to be asked for its counters."""
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels, "annotations": {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": str(port)}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                    "name": "app", "image": IMAGE, "imagePullPolicy": "Never",
                    "command": ["/usr/bin/python3", "-B", "-c",
                                COUNTED.format(city=city, port=port)]}]}}}}
