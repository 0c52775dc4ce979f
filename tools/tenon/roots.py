"""What a boot's root file system holds, as one initrd file.

An initrd is made of layers put behind each other: the base (a profile, or --root), and an overlay
with init, the modules of the kernel, the files given on the command line and the two files that
say what to start. Layers and their sum are cached under build/cache by what went into them.
"""

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from . import deps, initrd, kernels, paths, pci_ids
from .errors import TenonError
from .options import Options
from .progress import progress
from .qemu import file_key
from .tree import Tree

AGENT_LINE = "/dev/ttyS1"
KEEP_CACHED = 24


@functools.cache
def builder_key() -> str:
    """Changes when the code that builds roots changes."""
    here = Path(__file__).parent
    names = ["roots.py", "tree.py", "initrd.py", "debian.py", "configure.py", "kernel_modules.py",
             "pci_ids.py"]
    return "".join(content_key(here / n) for n in names)


@functools.cache
def content_key(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def merge_usr(tree: Tree) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        tree.dir(f"usr/{name}")
        tree.symlink(name, f"usr/{name}")


def minimal(options: Options) -> Tree:
    """busybox-static, our own tools, and a /etc that fits on one page."""
    deps.need(deps.BOOT)
    tree = Tree()
    merge_usr(tree)
    for path in ("dev", "proc", "sys", "run", "etc", "mnt", "var/lib/dpkg/info",
                 "var/lib/dpkg/updates", "var/log", "var/tmp", "usr/share"):
        tree.dir(path)
    tree.dir("tmp", 0o1777)
    tree.dir("var/tmp", 0o1777)
    tree.dir("root", 0o700)
    tree.symlink("var/run", "/run")
    busybox = shutil.which("busybox") or "/bin/busybox"
    applets = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True)
    tree.file("usr/bin/busybox", busybox, 0o755)
    for applet in sorted(set(applets.stdout.split())):
        path = applet if applet.startswith("usr/") else f"usr/{applet}"
        if path not in tree.entries and path.startswith(("usr/bin/", "usr/sbin/")):
            tree.symlink(path, "/usr/bin/busybox")
    for source in sorted((paths.ROOT / "initrd" / "minimal").rglob("*")):
        if source.is_file():
            tree.file(str(source.relative_to(paths.ROOT / "initrd" / "minimal")), source, 0o644)
    tree.text("var/lib/dpkg/status", "")
    tree.file("usr/share/misc/pci.ids.gz", pci_ids.compressed(), 0o644)
    pkg = paths.preset_dir(options.preset) / "pkg" / "pkg"
    if pkg.exists():
        tree.file("usr/bin/pkg", pkg, 0o755)
    return tree


def overlay(options: Options, agent: bool, base: Path | None = None) -> Tree:
    """What is ours in every root, whoever made the rest. `base`: the archive that it lies upon."""
    tree = Tree(initrd.directories(base) if base else None)
    directory = paths.preset_dir(options.preset)
    tree.file(kernels.INIT.lstrip("/"), directory / "userland" / "init", 0o755)
    tree.symlink("init", kernels.INIT)
    tree.file("usr/bin/tmod", directory / "userland" / "tmod", 0o755)
    if options.kernel == "tenon":
        from . import kernel_modules
        kernel_modules.add_to(tree, options)
    conf = ["# Written by ./tenon; userland/init/config.h explains it."]
    if agent:
        conf.append(f"agent {AGENT_LINE}")
    for number, text in enumerate(options.modules):
        file, _, parameters = text.partition(" ")
        if not os.path.isfile(file):
            raise TenonError(f"--module {file}: there is no such file")
        inside = f"lib/tenon/modules/{number}/{os.path.basename(file)}"
        tree.file("usr/" + inside, file, 0o644)
        conf.append(f"module /usr/{inside} {quote(parameters)}".rstrip())
    if not agent:
        conf += [f"argv {quote(word, safe='/')}" for word in options.command]
    tree.text("etc/tenon/init.conf", "\n".join(conf) + "\n")
    for text in options.files:
        host, _, inside = text.partition(":")
        if not os.path.exists(host):
            raise TenonError(f"--file {host}: there is no such file")
        inside = inside or "/" + os.path.basename(host.rstrip("/"))
        if inside.endswith("/"):
            inside += os.path.basename(host.rstrip("/"))
        tree.add_host_path(os.path.abspath(host), inside.strip("/"))
        if host.endswith(".deb") and os.path.isfile(host):
            _add_needed_packages(tree, options, host)
    return tree


def _add_needed_packages(tree: Tree, options: Options, deb: str) -> None:
    """What a package needs and the root lacks lies ready where `pkg install` looks for it.

    So a .deb can be installed in the minimal profile, which has no C library: Debian's own comes
    with it, as a package.
    """
    from . import apt, debian
    if options.root is not None:
        return
    base = (debian.BASE if options.profile == "debian" else []) + options.debs
    there = {f.name for f in apt.resolve(base)} if base else set()
    for needed in apt.resolve([os.path.abspath(deb)]):
        if needed.name not in there and needed != Path(os.path.abspath(deb)):
            tree.file(f"var/cache/pkg/archives/{needed.name}", needed, 0o644)


def tree_key(tree: Tree) -> str:
    digest = hashlib.sha256()
    for path in sorted(tree.entries):
        e = tree.entries[path]
        digest.update(repr((path, e.mode, e.uid, e.gid, e.data, e.source, e.offset, e.size, e.rdev,
                            e.link, e.mtime, e.stamp)).encode())
    return digest.hexdigest()


def base_layer(options: Options) -> Tree | Path:
    if options.root is not None:
        return given_root(options.root)
    if options.profile == "debian" or options.debs:
        from . import debian
        return debian.layer(options)
    return minimal(options)


def given_root(root: str) -> Tree | Path:
    if not os.path.exists(root):
        raise TenonError(f"--root {root}: there is no such file or directory")
    tree = Tree()
    if os.path.isdir(root):
        tree.add_host_path(os.path.abspath(root), "")
        return tree
    with open(root, "rb") as handle:
        head = handle.read(0x440)
    if head[:6] in (b"070701", b"070702"):
        return Path(root)
    if head[0x438:0x43A] == b"\x53\xef" or head[510:512] == b"\x55\xaa":
        raise TenonError(f"--root {root} is refused: Tenon has no disk driver yet, so a disk image "
                         "cannot be the root. Give a directory, a tar or a cpio.")
    try:
        tree.add_tar(root)
    except Exception as error:  # tarfile raises half a dozen kinds
        raise TenonError(f"--root {root} is neither a directory nor a readable tar or cpio archive "
                         f"({error})") from None
    return tree


def make(options: Options, agent: bool = True) -> Path:
    """The finished initrd for these options."""
    base = base_layer(options)
    if isinstance(base, Tree):
        # One archive, in which --file follows the base's symlinks.
        extra = overlay(options, agent, None)
        for path in sorted(extra.entries):
            base.put(path, extra.entries[path])
        layers: list[Tree | Path] = [base]
    else:
        layers = [base, overlay(options, agent, base)]
    keys = [builder_key()]
    keys += [tree_key(l) if isinstance(l, Tree) else file_key(l) for l in layers]
    name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:24]
    cache = paths.ensure(paths.CACHE / "initrd")
    result = cache / f"{name}.cpio"
    if result.exists():
        os.utime(result)
        return result
    progress.step("writing the root file system")
    _prune(cache)
    temporary = cache / f"{name}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb", buffering=1 << 20) as out:
            for layer in layers:
                if isinstance(layer, Tree):
                    initrd.write(layer, out)
                else:
                    with open(layer, "rb") as handle:
                        shutil.copyfileobj(handle, out, 1 << 20)
                    out.write(b"\0" * (-out.tell() % initrd.PAGE))
        os.replace(temporary, result)
    finally:
        temporary.unlink(missing_ok=True)
    return result


def _prune(cache: Path) -> None:
    """Keeps the most recently used archives; one of a gigabyte a run would fill the disk."""
    files = sorted(cache.glob("*.cpio"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in files[KEEP_CACHED:]:
        old.unlink(missing_ok=True)


def default_memory_mb(options: Options, archive: Path) -> int:
    """Linux holds the archive and its unpacked copy at once, and gives a tmpfs half the memory."""
    size_mb = archive.stat().st_size >> 20
    return max(256, 3 * size_mb + 224 + 16 * (options.smp - 1))
