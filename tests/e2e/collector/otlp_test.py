#!/usr/bin/env python3
"""Requests of pods by OTLP: a service with the real OpenTelemetry SDK exports to
the collector, by gRPC and by HTTP, cumulative and as steps (those by gzip), with
a token. Every request after its first export is counted once, by the attributes
that are kept.

The SDK is got from PyPI once (var/pip). Exit code 77: cannot be run here.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from request_case import SKIPPED, RequestCase, line  # noqa: E402

PACKAGES = ["opentelemetry-sdk==1.27.0",
            "opentelemetry-exporter-otlp-proto-grpc==1.27.0",
            "opentelemetry-exporter-otlp-proto-http==1.27.0"]
TOKEN = "t0ken-of-the-services"
# GET /serve?CITY=N serves N requests of a city, each of another user, and
# measures each, as a web framework's instrumentation does.
SERVICE = """
import http.server, itertools, sys, urllib.parse
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
if sys.argv[2] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(
    OTLPMetricExporter(), export_interval_millis=1000)]))
meter = metrics.get_meter("shop")
requests = meter.create_counter("requests")
duration = meter.create_histogram("http.server.request.duration")
users = itertools.cycle(["u1", "u2", "u3"])
def serve(city, n):
    for _ in range(n):
        kept = {"city": city, "user.id": next(users)}
        requests.add(1, kept)
        if sys.argv[3] == "measured":
            duration.record(0.01, kept)
serve("none", 1)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        for city, n in urllib.parse.parse_qsl(
                urllib.parse.urlparse(self.path).query):
            serve(city, int(n))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def opentelemetry():
    """Where the SDK is; None where it cannot be had."""
    target = line.SOURCE / "var/pip/opentelemetry-1.27.0"
    if (target / ".complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    for pip in ([line.PYTHON, "-m", "pip"], [shutil.which("pip3") or "pip3"]):
        try:
            got = subprocess.run(
                [*pip, "install", "--quiet", "--target", target,
                 "--only-binary=:all:", "--implementation", "cp",
                 "--python-version", "3.11", *PACKAGES],
                capture_output=True, text=True, check=False, timeout=300)
        except OSError:
            continue
        if got.returncode == 0:
            (target / ".complete").write_text("")
            return target
    return None


class ByOtlp(RequestCase):
    def setUp(self):
        super().setUp()
        self.grpc, self.http = line.free_ports(2)
        token = self.directory / "token"
        token.write_text(TOKEN + "\n")
        self.collector, address = self.line.start_collector("collector", more={
            "PLIMSOLL_COLLECTOR_OTLP_GRPC_LISTEN": f"127.0.0.1:{self.grpc}",
            "PLIMSOLL_COLLECTOR_OTLP_HTTP_LISTEN": f"127.0.0.1:{self.http}",
            "PLIMSOLL_COLLECTOR_OTLP_TOKEN_FILE": str(token)})
        self.line.start_agent("agent", address, {"memory_period": "1s"})

    def start_service(self, way, temporality, measured="measured", token=TOKEN):
        port = self.grpc if way == "grpc" else self.http
        path = "" if way == "grpc" else "/v1/metrics"
        self.line.start("service", [
            line.PYTHON, "-B", "-c", SERVICE, self.service, way, measured], {
            "PYTHONPATH": str(OPENTELEMETRY), "OTEL_SERVICE_NAME": "web",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT":
                f"http://127.0.0.1:{port}{path}",
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
            "OTEL_RESOURCE_ATTRIBUTES":
                "k8s.pod.name=web-1,k8s.namespace.name=shop",
            # Without it nothing is compressed; not every version takes "none".
            **({"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
               if temporality == "delta" else {})})

    def counted(self):
        """Without those that made it export."""
        return {attributes: n for attributes, n in super().counted().items()
                if attributes != "city=none"}

    def check(self, way, temporality, measured="measured"):
        self.start_service(way, temporality, measured)
        line.wait_for("service", 30, lambda: line.answers(self.service),
                      self.line.check_alive)

        def is_given_counts():
            self.serve(none=1)  # steps are exported where there are some
            return self.source()["processes"] == 1
        line.wait_for("process that is given counts", 60, is_given_counts,
                      self.line.check_alive)
        self.serve(oslo=30, lima=5)
        self.serve(oslo=12)
        self.wait_for_counts(oslo=42, lima=5)
        source = self.source()
        self.assertEqual(source["failures"], 0, source)
        self.assertEqual((source["without_pod"], source["unusable"]), (0, 0))

    def test_by_grpc_cumulative(self):
        self.check("grpc", "cumulative")

    def test_by_grpc_in_steps(self):
        self.check("grpc", "delta")

    def test_by_http_cumulative(self):
        self.check("http", "cumulative", "counted")

    def test_by_http_in_steps(self):
        self.check("http", "delta", "counted")

    def test_who_shows_another_token_counts_nothing(self):
        for way in ("grpc", "http"):
            self.start_service(way, "cumulative", token="guess")
            line.wait_for(f"refusal by {way}", 30, lambda w=way: int(float(
                self.refused(w))) > 0, self.line.check_alive)
            name, process, _ = self.line.programs.pop()
            self.assertEqual(name, "service")
            process.kill()
            process.wait()
        self.assertEqual(self.source()["looks"], 0)

    def refused(self, way):
        name = ('{endpoint="grpc",reason="unauthenticated"}' if way == "grpc"
                else '{endpoint="http",reason="unauthorized"}')
        for row in line.get_text(self.collector + "/metrics").splitlines():
            if row.startswith("plimsoll_collector_refused_total" + name):
                return row.split()[-1]
        return 0

    def post(self, body, kind):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/v1/metrics", body,
            {"Content-Type": kind, "Authorization": f"Bearer {TOKEN}"})
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=5)
        with raised.exception as answer:
            return answer.code, answer.read()

    def test_more_than_may_be_exported_is_to_be_sent_again(self):
        body = b"\xff" * (4 << 20)
        codes = []
        while 503 not in codes and len(codes) < 80:
            codes.append(self.post(body, "application/x-protobuf")[0])
        self.assertEqual(codes[-1], 503)
        self.assertEqual(set(codes[:-1]), {400})
        self.assertGreaterEqual(len(codes), 16, "64 MiB at once")
        self.assertIn("send it again", self.source()["last_error"])

    def test_what_is_no_export_is_refused_in_words(self):
        for body, kind, code in ((b"\xff\xff", "application/x-protobuf", 400),
                                 (b"[]", "application/json", 400),
                                 (b"{}", "text/plain", 415)):
            got, text = self.post(body, kind)
            self.assertEqual(got, code)
            self.assertIn(b"error", text)


OPENTELEMETRY = None

if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root: other processes' memory")
        sys.exit(SKIPPED)
    OPENTELEMETRY = opentelemetry()
    if OPENTELEMETRY is None:
        print("skipped: OpenTelemetry's SDK could not be had from PyPI")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
