#!/usr/bin/env python3
"""The ingest rival: VictoriaMetrics, given the same samples by remote write.

Reads the samples that `ingest_bench --dump FILE` wrote (one a line:
process, metric, label, unix_ms, value, separated by tabs), sends them in the same batches (one batch a
process and tick) as Prometheus remote write 1.0, and prints samples per CPU
second of the server and bytes per stored sample after it was stopped.

The server is Debian's victoria-metrics, unpacked and not installed:
  tools/unpack victoria-metrics
  tests/bench/victoria_metrics.py --server var/.../victoria-metrics --samples FILE
"""
import argparse
import itertools
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PORT = 18428


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def time_series(process, metric, label_value, samples):
    # prometheus.TimeSeries{labels = 1, samples = 2}, labels sorted by name;
    # Sample{double value = 1, int64 timestamp = 2}. Remote write 1.0.
    body = label("__name__", "plimsoll_" + metric)
    if label_value:
        body += label("label", label_value)
    body += label("process", process)
    for unix_ms, value in samples:
        body += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(unix_ms))
    return field(1, body)


def snappy_literals(data):
    """Snappy's raw block format with literals only: valid, not compressed, so
    the server spends nothing on decompression that we would not."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        out += b"\xf4" + struct.pack("<H", len(piece) - 1) + piece
    return bytes(out)


def requests(path):
    """Bodies of one (process, tick) each, with the count of samples in them."""
    with open(path) as lines:
        rows = (line.rstrip("\n").split("\t") for line in lines)
        for (process, _), group in itertools.groupby(
                rows, key=lambda row: (row[0], row[3])):
            body, count = b"", 0
            for _, metric, label_value, unix_ms, value in group:
                body += time_series(process, metric, label_value,
                                    [(int(unix_ms), float(value))])
                count += 1
            yield snappy_literals(body), count


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def post(path, body=None):
    request = urllib.request.Request(
        "http://127.0.0.1:%d%s" % (PORT, path), data=body,
        headers={"Content-Encoding": "snappy",
                 "Content-Type": "application/x-protobuf",
                 "X-Prometheus-Remote-Write-Version": "0.1.0"} if body else {})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def wait_up(server):
    for _ in range(100):
        try:
            post("/health")
            return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                sys.exit("victoria-metrics ended at its start")
            time.sleep(0.1)
    sys.exit("victoria-metrics did not come up")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--samples", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(
            [args.server, "-storageDataPath=" + directory,
             "-httpListenAddr=127.0.0.1:%d" % PORT, "-retentionPeriod=100y"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_up(server)
            begin, sent = cpu_seconds(server.pid), 0
            for body, count in requests(args.samples):
                post("/api/v1/write", body)
                sent += count
            post("/internal/force_flush")
            spent = cpu_seconds(server.pid) - begin
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)
        stored = sum(os.path.getsize(os.path.join(root, name))
                     for root, _, names in os.walk(os.path.join(directory, "data"))
                     for name in names)
    print("| store | samples | samples per CPU second | bytes per stored sample |")
    print("|---|---|---|---|")
    print("| VictoriaMetrics, remote write | %d | %.0f | %.2f |" % (
        sent, sent / spent, stored / sent))


if __name__ == "__main__":
    main()
