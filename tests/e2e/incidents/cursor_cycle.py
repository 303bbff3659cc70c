"""Incident 4: a bound method patched onto each cursor of a database service; a
real PostgreSQL. With the collector off the cycles stay; with it on they go."""
import subprocess

import incident
import line

PER_MINUTE = 480
VERSION = "2.8"


class CursorCycle(incident.Incident):
    LEAKS = "orders"
    HEALTHY = ("orders-collected",)

    @classmethod
    def reason_to_skip(cls):
        check = subprocess.run([line.PYTHON, "-c", "import psycopg2"],
                               capture_output=True, check=False)
        return "" if check.returncode == 0 else "needs python3-psycopg2"

    @classmethod
    def start(cls, fleet):
        [database] = line.free_ports(1)
        fleet.line.start("postgres", [line.SOURCE / "tools/postgres", database,
                                      fleet.directory / "postgres", "orders"],
                         {"HOME": "/root"})
        address = {"ORDERS_DATABASE": f"host=127.0.0.1 port={database} "
                                      "dbname=orders user=orders"}
        ports = dict(zip(("orders", "orders-collected"), line.free_ports(2)))
        for workload, port in ports.items():
            fleet.start(workload, [
                line.PYTHON, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}",
                "--worker-class", "gthread", "--threads", "4",
                "--log-level", "warning", "orders.app:create_app()"],
                directory="orders", version=VERSION, limit_mib=256,
                environment={**address, "ORDERS_COLLECTOR":
                             "off" if workload == "orders" else "on"})

        def fill():
            fleet.wait_listening(database, 90)
            subprocess.run([line.PYTHON, "-B", "-m", "orders.database"],
                           cwd=line.SOURCE / "examples/orders", check=True,
                           env={"PATH": "/usr/bin:/bin", **address})
            for workload, port in ports.items():
                fleet.wait_listening(port)
                fleet.load(workload, port, "--send",
                           f"{PER_MINUTE}:/customer/{{n}}",
                           "--send", "240:/shipping/{n}", "--uneven")
        return [fill]

    def test_what(self):
        self.assertEqual(self.labels["cause"], "unreachable")
        self.assertRegex(self.page["what"],
                         r"^psycopg2\.extras\.DictCursor \+[\d,]+/min, ")
        self.assertIn("the collector is off", self.page["what"])

    def test_made_at(self):
        self.assert_made_at("orders/orders/database.py",
                            "connection().cursor(cursor_factory", "open_cursor")

    def test_traffic(self):
        self.assertRegex(self.page["traffic"],
                         r"^[\d.]+ KiB per request with endpoint=customer")

    def test_where(self):
        self.assertIn(f"version {VERSION}", self.page["where"])
