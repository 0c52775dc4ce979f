"""Runs the maintainer scripts of unpacked packages: in a guest, never on the host.

The unpacked tree is booted, its scripts run there, and what they changed comes back over the agent
line: the list of all paths (so that deletions are known) and a tar of everything whose inode
changed. The sum of both is the configured tree.
"""

import gzip
import os
import shutil
import time
from pathlib import Path

from . import debian, initrd, kernels, paths, roots
from .agent import Command, FdSink, MemorySource
from .errors import TenonError
from .guest import DEFAULT_ENV, Guest
from .options import Options
from .progress import progress
from .qemu import MachineConfig
from .tree import Tree

SCRIPT = paths.ROOT / "initrd" / "configure"  # debian.sh and minimal.sh
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "DEBCONF_NOWARNINGS": "yes",
    "LC_ALL": "C.UTF-8",
    # Scripts that write a date write this one (pwconv, for one).
    "SOURCE_DATE_EPOCH": str(initrd.FIXED_TIME),
}
# Both profiles have these commands: GNU's in debian, busybox's in minimal.
LIST = "cd / && find . -xdev -print0 | xargs -0 stat -c '%Z %n'"
# busybox's tar reads no list of names; few files change there, so they fit on a command line.
PACK = {True: "tar --no-recursion --numeric-owner --null -cf /run/tenon.tar -T -",
        False: "xargs -0 -n 20000 tar --no-recursion --numeric-owner -cf /run/tenon.tar"}


def kernel_name() -> str:
    return os.environ.get("TENON_CONFIGURE_KERNEL", "linux")


def key(options: Options) -> str:
    scripts = sorted(SCRIPT.glob("*.sh"))
    return kernel_name() + "".join(s.read_text() for s in scripts)


def configured(options: Options, tree: Tree, work: Path, full: bool, began: int) -> Tree:
    script = SCRIPT / ("debian.sh" if full else "minimal.sh")
    archive = work / "unpacked.cpio"
    booted = Options(profile=options.profile, kernel=kernel_name(), preset=options.preset)
    before = dict(tree.entries)
    extra = roots.overlay(booted, agent=True)
    for path in sorted(extra.entries):
        tree.put(path, extra.entries[path])
    added = set(tree.entries) - set(before)
    progress.step("writing the unpacked root")
    initrd.write_file(tree, archive)
    log = paths.ensure(paths.RUN) / "configure.log"
    config = MachineConfig(
        memory_mb=roots.default_memory_mb(booted, archive) + 512,
        cpus=min(2, len(os.sched_getaffinity(0))), initrd=archive,
        append=kernels.arguments(booted.kernel, ""), log=work / "console.log")
    config.kernel = kernels.linux() if booted.kernel == "linux" else kernels.tenon(options.preset)
    with Guest(config) as guest:
        old = _listing(guest)
        time.sleep(1.1)  # change times are compared by the second
        _run_scripts(guest, script.read_bytes(), log)
        progress.step("collecting what the scripts changed")
        new = _listing(guest)
        changed = sorted(path for path, stamp in new.items()
                         if stamp != old.get(path) and path not in added)
        changes = work / "changes.tar.gz"
        _fetch(guest, changed, changes, full)
    progress.log(f"the scripts changed {len(changed)} files of {len(new)}")
    return _merge(tree, set(new), changes, work, added, began)


def _listing(guest: Guest) -> dict[str, str]:
    """Every path of the guest's root with the time of its last change."""
    result = guest.run(["sh", "-c", LIST])
    if result.status != 0:
        raise TenonError("the guest could not list its root", result.stderr.decode())
    listing = {}
    for line in os.fsdecode(result.stdout).splitlines():
        stamp, _, path = line.partition(" ./")
        if path:
            listing[path] = stamp
    return listing


def _run_scripts(guest: Guest, script: bytes, log: Path) -> None:
    """The script reports each step as a line `== TEXT` on stdout; the rest goes to the log."""

    class Watcher:
        def __init__(self, out):
            self._out = out
            self._line = b""

        def fileno(self):
            return None

        def write(self, data) -> int:
            self._out.write(data)
            self._line += bytes(data)
            *lines, self._line = self._line.split(b"\n")
            for line in lines:
                progress.show("configuring: " + line.decode(errors="replace").strip("= "))
            return len(data)

    with open(log, "wb") as out:
        watcher = Watcher(out)
        command = Command(["sh", "-c", script], stdin=MemorySource(b""), stdout=watcher,
                          stderr=watcher, env={**DEFAULT_ENV, **ENVIRONMENT})
        progress.step("configuring the packages in a guest")
        status = guest.execute(command)
    if status != 0:
        tail = log.read_text(errors="replace").splitlines()[-40:]
        raise TenonError(f"configuring the packages failed with status {status} (all of it: {log})",
                         "\n".join(tail))


def _fetch(guest: Guest, names: list[str], changes: Path, full: bool) -> None:
    with open(changes, "wb") as out:
        names_text = b"".join(os.fsencode(name) + b"\0" for name in names)
        command = Command(["sh", "-c", f"cd / && {PACK[full]} && gzip -1 -c /run/tenon.tar"], stdin=MemorySource(names_text),
                          stdout=FdSink(out.fileno()), env=DEFAULT_ENV)
        if guest.execute(command) != 0:
            raise TenonError("the guest could not send back what changed",
                             bytes(command.outputs[2].sink.data).decode(errors="replace"))


def _merge(tree: Tree, names: set[str], changes: Path, work: Path, added: set[str],
           began: int) -> Tree:
    for path in list(tree.entries):
        # init and its files are every boot's overlay, not part of the layer.
        if path in added or path not in names and not _mounted_over(path):
            del tree.entries[path]
    plain = work / "changes.tar"


    with gzip.open(changes) as packed, open(plain, "wb") as out:
        shutil.copyfileobj(packed, out, 1 << 20)
    tree.add_tar(plain)
    for path in ("dev", "proc", "sys", "run", "tmp"):
        for below in [p for p in tree.entries if p.startswith(path + "/")]:
            del tree.entries[below]
    debian.settle_times(tree, began)
    return tree


def _mounted_over(path: str) -> bool:
    return path.split("/")[0] in ("dev", "proc", "sys", "run")
