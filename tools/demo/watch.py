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
            if a.get("labels", {}).get("alertname", "").startswith("Plimsoll")]


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
    """Memory of one service as the collector has it: first and last look."""

    def __init__(self):
        self.first = None
        self.last = None

    def add(self, seconds, mib):
        # The first half minute is start-up, not growth.
        if self.first is None and seconds >= 30:
            self.first = (seconds, mib)
        self.last = (seconds, mib)

    def text(self):
        if self.last is None:
            return "not seen yet"
        size = f"{self.last[1]:.0f} MiB"
        if self.first is None or self.last[0] - self.first[0] < 20:
            return size
        slope = (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
        return f"{size} {slope * 60:+.1f}/min"


def memory_by_service(document):
    """{(name, region): MiB of anonymous memory} of the collector's processes."""
    sums = {}
    for process in rows(document, "processes"):
        size = process.get("anon_bytes")
        if process.get("exited") or not isinstance(size, (int, float)):
            continue
        key = name_of(process.get("workload", "?")), process.get("region", "")
        sums[key] = sums.get(key, 0) + size / 2**20
    return sums


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
    growth = {s: Growth() for s in services}
    start = time.monotonic()
    paged, told_none, next_say = set(), False, 0.0
    say(f"waiting for a page (at most {PAGE_WITHIN_S // 60} minutes from now)")
    while True:
        elapsed = time.monotonic() - start
        processes = get(COLLECTOR + "/api/v1/processes")
        for key, mib in memory_by_service(processes).items():
            if key in growth:
                growth[key].add(elapsed, mib)
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
