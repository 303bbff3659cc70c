#!/usr/bin/env python3
"""Requests of pods from the user's own Prometheus: a real one (Debian's,
unpacked) scrapes a service, the collector asks it. Every request that was made
while both were there is counted, by city, also over a time without Prometheus.
Exit code 77: cannot be run here.
"""
import os
import pathlib
import subprocess
import sys
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
