"""A JSON handler in a loop: allocation-heavy, no I/O.

Protocol as in serve.py.
"""
import json
import random

import serve

random.seed(1)
CACHE = {}


def handle(i):
    order = {
        "id": i,
        "items": [
            {"name": "item%d" % j, "price": j * 1.1, "tags": ["a", "b", str(j)]}
            for j in range(30)
        ],
    }
    decoded = json.loads(json.dumps(order))
    CACHE[i % 500] = json.dumps({"k": list(range(random.randrange(300)))})
    return sum(item["price"] for item in decoded["items"])


if __name__ == "__main__":
    serve.serve(handle)
