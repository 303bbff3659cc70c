"""usage: serve.py MODULE REQUESTS_PER_S CHURN_PER_S

Serves requests of one of the modules here at a rate, and beside them makes and
drops objects of the same kind. A line on stdout when it has begun.
"""
import importlib
import sys
import time


def main():
    name, requests_per_s, churn_per_s = sys.argv[1], *map(float, sys.argv[2:4])
    module = importlib.import_module(name)
    kept = [object() for _ in range(20000)]  # a heap that has something in it
    print("ready", len(kept), flush=True)
    began = time.monotonic()
    served = churned = 0
    while True:
        elapsed = time.monotonic() - began
        while served < elapsed * requests_per_s:
            module.handle(served)
            served += 1
        # What a busy machine kept us from is not made up for.
        churned = max(churned, int((elapsed - 0.5) * churn_per_s))
        while churned < elapsed * churn_per_s:
            module.churn()
            churned += 1
        time.sleep(0.005)


if __name__ == "__main__":
    main()
