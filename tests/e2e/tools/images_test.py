"""The images of agent and collector, as buildah makes them from the Dockerfile.

Out of the programs of this build; with PLIMSOLL_FULL=1 once more from the
sources alone, in a Debian 12 of debootstrap. They must be the same byte for byte
when made twice, and have in them what the chart relies on. Skips without
buildah, or fails under PLIMSOLL_REQUIRE_KUBE=1.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import line  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
BUILD = line.SOURCE / "tools/image/build"
NAMES = ("agent", "collector")


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root: buildah mounts the images that it makes"
    if shutil.which("buildah") is None:
        return "buildah is not installed here: tools/install test"
    return ""


def build(directory, *options):
    done = subprocess.run(
        [BUILD, *options, directory], capture_output=True, text=True,
        check=False, env={**os.environ, "PLIMSOLL_BIN_DIR": str(line.BIN)})
    if done.returncode != 0:
        raise AssertionError(f"tools/image/build failed:\n{done.stderr[-3000:]}")


class Image:
    """An OCI archive: its configuration, and the files of its layers."""

    def __init__(self, path):
        self.archive = tarfile.open(path)
        [self.entry] = self._json("index.json")["manifests"]
        manifest = self._blob(self.entry)
        self.layers = manifest["layers"]
        self.config = self._blob(manifest["config"])
        self.files = {}
        for layer in self.layers:
            stream = self.archive.extractfile(self._name(layer))
            with tarfile.open(fileobj=stream, mode="r|*") as files:
                for member in files:
                    self.files["/" + member.name.strip("/")] = member

    def close(self):
        self.archive.close()

    @staticmethod
    def _name(descriptor):
        return "blobs/" + descriptor["digest"].replace(":", "/")

    def _json(self, name):
        return json.load(self.archive.extractfile(name))

    def _blob(self, descriptor):
        data = self.archive.extractfile(self._name(descriptor)).read()
        assert hashlib.sha256(data).hexdigest() == \
            descriptor["digest"].split(":")[1]
        return json.loads(data)


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="plimsoll-images-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        build(cls.directory / "one")
        cls.images = {}
        for name in NAMES:
            image = Image(cls.directory / f"one/plimsoll-{name}.tar")
            cls.addClassCleanup(image.close)
            cls.images[name] = image

    def test_made_again_they_are_the_same(self):
        build(self.directory / "two")
        for name in NAMES:
            again = Image(self.directory / f"two/plimsoll-{name}.tar")
            self.addCleanup(again.close)
            self.assertEqual(self.images[name].entry["digest"],
                             again.entry["digest"], name)

    def test_they_say_what_they_are(self):
        version = subprocess.run(
            [line.BIN / "plimsoll-agent", "--version"], capture_output=True,
            text=True, check=True).stdout
        for name, image in self.images.items():
            labels = image.config["config"]["Labels"]
            self.assertEqual(labels["org.opencontainers.image.title"],
                             f"plimsoll-{name}")
            self.assertEqual(labels["org.opencontainers.image.licenses"],
                             "Apache-2.0")
            self.assertIn(labels["org.opencontainers.image.version"], version)
            self.assertIn("org.opencontainers.image.revision", labels)
            self.assertEqual(image.config["config"]["Entrypoint"],
                             [f"/usr/bin/plimsoll-{name}"])
            self.assertEqual(image.entry["annotations"]
                             ["org.opencontainers.image.ref.name"].split(":")[0],
                             f"docker.io/plimsoll/plimsoll-{name}")

    def test_the_collector_is_not_root_and_may_write_its_state(self):
        image = self.images["collector"]
        self.assertEqual(image.config["config"]["User"], "65532:65532")
        state = image.files["/var/lib/plimsoll"]
        self.assertEqual((state.uid, state.gid), (65532, 65532))
        self.assertIn("PLIMSOLL_COLLECTOR_STATE_DIR=/var/lib/plimsoll",
                      image.config["config"]["Env"])

    def test_there_is_no_shell_and_nothing_that_becomes_root(self):
        for name, image in self.images.items():
            programs = {path.rpartition("/")[2] for path, member
                        in image.files.items() if member.isfile()
                        and "/bin/" in path}
            self.assertEqual(programs, {
                "agent": {"plimsoll-agent", "plimsoll-inspector", "plimsoll"},
                "collector": {"plimsoll-collector", "plimsoll"}}[name])
            for path, member in image.files.items():
                self.assertEqual(member.mode & 0o6000, 0, path)
                if member.isfile():
                    self.assertEqual(member.mode & 0o022, 0, path)
                    self.assertEqual(member.uid, 0, path)

    def test_they_are_small(self):
        for name, image in self.images.items():
            packed = sum(layer["size"] for layer in image.layers)
            print(f"{name}: {packed / 1e6:.1f} MB packed, "
                  f"{sum(m.size for m in image.files.values()) / 1e6:.1f} MB",
                  flush=True)
            self.assertLess(packed, 50e6, name)

    @unittest.skipUnless(os.environ.get("PLIMSOLL_FULL") == "1",
                         "builds everything in a container: PLIMSOLL_FULL=1")
    def test_from_the_sources_alone(self):
        if shutil.which("debootstrap") is None:
            self.skipTest("debootstrap is not installed here")
        archive = self.base()
        build(self.directory / "source", "--from-source", "--base", archive)
        for name in NAMES:
            image = Image(self.directory / f"source/plimsoll-{name}.tar")
            self.addCleanup(image.close)
            self.assertEqual(sorted(image.files),
                             sorted(self.images[name].files))

    def base(self):
        """A Debian 12 as the public image has it, and where it is."""
        root = self.directory / "base"
        subprocess.run(["debootstrap", "--variant=minbase",
                        "--include=ca-certificates", "bookworm", root],
                       stdout=subprocess.DEVNULL, check=True)
        self.addCleanup(subprocess.run,
                        ["rm", "-rf", "--one-file-system", root], check=True)
        buildah = ["buildah", "--root", self.directory / "storage", "--runroot",
                   self.directory / "run", "--storage-driver", "vfs"]

        def run(*words):
            done = subprocess.run([*buildah, *words], capture_output=True,
                                  text=True, check=True)
            return done.stdout.strip()

        container = run("from", "scratch")
        run("copy", container, root, "/")
        run("commit", "--rm", container, "debian:12")
        archive = f"oci-archive:{self.directory}/base.tar:debian:12"
        run("push", "debian:12", archive)
        return archive


if __name__ == "__main__":
    skip = reason_to_skip()
    if skip:
        print(f"skipped: {skip}")
        sys.exit(1 if os.environ.get("PLIMSOLL_REQUIRE_KUBE") == "1"
                 else SKIPPED)
    unittest.main(verbosity=2)
