"""Roots that hold Debian packages: the debian profile, and `--deb` in the minimal one.

Packages are unpacked on the host by our own pkg, which runs none of their scripts, and configured
inside a booted guest (configure.py). The result is one cached initrd layer, named by the hash of
everything that went into it.
"""

import hashlib
import os
import shutil
import stat
import time
from pathlib import Path

from . import apt, configure, initrd, paths, roots
from .errors import TenonError
from .options import Options
from .progress import call, progress
from .tree import Tree

# apt's notion of what Debian cannot be without, apt itself, the module tools, and what pkg_full is
# linked with.
BASE = ["?essential", "apt", "kmod", "usr-is-merged", "libsolv1"]
KEEP_LAYERS = 12
# pkg's own pages and completions, below /usr/share.
PKG_SHARE = {"pkg.8": "man/man8/pkg.8", "pkg.bash": "bash-completion/completions/pkg",
             "_pkg": "zsh/vendor-completions/_pkg"}


def pkg_program(options: Options) -> Path:
    return paths.preset_dir(options.preset) / "pkg" / "pkg"


def pkg_with_solver(options: Options) -> Path:
    """The one that goes into the debian profile, which has the libraries that it needs."""
    return paths.preset_dir(options.preset) / "pkg" / "pkg_full"


def layer(options: Options) -> Path:
    full = options.profile == "debian"
    debs = apt.resolve((BASE if full else []) + options.debs)
    key = _key(options, debs, full)
    cache = paths.ensure(paths.CACHE / "layers")
    result = cache / f"{options.profile}-{key}.cpio"
    if result.exists():
        os.utime(result)
        return result
    _prune(cache)
    began = int(time.time())
    work = paths.ensure(paths.CACHE / "work") / f"{key}.{os.getpid()}"
    try:
        directory = paths.ensure(work / "root")
        tree = _unpack(options, debs, directory, work / "owners", full, began)
        tree = configure.configured(options, tree, work, full, began)
        initrd.write_file(tree, result)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return result


def _key(options: Options, debs: list[Path], full: bool) -> str:
    """By content and not by date, so that a fresh clone with the same cache finds its layer."""
    here = Path(__file__).parent
    code = [here / name for name in ("tree.py", "initrd.py", "debian.py", "configure.py")]
    digest = hashlib.sha256()
    share = [paths.ROOT / "pkg" / "share" / name for name in PKG_SHARE]
    for file in [*code, pkg_program(options), *([pkg_with_solver(options), *share] if full else [])]:
        digest.update(roots.content_key(file).encode())
    digest.update(configure.key(options).encode())
    for deb in sorted(debs, key=lambda d: d.name):
        digest.update(f"{deb.name} {deb.stat().st_size}\n".encode())
        if deb.parent != apt.archives():
            digest.update(roots.content_key(deb).encode())
    if not full:
        digest.update(roots.tree_key(roots.minimal(options)).encode())
    return digest.hexdigest()[:24]


def _prune(cache: Path) -> None:
    files = sorted(cache.glob("*.cpio"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in files[KEEP_LAYERS:]:
        old.unlink(missing_ok=True)


def _unpack(options: Options, debs: list[Path], directory: Path, owners: Path, full: bool,
            began: int) -> Tree:
    # The merged /usr of Debian 12 is there before the first package, as debootstrap has it.
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if full or not name.endswith("32"):
            (directory / "usr" / name).mkdir(parents=True)
            (directory / name).symlink_to(f"usr/{name}")
    dpkg = paths.ensure(directory / "var/lib/dpkg")
    for name in ("info", "updates", "parts", "triggers", "alternatives"):
        (dpkg / name).mkdir()
    for name in ("status", "available", "triggers/File", "triggers/Unincorp"):
        (dpkg / name).touch()
    argv = [pkg_program(options), "--root", directory]
    if os.geteuid() != 0:
        argv += ["--ownership-file", owners]
    progress.step(f"unpacking {len(debs)} packages")
    call(argv + ["unpack", *sorted(debs, key=lambda d: d.name)],
         f"unpacking {len(debs)} packages")
    tree = Tree() if full else roots.minimal(options)
    tree.add_host_path(directory, "")
    if owners.exists():
        _apply_owners(tree, owners)
    settle_times(tree, began)
    if full:
        _complete_debian(tree, pkg_with_solver(options))
    return tree


def _apply_owners(tree: Tree, owners: Path) -> None:
    """pkg's side table: TYPE MODE UID GID MAJOR MINOR PATH; the last line for a path counts."""
    kinds = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
    for line in owners.read_text(errors="surrogateescape").splitlines():
        kind, mode, uid, gid, major, minor, path = line.split(" ", 6)
        entry = tree.entries.get(tree.resolve(path))
        if entry is None:
            continue
        entry.uid, entry.gid = int(uid), int(gid)
        file_type = kinds.get(kind, stat.S_IFMT(entry.mode))
        entry.mode = file_type | int(mode, 8)
        if kind in "cb":
            entry.rdev = (int(major), int(minor))
            entry.source, entry.size = None, 0


def settle_times(tree: Tree, began: int) -> None:
    """What was made now, rather than by a package's author, gets the archive's fixed time."""
    for entry in tree.entries.values():
        if stat.S_ISDIR(entry.mode) or (entry.mtime is not None and entry.mtime >= began):
            entry.mtime = None


def _complete_debian(tree: Tree, pkg: Path) -> None:
    for path in ("dev", "proc", "sys", "run", "tmp", "mnt", "root"):
        if path not in tree.entries:
            tree.dir(path)
    # Ours beside dpkg: both work on the one database.
    tree.file("usr/bin/pkg", pkg, 0o755)
    for name, place in PKG_SHARE.items():
        tree.file(f"usr/share/{place}", paths.ROOT / "pkg" / "share" / name, 0o644)
    tree.text("etc/hostname", "tenon\n")
    tree.text("etc/hosts", "127.0.0.1\tlocalhost tenon\n::1\tlocalhost ip6-localhost\n")
    tree.text("etc/fstab", "# init mounts what every boot needs.\n")
    if tree.resolve("usr/bin/dpkg") not in tree.entries:
        raise TenonError("the debian profile came out without dpkg")
