#!/usr/bin/env python3
"""`plimsoll backtest` on one history three ways: the OpenMetrics file itself, a
real Prometheus (Debian's, unpacked) that holds it, and what promtool dumps of
that Prometheus' store. All must say the same. Exit code 77: cannot be run here.
"""
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SOURCE = pathlib.Path(os.environ.get("PLIMSOLL_SOURCE_DIR",
                                     pathlib.Path(__file__).parents[3]))
PLIMSOLL = pathlib.Path(os.environ.get("PLIMSOLL_BIN_DIR",
                                       SOURCE / "build/release/bin")) / "plimsoll"
HOURS = 8
LIMIT = 512 << 20


def write_history(path):
    """Eight hours until a minute ago: one pod leaks per request of one city."""
    draw = random.Random(7)
    begin = int(time.time()) - 60 - HOURS * 3600
    pods = ("orders-7c9f8d6b5-x2b9k", "orders-7c9f8d6b5-q8c4d", "idle-5d4f6c7b8-z9m2n")
    memory = {pod: 120e6 for pod in pods}
    requests = {(pod, city): 0 for pod in pods for city in ("lima", "oslo")}
    series = {}

    def put(name, labels, t, value):
        series.setdefault((name, labels), []).append((t, value))

    for t in range(begin, begin + HOURS * 3600, 15):
        for pod in pods:
            base = f'namespace="shop",pod="{pod}",region="eu",version="v1"'
            for city in ("lima", "oslo"):
                n = draw.randint(0, 20)
                requests[pod, city] += n
                if pod.startswith("orders") and city == "lima":
                    memory[pod] += n * 10_000
                put("http_requests_total", f'{base},city="{city}"', t,
                    requests[pod, city])
            put("container_memory_rss", base, t,
                int(memory[pod] + draw.uniform(0, 1e5)))
            put("container_spec_memory_limit_bytes", base, t, LIMIT)
            put("process_start_time_seconds", base, t, begin - 86400)
    with open(path, "w", encoding="utf-8") as out:
        for name in sorted({name for name, _ in series}):
            # OpenMetrics: the family of a counter is its name without _total.
            kind = "counter" if name.endswith("_total") else "gauge"
            out.write(f"# TYPE {name.removesuffix('_total')} {kind}\n")
            for (one, labels), samples in series.items():
                if one == name:
                    out.writelines(f"{name}{{{labels}}} {v} {t}\n"
                                   for t, v in samples)
        out.write("# EOF\n")


def backtest(*arguments):
    done = subprocess.run(
        [PLIMSOLL, "backtest", "--json", "--requests", "http_requests_total",
         "--attributes", "city", *arguments],
        capture_output=True, text=True, timeout=120, check=False)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def essence(lines):
    """What does not depend on where a tick falls."""
    return sorted({(line["workload"], line["cause"],
                    tuple((a["key"], a["value"]) for a in line["attributes"]))
                   for line in lines if line.get("kind") in ("page", "ticket")})


class Backtest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.file = self.directory / "history.txt"
        write_history(self.file)

    def start_prometheus(self, unpacked):
        data = self.directory / "data"
        promtool = unpacked / "usr/bin/promtool"
        subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics",
                        self.file, data], check=True, capture_output=True)
        config = self.directory / "prometheus.yml"
        config.write_text("scrape_configs: []\n", encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [unpacked / "usr/bin/prometheus", f"--config.file={config}",
             f"--storage.tsdb.path={data}",
             "--storage.tsdb.retention.time=30d",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        url = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                with urllib.request.urlopen(url + "/-/ready", timeout=2):
                    return url, data, promtool
            except OSError:
                self.assertIsNone(server.poll(), "Prometheus ended")
                time.sleep(0.25)
        raise AssertionError("Prometheus does not become ready")

    def test_all_sources_say_the_same(self):
        unpacked = subprocess.run([SOURCE / "tools/unpack", "prometheus"],
                                  capture_output=True, text=True, check=False)
        if unpacked.returncode != 0:
            print("skipped: " + unpacked.stderr, file=sys.stderr)
            sys.exit(77)
        url, data, promtool = self.start_prometheus(
            pathlib.Path(unpacked.stdout.split()[-1]))
        done, from_file = backtest("--metrics", str(self.file))
        self.assertEqual(done.returncode, 0, done.stderr)
        done, from_prometheus = backtest("--prometheus", url, "--since", "9h")
        self.assertEqual(done.returncode, 0, done.stderr)
        dumped = self.directory / "dump.txt"
        with open(dumped, "wb") as out:
            dump = subprocess.run([promtool, "tsdb", "dump-openmetrics", data],
                                  stdout=out, stderr=subprocess.PIPE, check=False)
        # Debian's promtool 2.42 cannot dump OpenMetrics yet; then two of three.
        ways = [from_file, from_prometheus]
        if dump.returncode == 0:
            ways.append(backtest("--metrics", str(dumped))[1])
        for lines in ways:
            self.assertEqual(essence(lines),
                             [("orders", "leak", (("city", "lima"),))])
            self.assertEqual(lines[-1]["pods"], 3)
            self.assertAlmostEqual(lines[-1]["pod_days"], 1, delta=0.02)
        pods = {pod for line in from_file[:-1] for pod in line["pods"]}
        self.assertEqual({pod[:6] for pod in pods}, {"orders"})

    def test_a_bad_line_is_named_and_stops_nothing(self):
        text = self.file.read_text(encoding="utf-8").splitlines()
        text[2] = "this is no metric"
        self.file.write_text("\n".join(text), encoding="utf-8")
        done, lines = backtest("--metrics", str(self.file))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 of", " ".join(lines[-1]["notes"]))
        self.assertIn("line 3", " ".join(lines[-1]["notes"]))
        self.assertEqual(essence(lines)[0][0], "orders")

    def test_errors_have_their_exit_codes(self):
        empty = self.directory / "empty.txt"
        empty.write_text("# EOF\n", encoding="utf-8")
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            for arguments, code, words in (
                    ((), 2, "needs a history"),
                    (("--metrics", "/no/such/file"), 2, "/no/such/file"),
                    (("--metrics", str(empty)), 2, "no memory series"),
                    (("--prometheus", closed), 1, "does not answer")):
                done, lines = backtest(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(lines, [])


if __name__ == "__main__":
    unittest.main()
