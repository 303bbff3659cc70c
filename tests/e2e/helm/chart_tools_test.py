"""The chart under other people's rules: kubeconform, helm-unittest, kube-score,
checkov.

tools/chart-tools builds them; without them this skips, or fails under
PLIMSOLL_REQUIRE_KUBE=1. What is suppressed is named with its reason, and must
still be needed.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
TOOLS = pathlib.Path(os.environ.get("PLIMSOLL_CHART_TOOLS",
                                    line.SOURCE / "var/tools"))
CHART = line.SOURCE / "helm/plimsoll"
EXAMPLES = sorted(path.stem.removesuffix("-values")
                  for path in (CHART / "ci").glob("*-values.yaml"))
KUBERNETES = "1.34.4"
# Kinds of other projects, whose schemas no registry has.
UNKNOWN_KINDS = "PodMonitor,PrometheusRule,SecurityContextConstraints"
# What kube-score finds and we mean: the check, and why.
SUPPRESSED = {
    "container-image-pull-policy":
        "images are named by version; where the tag moves, values set Always",
    "container-resources":
        "memory is limited; a limit of CPU throttles an agent when it is needed,"
        " which keeps to its own budget",
    "container-ephemeral-storage-request-and-limit":
        "root is read-only; what is written goes to volumes that have limits",
    "container-security-context-user-group-id":
        "the agent is root by need (other users' processes); the collector is"
        " 65532, below the 10000 that is asked for",
    "pod-networkpolicy":
        "ingress is narrowed; egress goes to notifiers and API servers whose"
        " addresses the chart cannot know",
    "statefulset-has-servicename":
        "one replica, reached by its Service",
}
# The same of checkov, whatever the object.
CHECKOV_SUPPRESSED = {
    "CKV_K8S_9": "the agent serves nobody: once started it is ready",
    "CKV_K8S_11": "a limit of CPU throttles; the agent keeps its own budget",
    "CKV_K8S_15": "images are named by version; where the tag moves, values set"
                  " Always",
    "CKV_K8S_17": "the agent is there to see the node's processes",
    "CKV_K8S_23": "the agent is root by need: other users' processes",
    "CKV_K8S_25": "five capabilities in place of privileged",
    "CKV_K8S_31": "some runtimes' default profile refuses bpf(2) even with the"
                  " capabilities; values say RuntimeDefault where it does not",
    "CKV_K8S_38": "the agent watches the pods of its node",
    "CKV_K8S_40": "the same as 23",
    "CKV_K8S_43": "a digest is of a registry, which the user chooses",
}


def reason_to_skip():
    for name in ("helm", "kubeconform", "helm-unittest", "kube-score",
                 "checkov"):
        if not os.access(TOOLS / "bin" / name, os.X_OK):
            return f"no {name} here: tools/chart-tools builds it (needs Go)"
    return ""


def tool(name, *words, text=None):
    return subprocess.run([TOOLS / "bin" / name, *words], input=text,
                          capture_output=True, text=True, check=False)


def render(example, *more):
    done = tool("helm", "template", "drift", CHART, "--namespace", "observe",
                "--kube-version", KUBERNETES, "-f",
                CHART / f"ci/{example}-values.yaml", *more)
    if done.returncode != 0:
        raise AssertionError(f"{example}: {done.stderr}")
    return done.stdout


def conform(text):
    schemas = (f"{TOOLS}/schemas/v{KUBERNETES}-standalone" +
               "{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json")
    return tool("kubeconform", "-strict", "-output", "json", "-summary",
                "-kubernetes-version", KUBERNETES, "-skip", UNKNOWN_KINDS,
                "-schema-location", schemas, text=text)


def score(text, *more):
    """The checks that failed: {(object, check): what it says}."""
    done = tool("kube-score", "score", "--output-format", "json",
                "--kubernetes-version", "v1.34", *more, "-", text=text)
    found = {}
    for each in json.loads(done.stdout):
        for check in each["checks"] or []:
            if not check["skipped"] and check["grade"] < 10:
                found[each["object_name"], check["check"]["id"]] = [
                    (comment["path"], comment["summary"])
                    for comment in check["comments"] or []]
    return found


def checkov(text):
    """The checks that failed: {(object, check): its name}."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "rendered.yaml"
        path.write_text(text)
        done = tool("checkov", "--file", path, "--framework", "kubernetes",
                    "--output", "json", "--compact", "--skip-download")
    results = json.loads(done.stdout)
    assert results["summary"]["parsing_errors"] == 0, results["summary"]
    assert results["summary"]["passed"] > 50, results["summary"]
    return {(each["resource"], each["check_id"]): each["check_name"]
            for each in results["results"]["failed_checks"]}


class ChartTools(unittest.TestCase):
    maxDiff = None

    def test_there_are_examples(self):
        self.assertGreaterEqual(len(EXAMPLES), 3)

    def test_every_object_is_as_kubernetes_has_it(self):
        for example in EXAMPLES:
            done = conform(render(example))
            self.assertEqual(done.returncode, 0, done.stdout)
            summary = json.loads(done.stdout)["summary"]
            self.assertGreaterEqual(summary["valid"], 5, example)

    def test_a_field_that_kubernetes_does_not_have_is_found(self):
        """The schemas do find what the test above says is not there."""
        text = render("one-cluster").replace("hostPID:", "hostPIDs:")
        done = conform(text)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("hostPIDs", done.stdout)

    def test_suites(self):
        done = tool("helm-unittest", CHART)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print(done.stdout[-400:], flush=True)

    def test_nothing_is_found_but_what_is_meant(self):
        ignored = [word for check in SUPPRESSED
                   for word in ("--ignore-test", check)]
        for example in EXAMPLES:
            self.assertEqual(score(render(example), *ignored), {}, example)

    def test_every_suppression_is_needed(self):
        found = set()
        for example in EXAMPLES:
            found |= {check for _, check in score(render(example))}
        self.assertEqual(set(SUPPRESSED) - found, set())

    def test_checkov_finds_nothing_but_what_is_meant(self):
        found = {}
        for example in EXAMPLES:
            found |= checkov(render(example))
        self.assertEqual({each: name for each, name in found.items()
                          if each[1] not in CHECKOV_SUPPRESSED}, {})
        self.assertEqual(set(CHECKOV_SUPPRESSED) - {check for _, check in found},
                         set(), "no longer needed")


if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_KUBE") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
