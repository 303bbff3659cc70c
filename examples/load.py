#!/usr/bin/env python3
"""Sends a region's traffic to a service on this machine, for a bounded time.

  load.py --region ap-southeast-1 --port 8101 --seconds 600
  load.py --send 1200:/recipe/{n} --send 30:/healthz --port 8105 --seconds 600

Requests are spread over each minute by kind, with jitter, so that a minute is
like the next without being the same. It stops by itself after --seconds, and at
once when the process that started it is gone. It talks to 127.0.0.1 only.
"""
import argparse
import collections
import concurrent.futures
import http.client
import os
import random
import signal
import sys
import threading
import time

# Requests a minute by city and zone. The withdrawn vehicle stands in the centre
# of Singapore; "harbour" is a zone that nobody has, so that there are failures
# which leak nothing.
REGIONS = {
    "ap-southeast-1": {
        ("singapore", "centre"): 6, ("singapore", "north"): 30,
        ("singapore", "south"): 24, ("jakarta", "north"): 18,
        ("sydney", "airport"): 12, ("jakarta", "harbour"): 4,
    },
    "eu-west-3": {
        ("singapore", "centre"): 2, ("singapore", "north"): 8,
        ("paris", "north"): 36, ("paris", "airport"): 18,
        ("madrid", "south"): 18, ("lyon", "south"): 10, ("paris", "harbour"): 4,
    },
}
QUOTES_PER_MINUTE = 600
QUOTE_PAIRS = 800
NUMBERS = 200
RUSH_S = 10
SECONDS_MAX = 24 * 3600
TIMEOUT_S = 30


def route_kinds(region):
    return [(f"/route?city={city}&zone={zone}&seats=2", count)
            for (city, zone), count in REGIONS[region].items()]


def quote_kinds(region):
    cities = sorted({city for city, _ in REGIONS[region]})
    return [(f"/quote?city={city}&pair={{pair}}",
             QUOTES_PER_MINUTE // len(cities)) for city in cities]


def sent_kind(text):
    """"1200:/recipe/{n}": so many a minute, each with a number of its own."""
    count, colon, path = text.partition(":")
    if not colon or not count.isdigit() or not path.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not COUNT:/PATH")
    return path, int(count)


def one_minute(kinds, rng):
    """(second, path) of each request of one minute, in order."""
    return sorted(((i + rng.random()) / count * 60, path)
                  for path, count in kinds for i in range(count))


def one_uneven_minute(kinds, rng):
    """The same number of requests, in rushes of some seconds, each kind's own."""
    planned = []
    for path, count in kinds:
        weights = [rng.expovariate(1) for _ in range(60 // RUSH_S)]
        rushes = rng.choices(range(len(weights)), weights, k=count)
        planned += [((rush + rng.random()) * RUSH_S, path) for rush in rushes]
    return sorted(planned)


class Sender:
    """Sends one request at a time per thread; counts what came back."""

    def __init__(self, port):
        self._port = port
        self._lock = threading.Lock()
        self.outcomes = collections.Counter()

    def send(self, path):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            response.read()
            outcome = str(response.status)
        except (OSError, http.client.HTTPException) as error:
            outcome = type(error).__name__
        finally:
            connection.close()
        with self._lock:
            self.outcomes[outcome] += 1


def run(args):
    rng = random.Random(args.seed)
    kinds = args.send or (
        quote_kinds if args.service == "quotes" else route_kinds)(args.region)
    parent = os.getppid()
    sender = Sender(args.port)
    start = time.monotonic()
    minute = 0
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with concurrent.futures.ThreadPoolExecutor(args.threads) as executor:
        pending = collections.deque()
        while not stopping.is_set():
            minute_of = one_uneven_minute if args.uneven else one_minute
            for second, path in minute_of(kinds, rng):
                due = start + minute * 60 + second
                while (wait := due - time.monotonic()) > 0:
                    if stopping.wait(min(wait, 0.5)) or os.getppid() != parent:
                        stopping.set()
                        break
                if stopping.is_set() or due - start > args.seconds:
                    stopping.set()
                    break
                while pending and pending[0].done():
                    pending.popleft()
                if len(pending) > 10 * args.threads:
                    sender.outcomes["not sent: the service is behind"] += 1
                    continue
                path = path.replace("{pair}", str(rng.randrange(QUOTE_PAIRS)))
                path = path.replace("{n}", str(rng.randrange(NUMBERS)))
                pending.append(executor.submit(sender.send, path))
            minute += 1
        executor.shutdown(wait=False, cancel_futures=True)
    return sender.outcomes


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region", choices=sorted(REGIONS))
    parser.add_argument("--send", type=sent_kind, action="append",
                        metavar="PER_MINUTE:PATH")
    parser.add_argument("--service", choices=("routing", "quotes"),
                        default="routing")
    parser.add_argument("--uneven", action="store_true",
                        help="requests in rushes, as people make them")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not 0 < args.seconds <= SECONDS_MAX:
        parser.error(f"--seconds must be between 0 and {SECONDS_MAX}")
    if (args.region is None) == (args.send is None):
        parser.error("either --region or --send")
    if not 1 <= args.threads <= 64:
        parser.error("--threads must be between 1 and 64")
    outcomes = run(args)
    for outcome, count in sorted(outcomes.items()):
        print(f"{outcome}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
