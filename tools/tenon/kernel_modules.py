"""The modules of the kernel as a root sees them: /lib/modules, and the boot manifest."""

import fcntl
import shutil
from pathlib import Path

from . import kernels, paths
from .errors import TenonError
from .options import Options
from .progress import call, progress
from .qemu import file_key, short_hash
from .tree import Tree

MANIFEST = "boot/tenon.manifest"
INDEX_FILES = "modules.*"


def built(preset: str) -> list[Path]:
    return sorted((paths.preset_dir(preset) / "ko").glob("*.ko"))


def profile_lines(profile: str) -> list[str]:
    """The profile's boot list: `module NAME [PARAMETERS]` lines, and `include PROFILE`."""
    file = paths.CONFIGS / "profiles" / f"{profile}.profile"
    lines = []
    for line in file.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("include "):
            lines += profile_lines(line.split()[1])
        elif line:
            lines.append(line)
    return lines


def add_to(tree: Tree, options: Options) -> None:
    release = kernels.TENON_RELEASE
    modules = built(options.preset)
    for module in modules:
        tree.file(f"usr/lib/modules/{release}/kernel/{module.name}", module, 0o644)
    if modules:
        for index in _indexes(modules, options.preset, release):
            tree.file(f"usr/lib/modules/{release}/{index.name}", index, 0o644)
    names = {m.stem for m in modules}
    lines = []
    for line in profile_lines(options.profile):
        word, name = line.split()[:2]
        if word == "module" and name not in names:
            progress.log(f"profile {options.profile}: there is no module {name}")
            continue
        lines.append(line)
    lines.append(f"init {kernels.INIT}")
    tree.text(MANIFEST, "\n".join(lines) + "\n")


def _indexes(modules: list[Path], preset: str, release: str) -> list[Path]:
    """What Debian's own depmod makes of them; made anew when a module has changed."""
    key = short_hash(*[file_key(m) for m in modules])
    stage = paths.preset_dir(preset) / "depmod"
    folder = stage / "lib" / "modules" / release
    stamp = stage / "stamp"
    # Two of us may start at once.
    with open(stage.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != key:
            shutil.rmtree(stage, ignore_errors=True)
            (folder / "kernel").mkdir(parents=True)
            for module in modules:
                shutil.copyfile(module, folder / "kernel" / module.name)
            depmod = shutil.which("depmod") or "/sbin/depmod"
            call([depmod, "-b", stage, release], "indexing the modules")
            stamp.write_text(key)
    found = sorted(f for f in folder.glob(INDEX_FILES) if f.is_file())
    if not found:
        raise TenonError("depmod made no index of the modules")
    return found
