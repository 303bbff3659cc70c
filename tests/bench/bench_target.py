"""One running target of tests/bench/targets, for the programs beside this file."""
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Target:
    """Asked for work by lines on stdin; answers each with one line of JSON."""

    def __init__(self, python, script):
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "targets", script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the target ended")
        return json.loads(line)

    def ask(self, *words):
        """The answer of targets/serve.py to one of its commands."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def run(self, seconds, verb="run", *more):
        return self.ask(verb, seconds, *more)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
