"""What differs between deployments; every setting is an environment variable."""
import os

# "registered": pools stand in routing.pools.OPEN, so that shutdown can close
# them (today's form). "local": a pool is a local variable (the old form).
POOLS = os.environ.get("ROUTING_POOLS", "registered")
# Lookups at once per request.
LOOKUPS = int(os.environ.get("ROUTING_LOOKUPS", "4"))

if POOLS not in ("registered", "local"):
    raise SystemExit(f"ROUTING_POOLS={POOLS!r}: expected 'registered' or 'local'")
