"""The two kernels: where they come from and how they are started."""

import os
import re
import subprocess
from pathlib import Path

from . import deps, paths
from .errors import TenonError
from .progress import call

TENON_RELEASE = "6.1.0-tenon"
INIT = "/usr/lib/tenon/init"
# The console on the first serial port; a panic ends the machine (QEMU runs with -no-reboot).
LINUX_ARGS = "console=ttyS0,115200 panic=-1 oops=panic rdinit=/init"
TENON_ARGS = f"console=ttyS0 panic=-1 init={INIT}"


def arguments(kernel: str, append: str) -> str:
    base = LINUX_ARGS if kernel == "linux" else TENON_ARGS
    return f"{base} {append}".strip()


def tenon(preset: str) -> Path:
    return paths.preset_dir(preset) / "core" / "tenon.elf"


def _version(path: Path) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def linux() -> Path:
    """The newest kernel image of the distribution; fetched without installing it if there is none."""
    override = os.environ.get("TENON_LINUX")
    if override:
        return Path(override)
    found = [p for p in Path("/boot").glob("vmlinuz-*") if os.access(p, os.R_OK)]
    if found:
        return max(found, key=_version)
    cache = paths.ensure(paths.CACHE / "linux")
    found = list(cache.glob("boot/vmlinuz-*"))
    if found:
        return max(found, key=_version)
    name = _image_package()
    call(["apt-get", "download", name], f"fetching {name}", cwd=cache,
         env=deps.apt_environment(), show_lines=True)
    for deb in cache.glob("*.deb"):
        call(["dpkg-deb", "-x", deb, cache], f"unpacking {name}")
        deb.unlink()
    found = list(cache.glob("boot/vmlinuz-*"))
    if not found:
        raise TenonError(f"the package {name} holds no kernel image")
    return found[0]


def _image_package() -> str:
    """What the distribution's linux-image-amd64 stands for at present."""
    for attempt in range(2):
        text = subprocess.run(["apt-cache", "depends", deps.LINUX[0]], capture_output=True,
                              text=True).stdout
        match = re.search(r"Depends: (linux-image-\d\S+)", text)
        if match:
            return match[1]
        if attempt == 0:
            call(["apt-get", "update"], "refreshing the package lists", show_lines=True)
    raise TenonError(f"apt knows no package {deps.LINUX[0]}")
