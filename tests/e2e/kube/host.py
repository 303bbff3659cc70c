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


FD_KINDS = {"prog_id": "prog", "map_id": "map", "link_id": "link"}


def bpf_objects():
    """(kind, id) of all BPF programs, maps and links of the machine."""
    found = set()
    for kind in ("prog", "map", "link"):
        listed = run("bpftool", "-j", kind, "show", check=False)
        found |= {(kind, each["id"]) for each in json.loads(listed or "[]")}
    return found


def bpf_objects_of(pid):
    """(kind, id) of the BPF objects that a process has open."""
    found, directory = set(), pathlib.Path(f"/proc/{pid}/fdinfo")
    try:
        files = os.listdir(directory)
    except OSError:
        return found  # it ended
    for each in files:
        try:
            rows = (directory / each).read_text().splitlines()
        except OSError:
            continue  # closed meanwhile
        for row in rows:
            name, _, value = row.partition(":")
            if name in FD_KINDS:
                found.add((FD_KINDS[name], int(value)))
    return found


def left_bpf_objects(before):
    """Those that came since and that no process has open: what others of this
    machine use now is not ours."""
    left = bpf_objects() - before
    for path in pathlib.Path("/proc").glob("[0-9]*") if left else ():
        left -= bpf_objects_of(path.name)
    return left & bpf_objects()


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
