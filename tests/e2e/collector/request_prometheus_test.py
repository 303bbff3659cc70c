#!/usr/bin/env python3
"""Requests of pods from the user's own Prometheus: a real one (Debian's,
unpacked) scrapes a service, the collector asks it. Every request that was made
while both were there is counted, by city, also over a time without Prometheus or
with nonsense in its place.
Exit code 77: cannot be run here.
"""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from request_case import SKIPPED, RequestCase, line  # noqa: E402

QUERY = "sum by (namespace, pod, city) (shop_requests_total)"
# GET /serve?CITY=N serves N requests of a city; /metrics tells of all.
SERVICE = """
import collections, http.server, sys, urllib.parse
served = collections.Counter(oslo=0, lima=0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.urlparse(self.path)
        for city, n in urllib.parse.parse_qsl(asked.query):
            served[city] += int(n)
        body = "# TYPE shop_requests_total counter\\n" + "".join(
            f'shop_requests_total{{city="{city}",worker="1"}} {n}\\n'
            for city, n in served.items())
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class FromPrometheus(RequestCase):
    def setUp(self):
        super().setUp()
        [self.prometheus] = line.free_ports(1)

    def start_prometheus(self):
        config = self.directory / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            "  - job_name: pods\n"
            "    static_configs:\n"
            f"      - targets: ['127.0.0.1:{self.service}']\n"
            "        labels: {namespace: shop, pod: web-1}\n")
        self.line.start("prometheus", [
            PROMETHEUS, f"--config.file={config}",
            f"--storage.tsdb.path={self.directory}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.prometheus}"])

    def start_all(self):
        self.line.start("service", [
            line.PYTHON, "-B", "-c", SERVICE, self.service],
            {"OTEL_SERVICE_NAME": "web", "OTEL_RESOURCE_ATTRIBUTES":
                "k8s.pod.name=web-1,service.namespace=shop"})
        self.start_prometheus()
        self.collector, address = self.line.start_collector(
            "collector", more={
                "PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS":
                    f"http://127.0.0.1:{self.prometheus}",
                "PLIMSOLL_COLLECTOR_REQUESTS_QUERY": QUERY,
                "PLIMSOLL_COLLECTOR_REQUESTS_PERIOD": "1s"})
        self.line.start_agent("agent", address, {"memory_period": "1s"})

    def test_every_request_is_counted(self):
        self.start_all()
        line.wait_for("process that is given counts", 60,
                      lambda: self.source()["processes"] == 1,
                      self.line.check_alive)
        self.serve(oslo=30, lima=5)
        self.wait_for_counts(oslo=30, lima=5)
        # What is served while Prometheus is away is told of after.
        [(_, prometheus, _)] = [each for each in self.line.programs
                                if each[0] == "prometheus"]
        self.line.programs.remove(next(
            each for each in self.line.programs if each[1] is prometheus))
        prometheus.terminate()
        prometheus.wait()
        source = line.wait_for("failure", 30, lambda: (
            lambda s: s if s["failures"] > 1 else None)(self.source()))
        self.assertIn(f"127.0.0.1:{self.prometheus}", source["last_error"])
        self.serve(oslo=12)
        self.start_prometheus()
        self.wait_for_counts(oslo=42, lima=5)
        source = self.source()
        self.assertEqual(source["last_error"], "")
        self.assertEqual(source["series"], 2)
        self.assertEqual((source["unmatched"], source["without_pod"],
                          source["unusable"]), (0, 0, 0))
        [process] = [each for each in line.get_json(
            self.collector + "/api/v1/processes")["processes"]
            if each["name"] == "web"]
        self.assertEqual(process["pod"], "web-1")

    def test_a_query_that_is_none_is_said(self):
        self.start_prometheus()
        self.collector, _ = self.line.start_collector(
            "collector", more={
                "PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS":
                    f"http://127.0.0.1:{self.prometheus}",
                "PLIMSOLL_COLLECTOR_REQUESTS_QUERY": "sum by (",
                "PLIMSOLL_COLLECTOR_REQUESTS_PERIOD": "1s"})
        line.wait_for("its words", 30, lambda: "parse error" in
                      self.source()["last_error"], self.line.check_alive)


class Rogue(http.server.ThreadingHTTPServer):
    """Answers for Prometheus with the counts it is given, or with nonsense."""
    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.server.vector()
            getattr(self, self.server.mode)(body)

        def answer(self, code, body, length):
            self.send_response(code)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def good(self, body):
            self.answer(200, body, len(body))

        def failing(self, _):
            self.answer(500, b"disk full", 9)

        def login_page(self, _):
            page = b"<!doctype html><title>Sign in</title>"
            self.answer(200, page, len(page))

        def cut_json(self, body):
            self.answer(200, body[:len(body) // 2], len(body) // 2)

        def broken_off(self, body):
            self.answer(200, body[:len(body) // 2], len(body))

        def endless(self, _):
            self.answer(200, b"", None)
            try:
                while True:
                    self.wfile.write(b'{"status":"success",' * 4096)
            except OSError:
                pass  # it hung up

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.mode = "good"
        self.counts = {"oslo": 0, "lima": 0}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def vector(self):
        return json.dumps({"status": "success", "data": {
            "resultType": "vector", "result": [
                {"metric": {"namespace": "shop", "pod": "web-1", "city": city},
                 "value": [time.time(), str(n)]}
                for city, n in self.counts.items()]}}).encode()


class FromARogue(RequestCase):
    def setUp(self):
        super().setUp()
        self.rogue = Rogue()
        self.addCleanup(self.rogue.server_close)
        self.addCleanup(self.rogue.shutdown)

    def test_nonsense_is_said_and_the_counts_go_on_after_it(self):
        self.line.start("service", [
            line.PYTHON, "-B", "-c", SERVICE, self.service],
            {"OTEL_SERVICE_NAME": "web", "OTEL_RESOURCE_ATTRIBUTES":
                "k8s.pod.name=web-1,service.namespace=shop"})
        address = f"127.0.0.1:{self.rogue.server_port}"
        self.collector, agents = self.line.start_collector(
            "collector", more={
                "PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS": f"http://{address}",
                "PLIMSOLL_COLLECTOR_REQUESTS_QUERY": QUERY,
                "PLIMSOLL_COLLECTOR_REQUESTS_PERIOD": "1s"})
        self.line.start_agent("agent", agents, {"memory_period": "1s"})
        line.wait_for("process that is given counts", 60,
                      lambda: self.source()["processes"] == 1,
                      self.line.check_alive)
        self.rogue.counts = {"oslo": 30, "lima": 5}
        self.wait_for_counts(oslo=30, lima=5)
        for mode, words in (
                ("failing", "HTTP 500 disk full"),
                ("login_page", "this is no answer of Prometheus' query API: "
                               "<!doctype html>"),
                ("cut_json", "this is no answer of Prometheus' query API: "
                             '{"status"'),
                ("broken_off", f"GET http://{address}/api/v1/query: "),
                ("endless", "the answer is too long")):
            with self.subTest(mode):
                failures = self.source()["failures"]
                self.rogue.mode = mode
                self.rogue.counts["oslo"] += 10
                line.wait_for(f"words of {mode}", 30, lambda: words in
                              self.source()["last_error"],
                              self.line.check_alive)
                self.assertGreater(self.source()["failures"], failures)
                self.assertEqual(self.counted(),
                                 {"city=oslo": 30, "city=lima": 5})
        self.rogue.mode = "good"
        self.wait_for_counts(oslo=80, lima=5)
        source = self.source()
        self.assertEqual((source["last_error"], source["unusable"],
                          source["unmatched"]), ("", 0, 0))


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: other processes' memory"
    unpacked = subprocess.run([line.SOURCE / "tools/unpack", "prometheus"],
                              capture_output=True, text=True, check=False)
    if unpacked.returncode != 0:
        return "no Prometheus: " + unpacked.stderr.strip()
    global PROMETHEUS
    PROMETHEUS = (pathlib.Path(unpacked.stdout.split()[-1]) /
                  "usr/bin/prometheus")
    return ""


PROMETHEUS = None

if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
