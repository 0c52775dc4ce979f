"""Scratch roots: one base that dpkg filled, and an overlay on it for each tool and package.

All of it happens in namespaces of its own (`enclose`): no mount, process or network of it is seen outside,
and scripts lack the rights to touch the machine's clock, modules and registers.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

ENCLOSED = "TENON_AGREEMENT_ENCLOSED"
LACKING = "-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog,-wake_alarm"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb",
               "PAGER": "cat", "DPKG_PAGER": "cat"}
OPAQUE = "trusted.overlay.opaque"


def possible() -> bool:
    return (os.geteuid() == 0
            and all(shutil.which(t) for t in ("unshare", "setpriv", "dpkg", "apt-get"))
            and not subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "true"]).returncode)


def enclosed() -> bool:
    return ENCLOSED in os.environ


def passed_on() -> tuple:
    """What the outer program has drawn: with a network, and before its rights were taken."""
    debs, chosen = json.loads(Path(os.environ[ENCLOSED]).read_text())
    return [Path(d) for d in debs], [(name, [Path(f) for f in files]) for name, files in chosen]


def enclose(drawn: tuple) -> None:
    """Runs this program again in its own namespaces, with `drawn`; returns in there."""
    if enclosed():
        # The first process of its namespace hears no signal that it has no handler for.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        subprocess.run(["mount", "-t", "proc", "-o", "ro", "proc", "/proc"], check=True)
        return
    debs, chosen = drawn
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([[str(d) for d in debs], [(name, [str(f) for f in files]) for name, files in chosen]], file)
        file.flush()
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--ipc", "--uts",
                   "--fork", "--kill-child", "setpriv", f"--bounding-set={LACKING}", sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, env=dict(os.environ, **{ENCLOSED: file.name})).returncode)


@contextlib.contextmanager
def in_memory():
    """A directory of memory for the roots."""
    folder = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700,size=4g", "tmpfs", folder], check=True)
    try:
        yield Path(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


def run(argv: list, cwd: Path | None = None) -> tuple[int, str]:
    """Exit status and what was said, standard error too."""
    done = subprocess.run([str(a) for a in argv], env=ENVIRONMENT, stdin=subprocess.DEVNULL, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    return done.returncode, done.stdout.decode(errors="replace")


def make_base(folder: Path, debs: list[Path]) -> Path:
    """A root with these packages, configured by dpkg. Kept in `folder` under a name made of theirs."""
    key = hashlib.sha256("\n".join(sorted(d.name for d in debs)).encode()).hexdigest()[:16]
    base = folder / f"base-{key}"
    if base.exists():
        return base
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # setuid programs are in there
    for old in folder.glob("base-*"):
        shutil.rmtree(old)
    making = folder / f"base-{key}.new"
    making.mkdir()
    making.chmod(0o755)
    for name in ("bin", "sbin", "lib", "lib64"):
        (making / "usr" / name).mkdir(parents=True, exist_ok=True)
        (making / name).symlink_to(f"usr/{name}")
    # Scripts of the first packages need programs of the others.
    for deb in debs:
        contents = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(making)], stdin=contents.stdout,
                       check=True)
        contents.wait()
    for name in ("info", "updates", "triggers"):
        (making / "var/lib/dpkg" / name).mkdir(parents=True, exist_ok=True)
    (making / "var/lib/dpkg/status").touch()
    (making / "var/lib/dpkg/available").touch()
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        if not (making / "dev" / name).exists():
            os.mknod(making / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            (making / "dev" / name).chmod(0o666)
    policy = making / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # no script starts a service
    policy.chmod(0o755)
    status, said = run(["dpkg", f"--root={making}", "--force-depends", "--force-unsafe-io", "--force-confnew",
                        "-i", *debs])
    if status:
        raise RuntimeError(f"the base cannot be made: {said[-3000:]}")
    # Rebuilding the manual's index at each package would be most of the run; its trigger stays.
    (making / "var/lib/man-db/auto-update").unlink(missing_ok=True)
    making.rename(base)
    return base


class Overlay:
    """A root that begins as the base is. `changed` tells all that has become different."""

    def __init__(self, base: Path, work: Path, name: str):
        self.base, self.top = base, work / name
        self.upper, self.root = self.top / "upper", self.top / "root"
        for d in (self.upper, self.top / "work", self.root):
            d.mkdir(parents=True)
        self.upper.chmod(0o755)
        options = (f"lowerdir={base},upperdir={self.upper},workdir={self.top}/work,"
                   "redirect_dir=off,metacopy=off,index=off")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)], check=True)
        subprocess.run(["mount", "-t", "proc", "-o", "ro", "proc", str(self.root / "proc")], check=True)

    def close(self) -> None:
        subprocess.run(["umount", "-R", "-l", str(self.root)], check=True)
        shutil.rmtree(self.top, ignore_errors=True)

    def changed(self, began: float) -> dict[str, str]:
        """Path to description, of all that the layer holds; what is gone is `ABSENT`."""
        out: dict[str, str] = {}
        groups: dict[int, list[str]] = {}
        for folder, folders, files in os.walk(self.upper):
            for name in [*folders, *files]:
                full = os.path.join(folder, name)
                st = os.lstat(full)
                path = full[len(str(self.upper)):]
                if stat.S_ISCHR(st.st_mode) and st.st_rdev == 0:
                    self._gone(path, out)
                    continue
                out[path] = describe(full, st, began)
                if stat.S_ISREG(st.st_mode) and st.st_nlink > 1:
                    groups.setdefault(st.st_ino, []).append(path)
                if stat.S_ISDIR(st.st_mode) and self._opaque(full):
                    for name in os.listdir(self.base / path[1:]) if (self.base / path[1:]).is_dir() else []:
                        if not os.path.lexists(os.path.join(full, name)):
                            self._gone(f"{path}/{name}", out)
        for members in groups.values():
            members.sort()
            for path in members:
                out[path] += f" linked {members}"
        return out

    @staticmethod
    def _opaque(full: str) -> bool:
        try:
            return os.getxattr(full, OPAQUE) == b"y"
        except OSError:
            return False

    def _gone(self, path: str, out: dict[str, str]) -> None:
        out[path] = ABSENT
        for folder, folders, files in os.walk(self.base / path[1:]):
            for name in [*folders, *files]:
                out[os.path.join(folder, name)[len(str(self.base)):]] = ABSENT


ABSENT = "(nothing)"


def describe(full: str, st: os.stat_result, began: float) -> str:
    """Type, mode, owner, contents, time. A time since `began` (seconds) is only said to be new."""
    text = f"{stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid}"
    if stat.S_ISREG(st.st_mode):
        with open(full, "rb") as f:
            text += f" sha256 {hashlib.file_digest(f, 'sha256').hexdigest()}"
    elif stat.S_ISLNK(st.st_mode):
        target = os.readlink(full)
        text += f" -> {target}"
        if "/etc/alternatives/" in target or "/etc/alternatives/" in full:
            return text  # update-alternatives takes the target's time, which may be a directory's
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        text += f" device {os.major(st.st_rdev)}:{os.minor(st.st_rdev)}"
    elif stat.S_ISDIR(st.st_mode):
        # dpkg's are of the last file that was made in them; pkg sets the archive's, so that two runs
        # give the same image.
        return text
    return text + (" new" if st.st_mtime >= began else f" of {st.st_mtime_ns}")


def describe_base(base: Path, path: str, began: float) -> str:
    full = str(base) + path
    try:
        return describe(full, os.lstat(full), began)
    except OSError:
        return ABSENT
