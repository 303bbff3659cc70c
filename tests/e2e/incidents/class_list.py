"""Incident 2: a list that is an attribute of the class, in a profiler; uWSGI's
prefork workers under one limit; latent until a cache warmer raises the load."""
import pathlib
import time

import incident
import line

UWSGI = pathlib.Path("/usr/bin/uwsgi")
QUIET_S = 30
QUIET_PER_MINUTE = 40
WARMER_PER_MINUTE = 1500
VERSION = "41.2"


class ClassList(incident.Incident):
    LEAKS = "recipes"

    @classmethod
    def reason_to_skip(cls):
        return "" if UWSGI.exists() else "needs uwsgi-core, uwsgi-plugin-python3"

    @classmethod
    def start(cls, fleet):
        [port] = line.free_ports(1)
        fleet.start("recipes", [UWSGI, "--ini", "uwsgi.ini", "--http-socket",
                                f"127.0.0.1:{port}"],
                    directory="recipes", version=VERSION, limit_mib=240)

        def traffic():
            fleet.wait_listening(port)
            fleet.load("recipes", port, "--send",
                       f"{QUIET_PER_MINUTE}:/recipe/{{n}}")

        def warmer():
            fleet.load("recipes", port, "--send",
                       f"{WARMER_PER_MINUTE}:/recipe/{{n}}", "--seed", "2")
        return [traffic, (QUIET_S, warmer)]

    def test_what(self):
        self.assertEqual(self.labels["cause"], "python-object")
        # All that a core file told: builtins. The line tells more.
        self.assertRegex(self.page["what"], r"^tuple \+[\d,]+/min, \d+ % of growth")

    def test_made_at(self):
        self.assert_made_at("recipes/recipes/profiler.py",
                            "self.rows.append((line_of(caller)",
                            "RequestProfiler.end")

    def test_traffic(self):
        # All have one endpoint and status, so neither is told from any request.
        self.assertRegex(self.page["traffic"],
                         r"^[\d.]+ KiB per request, all with .*endpoint=recipe"
                         r".* \(CI [\d.-]+\) x [\d,]+/min, ")

    def test_where(self):
        self.assertIn(f"version {VERSION}", self.page["where"])
        self.assertIn("OOM in ", self.page["summary"])
        self.assertIn("on 1 of 1 cgroup (3 of 3 processes)", self.page["summary"])
