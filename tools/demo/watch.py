#!/usr/bin/env python3
"""Follows a running demo: what is found, and the page when it comes.

  watch.py [--exit-after-page] [--seconds N] --expect SERVICE NAME/REGION/LIMIT_MIB...

It asks the collector and Alertmanager over HTTP, as anybody could. Exit: 0 the
page came in time and no other; 1 not so (only said with --exit-after-page, or
when no page came).
"""
import argparse
import json
import signal
import sys
import time
import urllib.error
import urllib.request

COLLECTOR = "http://127.0.0.1:7070"
ALERTMANAGER = "http://127.0.0.1:9093"
PAGE_WITHIN_S = 300
LOOK_EVERY_S = 5
SAY_EVERY_S = 20
# The lines of a page in the order in which on-call reads them.
LINES = ("what", "held_by", "made_at", "kept_at", "traffic", "where", "do_now",
         "trust")


def get(url):
    """The JSON document at url, or None when it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return None


def rows(document, key):
    """The list under key of a document that may be anything."""
    found = document.get(key) if isinstance(document, dict) else None
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


def name_of(workload):
    if isinstance(workload, dict):
        return workload.get("name", "?")
    return str(workload).rsplit("/", 1)[-1]


def pages():
    """Plimsoll's alerts that Alertmanager holds, or None if it is silent."""
    alerts = get(ALERTMANAGER + "/api/v2/alerts?active=true")
    if not isinstance(alerts, list):
        return None
    return [a for a in alerts
            if a.get("labels", {}).get("alertname", "").startswith("Plimsoll")
            and a["labels"].get("severity") == "page"]


def service_of(alert):
    return name_of(alert.get("labels", {}).get("workload", "?"))


def show(alert, width=110):
    annotations = alert.get("annotations", {})
    print(annotations.get("summary", "(no summary)"))
    for line in LINES:
        text = annotations.get(line)
        if text:
            print(f"{line.replace('_', ' '):<9} {text}")
    sys.stdout.flush()


class Growth:
    """Anonymous memory of one service, summed over its processes."""

    # The first half minute is start-up, not growth.
    SETTLED_AFTER_S = 30

    def __init__(self):
        self.mib = 0.0
        self.mib_per_minute = 0.0
        self.has_slope = False
        self.seen = False

    def add(self, samples, start_unix_s):
        """samples: (unix seconds, bytes) of one process, in order."""
        self.seen = True
        self.mib += samples[-1][1] / 2**20
        settled = [s for s in samples if s[0] >= start_unix_s + self.SETTLED_AFTER_S]
        if len(settled) < 3 or settled[-1][0] - settled[0][0] < 20:
            return
        self.has_slope = True
        self.mib_per_minute += slope(settled) * 60 / 2**20

    def text(self):
        if not self.seen:
            return "not seen yet"
        if not self.has_slope:
            return f"{self.mib:.0f} MiB"
        return f"{self.mib:.0f} MiB {self.mib_per_minute:+.1f}/min"


def slope(samples):
    """Least squares, per second."""
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_v = sum(v for _, v in samples) / len(samples)
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread


def samples_of(process, start_unix_s):
    """Its anonymous memory since the demo began, as the collector stored it."""
    document = get(f"{COLLECTOR}/api/v1/processes/{process.get('key')}/series"
                   f"?metric=anon_bytes&from={start_unix_s:.0f}")
    found = document.get("samples") if isinstance(document, dict) else None
    return [(s[0], s[1]) for s in found or []
            if isinstance(s, list) and len(s) == 2]


def growth_by_service(services, start_unix_s):
    """{(name, region): Growth} of the collector's living processes."""
    growth = {s: Growth() for s in services}
    processes = get(COLLECTOR + "/api/v1/processes")
    for process in rows(processes, "processes"):
        key = process.get("name"), process.get("region", "")
        if process.get("exited") or key not in growth:
            continue
        samples = samples_of(process, start_unix_s)
        if samples:
            growth[key].add(samples, start_unix_s)
    return growth


def progress(elapsed, growth, incidents, services):
    parts = [f"{name} {region}: {growth[name, region].text()}"
             for name, region in services]
    states = [f"{name_of(i.get('workload', '?'))} {i.get('state', '?')}"
              for i in incidents if i.get("state") != "resolved"]
    found = ", ".join(states) if states else "none"
    return f"{elapsed // 60:.0f}:{elapsed % 60:02.0f}  {'; '.join(parts)}; incidents: {found}"


def say(text):
    print(text, file=sys.stderr, flush=True)


def verdict(paged, expected):
    """Whether exactly the expected service was paged, in words."""
    others = sorted(paged - {expected})
    if others:
        say(f"paged although healthy: {', '.join(others)}")
    if expected in paged and not others:
        say(f"{expected} was paged; no healthy service has been.")
        return 0
    return 1


def follow(args):
    services = [tuple(s.split("/")[:2]) for s in args.services]
    start, start_unix_s = time.monotonic(), time.time()
    paged, told_none, next_say = set(), False, 0.0
    say(f"waiting for a page (at most {PAGE_WITHIN_S // 60} minutes from now)")
    while True:
        elapsed = time.monotonic() - start
        incidents = rows(get(COLLECTOR + "/api/v1/incidents"), "incidents")
        for alert in pages() or []:
            if service_of(alert) in paged:
                continue
            paged.add(service_of(alert))
            print(f"\nPAGE after {elapsed // 60:.0f}:{elapsed % 60:02.0f}, from "
                  f"{ALERTMANAGER}/api/v2/alerts:\n")
            show(alert)
            print(flush=True)
            next_say = 0.0
        if elapsed >= next_say:
            growth = growth_by_service(services, start_unix_s)
            say(progress(elapsed, growth, incidents, services))
            next_say = elapsed + SAY_EVERY_S
        if args.expect in paged and args.exit_after_page:
            return verdict(paged, args.expect)
        if elapsed > PAGE_WITHIN_S and args.expect not in paged and not told_none:
            told_none = True
            say(f"No page for {args.expect} came within {PAGE_WITHIN_S // 60} minutes. "
                "Reasons are in var/log/collector.log and var/log/agent.log.")
            if args.exit_after_page:
                return 1
        if args.seconds and elapsed >= args.seconds:
            return verdict(paged, args.expect)
        time.sleep(LOOK_EVERY_S)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--expect", required=True)
    parser.add_argument("--exit-after-page", action="store_true")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("services", nargs="+")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return follow(parser.parse_args())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
