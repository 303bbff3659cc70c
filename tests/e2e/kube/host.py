"""What this machine is like, for tests that must leave it so."""
import json
import os
import pathlib
import subprocess

SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic",
            "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
            "kernel/keys/root_maxbytes", "net/ipv4/ip_forward")


def run(*words, text=None, check=True, timeout=300):
    done = subprocess.run([str(word) for word in words], input=text, text=True,
                          capture_output=True, check=False, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit "
                             f"{done.returncode}\n{done.stdout[-2000:]}"
                             f"{done.stderr[-2000:]}")
    return done.stdout


def bpf_objects():
    """The ids of all BPF programs, maps and links of the machine."""
    found = set()
    for kind in ("prog", "map", "link"):
        listed = run("bpftool", "-j", kind, "show", check=False)
        found |= {(kind, each["id"], each.get("name", ""))
                  for each in json.loads(listed or "[]")}
    return found


def cgroups():
    """All directories of all hierarchies, but those of other tests."""
    top = pathlib.Path("/sys/fs/cgroup")
    return {str(path) for path in top.rglob("*") if path.is_dir()
            and "kubepods" in path.parts}


def mounts(of="self"):
    text = pathlib.Path(f"/proc/{of}/mountinfo").read_text()
    return sorted(row.split()[4] for row in text.splitlines())


def settings():
    return {name: pathlib.Path(f"/proc/sys/{name}").read_text().strip()
            for name in SETTINGS if pathlib.Path(f"/proc/sys/{name}").exists()}


def processes_of(directory):
    """What still runs with that directory in its command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(
                errors="replace")
        except OSError:
            continue
        if str(directory) in words and int(path.parts[2]) != os.getpid():
            found.append(words)
    return found
