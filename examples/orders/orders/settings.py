"""What differs between deployments; every setting is an environment variable."""
import os

DATABASE = os.environ.get("ORDERS_DATABASE", "host=127.0.0.1 dbname=orders")
# "off": the collector's pauses were felt in the slowest requests once, and the
# service was thought to make no cycles.
COLLECTOR = os.environ.get("ORDERS_COLLECTOR", "on")

if COLLECTOR not in ("on", "off"):
    raise SystemExit(f"ORDERS_COLLECTOR={COLLECTOR!r}: expected 'on' or 'off'")
