"""Incident 3: multidict 6.3.1 leaks a reference per header. Beside it a service
with many waiting coroutines, which does not leak."""
import pathlib
import shutil
import subprocess

import incident
import line

MULTIDICT = "multidict==6.3.1"
PER_MINUTE = 2400
CALLERS, CALLERS_PER_SECOND = 2000, 25


def leaking_multidict():
    """Where the release is, got from PyPI once; None where it cannot be had."""
    target = line.SOURCE / "var/pip" / MULTIDICT
    if (target / ".complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    for pip in ([line.PYTHON, "-m", "pip"], [shutil.which("pip3") or "pip3"]):
        try:
            got = subprocess.run(
                [*pip, "install", "--quiet", "--no-deps", "--target", target,
                 "--only-binary=:all:", "--implementation", "cp",
                 "--python-version", python_version(), MULTIDICT],
                capture_output=True, text=True, check=False, timeout=120)
        except OSError:
            continue
        if got.returncode == 0:
            (target / ".complete").write_text("")
            return target
    return None


def python_version():
    return subprocess.run(
        [line.PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=True).stdout.strip()


class LostReferences(incident.Incident):
    LEAKS = "gateway"
    HEALTHY = ("board", "gateway-sound")

    @classmethod
    def reason_to_skip(cls):
        check = subprocess.run([line.PYTHON, "-c", "import aiohttp"],
                               capture_output=True, check=False)
        if check.returncode != 0:
            return "needs the package python3-aiohttp"
        return ("" if leaking_multidict() else
                f"{MULTIDICT} could not be had from PyPI")

    @classmethod
    def start(cls, fleet):
        steps = []
        for workload, path in (("gateway", str(leaking_multidict())),
                               ("gateway-sound", "")):
            [port] = line.free_ports(1)
            fleet.start(workload, [line.PYTHON, "-m", "gateway.app", port],
                        directory="gateway", version="7", limit_mib=160,
                        environment={"PYTHONPATH": path})
            steps.append(lambda w=workload, p=port: (
                fleet.wait_listening(p), fleet.load(
                    w, p, "--send", f"{PER_MINUTE}:/item/{{n}}",
                    "--send", "600:/healthz", "--uneven")))
        [port] = line.free_ports(1)
        fleet.start("board", [line.PYTHON, "board.py", port],
                    directory="long_polls", version="3", limit_mib=160)
        steps.append(lambda: (fleet.wait_listening(port), fleet.line.start(
            "callers", [line.PYTHON, "callers.py", port, CALLERS,
                        CALLERS_PER_SECOND, 900],
            cwd=pathlib.Path(line.SOURCE, "examples/long_polls"))))
        return steps

    def test_what(self):
        # Until references are followed it is not known that nothing holds them.
        self.assertIn(self.labels["cause"], ("lost-reference", "mixed", "unknown"))
        self.assertRegex(self.page["what"],
                         r"^multidict\._multidict\.CIMultiDict \+[\d,]+/min, ")
        self.assertIn("; also str +", self.page["what"])
        self.assertIn("made in C by multidict._multidict", self.page["what"])

    def test_made_at(self):
        # Over 512 bytes: its births are followed in chunks of malloc.
        made_at = self.wait_for_line("made_at", "CIMultiDict births that stayed")
        print(made_at, flush=True)
        # Every answer loses one, that of the health check too, which is one in
        # five.
        self.assertRegex(made_at, r"^gateway/(headers|upstream)\.py:\d+ ")

    def test_traffic(self):
        self.assertRegex(self.page["traffic"],
                         r"^[\d.]+ KiB per request\b.*endpoint=hand_on")

    def test_where(self):
        self.assertIn("version 7", self.page["where"])
