"""What tests of request sources share: the service `web` of pod web-1 in the
namespace shop, which serves what it is told to, and what the collector counted.
"""
import pathlib
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE


class RequestCase(unittest.TestCase):
    collector = ""  # its URL, once the test has started it

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-requests-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.line = line.Line(self.directory)
        self.addCleanup(self.line.stop)
        [self.service] = line.free_ports(1)

    def source(self):
        found = line.get_json(self.collector + "/api/v1/coverage")
        [source] = found["request_sources"]
        return source

    def serve(self, **cities):
        query = "&".join(f"{city}={n}" for city, n in cities.items())
        urllib.request.urlopen(
            f"http://127.0.0.1:{self.service}/serve?{query}", timeout=60).read()

    def counted(self):
        """Requests of the service by their attributes."""
        found = line.get_json(
            self.collector + "/api/v1/attributes?workload=web&for=10m")
        return {each["attributes"]: each["requests"]
                for each in (found or {}).get("attributes", [])}

    def wait_for_counts(self, **cities):
        wanted = {f"city={city}": n for city, n in cities.items()}
        try:
            line.wait_for(f"counts {wanted}", 60,
                          lambda: self.counted() == wanted)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.counted()}") from error
