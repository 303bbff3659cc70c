"""An API server of three answers: the pods of a node, listed and watched, and
the node. For tests of the agent where there is no cluster.
"""
import http.server
import json
import threading
import urllib.parse


class PodsApi:
    def __init__(self, port, node_labels):
        self.port = port
        self.node_labels = node_labels
        self.pods = {}
        self.version = 100
        self.changed = threading.Condition()
        self.events = []  # (version, event)
        self.server = None

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def put(self, pod):
        uid = pod["metadata"]["uid"]
        with self.changed:
            self.version += 1
            pod["metadata"]["resourceVersion"] = str(self.version)
            kind = "MODIFIED" if uid in self.pods else "ADDED"
            self.pods[uid] = pod
            self.events.append((self.version, {"type": kind, "object": pod}))
            self.changed.notify_all()

    def start(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlparse(self.path)
                query = urllib.parse.parse_qs(url.query)
                if url.path.startswith("/api/v1/nodes/"):
                    self.say({"kind": "Node", "metadata": {
                        "name": "node1", "labels": api.node_labels}})
                elif url.path != "/api/v1/pods":
                    self.send_error(404)
                elif "watch" in query:
                    self.watch(int(query["resourceVersion"][0]))
                else:
                    with api.changed:
                        self.say({"kind": "PodList", "metadata": {
                            "resourceVersion": str(api.version)},
                            "items": list(api.pods.values())})

            def say(self, answer):
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self, since):
                self.send_response(200)
                self.end_headers()
                server = api.server
                while api.server is server:
                    with api.changed:
                        new = [e for v, e in api.events if v > since]
                        since = api.version
                        if not new:
                            api.changed.wait(0.5)
                    try:
                        for event in new:
                            self.wfile.write(json.dumps(event).encode() + b"\n")
                        self.wfile.flush()
                    except OSError:
                        return

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port),
                                                      Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Nobody answers, and who watches is cut off."""
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def pod_object(pod, namespace, labels, annotations, owner, container):
    """As the API would tell of a running pod of one container."""
    kind, name = owner
    return {
        "metadata": {"name": pod.name, "namespace": namespace, "uid": pod.uid,
                     "labels": labels, "annotations": annotations,
                     "ownerReferences": [{"kind": kind, "name": name,
                                          "controller": True}]},
        "spec": {"nodeName": "node1", "containers": [{
            "name": "app", "image": "example.com/app:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "app", "image": "example.com/app:1",
            "imageID": "example.com/app@sha256:" + "ab" * 32,
            "containerID": f"containerd://{container.id}"}]}}
