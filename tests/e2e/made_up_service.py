"""Writes a small Python service whose names and numbers nobody has seen before.

Module path, class, function, line, leaking city, rate and request mix are drawn
anew from the seed, so that a page which carries them can only have got them
from the running process. The service counts its requests with prometheus_client
in multiprocess mode, as real ones do, and writes what it has really kept to a
file, which is the truth that the page is held against.
"""
import dataclasses
import os
import pathlib
import random

SYLLABLES = ["ba", "cor", "del", "fi", "gan", "hul", "jor", "kes", "lim", "mav",
             "nor", "pel", "quin", "ros", "sut", "tar", "ul", "ven", "wex", "zim"]

MODULE = '''"""Made up; nothing in here means anything."""
{padding}
class {class_name}:
    __slots__ = ({slots})


_KEPT = []


def {function}(count, keep):
    batch = []
    for _ in range(count):
        batch.append({class_name}())
    if keep:
        _KEPT.extend(batch)
    return len(batch)


def kept():
    return len(_KEPT)


def churn(count):
    """Work of other types that leaves nothing behind."""
    rows = [{{"id": i, "text": str(i)}} for i in range(count)]
    return sum(len(row["text"]) for row in rows)
'''

SERVE = '''import json
import os
import pathlib
import random
import sys
import time

from prometheus_client import Counter
from {package} import {module}

REQUESTS = Counter("{metric}", "Requests", ["city", "outcome"])
CITIES, WEIGHTS = {cities!r}, {weights!r}
TRUTH = pathlib.Path(sys.argv[1])
LEAKS = sys.argv[2] == "leaks"
draw = random.Random({seed})
begin = time.monotonic()
turn = 0
while True:
    city = draw.choices(CITIES, WEIGHTS)[0]
    leaks = LEAKS and city == {leaking_city!r}
    {module}.churn(200)
    {module}.{function}({per_request}, leaks)
    # Drawn by itself: nothing but the city tells which requests leak.
    REQUESTS.labels(city, draw.choices(["ok", "error"], [9, 1])[0]).inc()
    turn += 1
    if turn % 10 == 0:
        line = json.dumps({{"at": time.time(), "kept": {module}.kept(),
                           "requests": turn}})
        with TRUTH.open("a") as file:
            file.write(line + "\\n")
    time.sleep(max(0.0, begin + turn / {requests_per_s} - time.monotonic()))
'''


@dataclasses.dataclass
class MadeUpService:
    """What was drawn; `write` makes it real."""
    workload: str
    package: str
    module: str
    class_name: str
    function: str
    line: int  # where the class is instantiated
    slots: int
    leaking_city: str
    cities: list
    weights: list
    per_request: int
    requests_per_s: int
    version: str
    region: str
    seed: int

    @property
    def type_name(self):
        return f"{self.package}.{self.module}.{self.class_name}"

    @property
    def object_bytes(self):
        """GC head, object head and slots, rounded up to pymalloc's 16."""
        return (16 + 16 + 8 * self.slots + 15) // 16 * 16

    @property
    def bytes_per_request(self):
        return self.per_request * self.object_bytes

    @property
    def bytes_per_s(self):
        share = self.weights[self.cities.index(self.leaking_city)]
        return self.bytes_per_request * self.requests_per_s * share

    def write(self, directory):
        """Puts the files under `directory`; returns the script to run."""
        top = pathlib.Path(directory)
        (top / self.package).mkdir(parents=True)
        (top / self.package / "__init__.py").write_text("")
        source = MODULE.format(
            padding="#\n" * self._padding(), class_name=self.class_name,
            slots=", ".join(f'"s{i}"' for i in range(self.slots)),
            function=self.function)
        made = [number for number, text in enumerate(source.splitlines(), 1)
                if f"append({self.class_name}())" in text]
        assert made == [self.line], (made, self.line)
        (top / self.package / f"{self.module}.py").write_text(source)
        script = top / "serve.py"
        script.write_text(SERVE.format(
            package=self.package, module=self.module, function=self.function,
            metric=f"{self.package}_requests", cities=self.cities,
            weights=self.weights, leaking_city=self.leaking_city,
            per_request=self.per_request, requests_per_s=self.requests_per_s,
            seed=self.seed))
        return script

    def _padding(self):
        bare = MODULE.format(padding="", class_name="C", slots="", function="f")
        first = bare.splitlines().index("        batch.append(C())") + 1
        return self.line - first


def draw_seed():
    """Another one each run, and told: PLIMSOLL_E2E_SEED repeats a run."""
    seed = int(os.environ.get("PLIMSOLL_E2E_SEED",
                              random.SystemRandom().randrange(1 << 32)))
    print(f"PLIMSOLL_E2E_SEED={seed}", flush=True)
    return seed


def make_up(seed, bytes_per_s):
    """Draws a service that leaks about `bytes_per_s`."""
    draw = random.Random(seed)

    def word(parts):
        return "".join(draw.choice(SYLLABLES) for _ in range(parts))

    cities = []
    while len(cities) < 4:
        city = word(2)
        if city not in cities:
            cities.append(city)
    share = draw.uniform(0.3, 0.6)
    rest = [draw.uniform(0.5, 1.5) for _ in cities[1:]]
    weights = [share] + [(1 - share) * w / sum(rest) for w in rest]
    service = MadeUpService(
        workload=f"{word(2)}-{word(2)}", package=word(3), module=word(2),
        class_name=word(2).title() + word(2).title(), function=word(3),
        line=draw.randrange(60, 900), slots=draw.randrange(12, 25),
        leaking_city=cities[0], cities=cities, weights=weights, per_request=1,
        requests_per_s=20, version=f"{draw.randrange(1, 9)}.{draw.randrange(99)}",
        region=f"{word(1)}-{word(2)}-{draw.randrange(1, 9)}", seed=seed)
    service.per_request = max(1, round(
        bytes_per_s / (service.object_bytes * service.requests_per_s * share)))
    return service
