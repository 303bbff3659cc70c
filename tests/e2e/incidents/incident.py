"""What the tests of all five incidents have in common."""
import re
import unittest

import fleet as fleets
import line

# From the start of the services; the rules want a life of 200 s.
PAGE_WITHIN_S = 300
# Behind the first text of a page: births of the type that grows.
AMENDED_WITHIN_S = 240
LINES = ("what", "held_by", "made_at", "kept_at", "traffic", "where", "do_now",
         "trust")


class Incident(unittest.TestCase):
    """Started once for all incidents of a run; then each is asked about."""

    maxDiff = None
    fleet = None  # of the run
    LEAKS = ""
    HEALTHY = ()

    @classmethod
    def reason_to_skip(cls):
        return ""

    @classmethod
    def start(cls, fleet):
        """Starts what the incident is made of."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.paged = cls.fleet.wait_for_page(cls.LEAKS, PAGE_WITHIN_S)
        cls.page = cls.paged.alert["annotations"]
        cls.labels = cls.paged.alert["labels"]
        print("\n" + text_of(cls.page), flush=True)

    def test_the_page_comes_before_the_kill(self):
        print(f"{self.LEAKS}: paged after {self.paged.seconds:.0f} s", flush=True)
        self.assertTrue(self.paged.alive)
        self.assertEqual(self.paged.oom_kills, 0)
        self.assertEqual(self.labels["severity"], "page")

    def test_healthy_siblings_get_none(self):
        self.assertFalse(set(self.HEALTHY) & set(self.fleet.paged))

    def test_lines_that_are_not_built_yet_say_so(self):
        self.assertTrue(self.page["held_by"].startswith("not known yet"))
        self.assertTrue(self.page["kept_at"].startswith("not known yet"))

    # ---- for the incidents' own tests

    def wait_for_line(self, key, wanted):
        """The incident's line once it says what is wanted; pages are amended."""
        seen = ""

        def look():
            nonlocal seen
            incident = self.fleet.incident(self.LEAKS)
            seen = incident["text"][key] if incident else "(no incident)"
            return seen if re.search(wanted, seen) else None
        try:
            return line.wait_for(f"{key!r} with {wanted!r}", AMENDED_WITHIN_S,
                                 look, self.fleet.line.check_alive)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {seen}") from error

    def assert_made_at(self, file, text, function):
        """Births that stayed come from the line of `file` that has the text."""
        number = fleets.line_of(file, text)
        short = "/".join(file.split("/")[-2:])
        made_at = self.wait_for_line("made_at",
                                     "^(?!not known).*births that stayed")
        print(f"{self.LEAKS}: {made_at}", flush=True)
        self.assertTrue(made_at.startswith(f"{short}:{number} {function}"),
                        made_at)


def text_of(page):
    return "\n".join([page["summary"]] + [f"{key.replace('_', ' '):<9} {page[key]}"
                                          for key in LINES])
