"""An agent for the programs beside this file, ready when it is returned."""
import os
import re
import signal
import subprocess
import time
import urllib.request

METRICS_PORT = 17072


def pythons():
    """How many processes here run an executable named python."""
    count = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                exe = os.readlink("/proc/%s/exe" % entry)
                count += os.path.basename(exe).startswith("python")
        except OSError:
            pass
    return count


class Agent:
    """An agent at its defaults but for its port and state directory."""

    def __init__(self, bin_dir, state_dir):
        environment = dict(
            os.environ,
            PLIMSOLL_AGENT_LISTEN="127.0.0.1:%d" % METRICS_PORT,
            PLIMSOLL_AGENT_STATE_DIR=state_dir,
            PLIMSOLL_AGENT_COLLECTOR="")
        self.log = open(os.path.join(state_dir, "agent.log"), "a")
        self.process = subprocess.Popen(
            [os.path.join(bin_dir, "plimsoll-agent")], env=environment,
            stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not self._watching():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("the agent did not come up, see %s" % self.log.name)
            time.sleep(0.05)

    def _watching(self):
        """All Pythons of the machine are watched and the collector is probed.

        Censuses come later, spread over time, and read only: what they cost the
        target is in no half but by chance."""
        watched = self.metric("plimsoll_agent_processes") or 0
        probed = self.metric("plimsoll_agent_tier_processes",
                             'tier="gc",ok="true"') or 0
        return min(watched, probed) >= pythons()

    def metric(self, name, labels=None):
        try:
            with urllib.request.urlopen(
                    "http://127.0.0.1:%d/metrics" % METRICS_PORT, timeout=2) as r:
                text = r.read().decode()
        except OSError:
            return None
        labels = re.escape("{%s}" % labels) if labels else r"(?:\{[^}]*\})?"
        values = re.findall(r"^%s%s (\S+)$" % (re.escape(name), labels), text, re.M)
        return sum(map(float, values)) if values else None

    def probe_cost_ns(self):
        return (self.metric("plimsoll_agent_probe_cost_seconds_total") or 0) * 1e9

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()
