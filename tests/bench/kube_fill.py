"""usage: kube_fill.py PKI_DIRECTORY NODES PODS

Makes nodes and pods, the pods placed already, through the API server of a test
cluster, over a few connections; kwok then says of them that they run. For
kube_watch.py, which runs this in the cluster's namespaces.
"""
import concurrent.futures
import http.client
import json
import pathlib
import ssl
import sys
import threading

NAMESPACE = "scale"
CONNECTIONS = 4


def node(number):
    room = {"cpu": "64", "memory": "256Gi", "pods": "250"}
    region = ("eu-west-3", "ap-southeast-1")[number % 2]
    return {"apiVersion": "v1", "kind": "Node", "metadata": {
        "name": f"node-{number}", "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"type": "kwok", "kubernetes.io/os": "linux",
                   "topology.kubernetes.io/region": region}},
        "status": {"allocatable": room, "capacity": room}}


def pod(number, nodes):
    """With the labels and the environment of a service of some size."""
    name = f"web-{number // nodes}"
    settings = [{"name": f"SETTING_{i}", "value": "x" * 40} for i in range(20)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": f"{name}-7d9f6c5b48-{number:05x}", "namespace": NAMESPACE,
        "labels": {"app": name, "pod-template-hash": "7d9f6c5b48",
                   "app.kubernetes.io/version": "1.2.3"}},
        "spec": {"nodeName": f"node-{number % nodes}",
                 "automountServiceAccountToken": False,
                 "containers": [{"name": "app",
                                 "image": f"example.com/{name}:1.2.3",
                                 "env": settings}]}}


class Api:
    def __init__(self, pki):
        self.context = ssl.create_default_context(cafile=pki / "ca.crt")
        self.context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self.local = threading.local()

    def post(self, path, body):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPSConnection(
                "127.0.0.1", 6443, context=self.context, timeout=60)
        connection = self.local.connection
        connection.request("POST", path, json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201, 409):
            raise RuntimeError(f"{path}: {answer.status} {text[:300]}")


def main():
    pki, nodes, pods = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
    api = Api(pki)
    here = f"/api/v1/namespaces/{NAMESPACE}"
    api.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    # There are no controllers that would make it.
    api.post(f"{here}/serviceaccounts", {"metadata": {"name": "default"}})
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda i: api.post("/api/v1/nodes", node(i)),
                      range(nodes)))
        list(pool.map(lambda i: api.post(f"{here}/pods", pod(i, nodes)),
                      range(pods)))


if __name__ == "__main__":
    main()
