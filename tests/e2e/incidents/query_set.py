"""Incident 5: a Django management command, started by hand, whose items cache
their pictures; with a limit, and without one, when the node is what dies."""
import shutil
import subprocess

import fleet as fleets
import incident
import line

ITEMS = 4_000


def reason_to_skip():
    check = subprocess.run([line.PYTHON, "-c", "import django"],
                           capture_output=True, check=False)
    return "" if check.returncode == 0 else "needs python3-django"


def start(fleet, site, limit_mib, per_second):
    """By hand: on a terminal, and nothing but its directory and its command
    names it."""
    home = fleet.directory / f"{site}-home"
    settings = {"CATALOGUE_HOME": str(home)}
    program = home / site
    shutil.copytree(fleets.EXAMPLES / "catalogue", program)
    subprocess.run([line.PYTHON, "-B", "manage.py", "make_items", str(ITEMS)],
                   cwd=program, check=True,
                   env={"PATH": "/usr/bin:/bin", **settings})
    fleet.start(f"{site}-publish_pictures",
                [line.PYTHON, "manage.py", "publish_pictures", "--per-second",
                 per_second], directory=program, limit_mib=limit_mib,
                environment=settings, terminal=True, named=False)
    return []


class Command(incident.Incident):
    """What holds with a limit and without."""

    @classmethod
    def reason_to_skip(cls):
        return reason_to_skip()

    def test_what(self):
        self.assertEqual(self.labels["cause"], "python-object")
        self.assertRegex(self.page["what"],
                         r"^_io\.BytesIO \+[\d,]+/min, \d+ % of growth with "
                         r"(1 dict, 1 bytes|1 bytes, 1 dict) each")

    def test_made_at(self):
        self.assert_made_at("catalogue/catalogue/models.py",
                            "BytesIO(path.read_bytes())", "Item.picture_file")

    def test_traffic(self):
        self.assertRegex(self.page["traffic"], r"^no requests: ")

    def test_where(self):
        self.assertIn("started by hand on a terminal", self.page["where"])


class QuerySetWithLimit(Command):
    LEAKS = "catalogue-publish_pictures"

    @classmethod
    def start(cls, fleet):
        return start(fleet, "catalogue", 280, 3)

    def test_title(self):
        self.assertRegex(self.page["summary"], r"; OOM in .*\d+ min on 1 of 1 ")


class QuerySetWithoutLimit(Command):
    LEAKS = "archive-publish_pictures"

    @classmethod
    def reason_to_skip(cls):
        return reason_to_skip() or (
            "" if fleets.can_mount() else
            "no mount namespace here, so no /proc/meminfo of a small node")

    @classmethod
    def start(cls, fleet):
        return start(fleet, "archive", None, 4)

    def test_title(self):
        self.assertRegex(self.page["summary"],
                         r"no limit is set: OOM of the node in .*\d+ min")
        self.assertRegex(self.page["where"],
                         r"the largest of \d+ Python processes there: ")
