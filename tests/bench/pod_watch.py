"""usage: pod_watch.py [--nodes 500] [--pods 15000] [--seconds 60] [--rate 20]

What a watch of pods costs the agent in a large cluster: one client of ours for
each node (pod_watch_bench), against a server of our own with TLS that lists the
pods of a node, then tells of `rate` changes a second, each to the one node that
it is about. The pods are of the size that a service's have (4.5 kB with the
fields that the API server adds). Not measured by this: the load on a real API
server. Prints what it measured.
"""
import argparse
import http.server
import json
import pathlib
import queue
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
import line  # noqa: E402

MANAGED_BYTES = 2000  # as metadata.managedFields take


def pod(number, nodes):
    name = f"web-{number // nodes}"
    settings = [{"name": f"SETTING_{i}", "value": "x" * 40} for i in range(20)]
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {
        "name": f"{name}-7d9f6c5b48-{number:05x}", "namespace": "shop",
        "uid": f"00000000-0000-4000-8000-{number:012x}", "resourceVersion": "1",
        "labels": {"app": name, "pod-template-hash": "7d9f6c5b48",
                   "app.kubernetes.io/version": "1.2.3"},
        "managedFields": [{"manager": "m" * MANAGED_BYTES}],
        "ownerReferences": [{"kind": "ReplicaSet", "controller": True,
                             "name": f"{name}-7d9f6c5b48"}]},
        "spec": {"nodeName": f"node-{number % nodes}", "containers": [{
            "name": "app", "image": f"example.com/{name}:1.2.3",
            "env": settings}]},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "app", "image": f"example.com/{name}:1.2.3",
            "imageID": f"example.com/{name}@sha256:" + "ab" * 32,
            "containerID": f"containerd://{number:064x}"}]}}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, options, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.options = options
        self.by_node = {}
        for number in range(options.pods):
            made = pod(number, options.nodes)
            self.by_node.setdefault(made["spec"]["nodeName"], []).append(made)
        self.events = {node: queue.SimpleQueue() for node in self.by_node}
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
             directory / "key", "-out", directory / "ca.crt"],
            check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "ca.crt", directory / "key")
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)

    def tell(self):
        """`rate` changes a second, for ever."""
        draw = random.Random(1)
        while True:
            node = f"node-{draw.randrange(self.options.nodes)}"
            event = json.dumps({"type": "MODIFIED", "object":
                                draw.choice(self.by_node[node])}) + "\n"
            self.events[node].put(event.encode())
            time.sleep(1 / self.options.rate)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path.startswith("/api/v1/nodes/"):
            return self.say({"kind": "Node", "metadata": {"labels": {
                "topology.kubernetes.io/region": "eu-west-3"}}})
        node = query["fieldSelector"][0].partition("=")[2]
        if "watch" in query:
            return self.watch(node)
        return self.say({"kind": "PodList", "metadata": {"resourceVersion": "1"},
                         "items": self.server.by_node.get(node, [])})

    def say(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def watch(self, node):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        events = self.server.events[node]
        while True:
            try:
                self.wfile.write(events.get())
            except OSError:
                return

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--pods", type=int, default=15000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        server = Server(options, directory)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        threading.Thread(target=server.tell, daemon=True).start()
        (directory / "token").write_text("t" * 900)
        print(f"a pod has {len(json.dumps(pod(0, options.nodes)))} bytes",
              flush=True)
        done = subprocess.run(
            [line.BIN / "pod_watch_bench",
             f"https://127.0.0.1:{server.server_address[1]}",
             directory / "token", directory / "ca.crt", str(options.nodes),
             str(options.seconds)], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
