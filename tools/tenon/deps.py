"""The Debian packages that this repository's tools need, and how they get here."""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile

from .errors import TenonError
from .progress import call, progress

# One list a purpose: a run of a ready image needs less than a build.
BOOT = ["qemu-system-x86", "busybox-static", "pci.ids"]
LINUX = ["linux-image-amd64"]
UEFI = ["ovmf"]
ISO = ["grub-common", "grub-pc-bin", "grub-efi-amd64-bin", "xorriso", "mtools"]
BUILD = ["cmake", "ninja-build", "g++", "musl-tools", "linux-libc-dev", "libboost-dev", "kmod",
         "libarchive-dev", "zlib1g-dev", "libzstd-dev", "liblzma-dev", "libbz2-dev", "libdw-dev",
         "libelf-dev", "libgtest-dev",
         "libexpat1-dev", "nettle-dev", "rapidjson-dev", "libsolv-dev", "libsqlite3-dev", "libcurl4-gnutls-dev",
         "file", "openssl",
         "grub-common"]  # the font of the screen
ANALYSIS = ["clang-19", "clang-tidy-19", "libclang-rt-19-dev"]
TEST = ["expect", "strace", "doxygen", "cpio", "rpm", "gpg", "gpg-agent", "createrepo-c"]
GDB = ["gdb"]


@functools.cache
def _installed() -> set[str]:
    """Read straight from dpkg's database: a tenth of the time of a dpkg-query process."""
    found = set()
    package = ""
    try:
        with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("Package: "):
                    package = line[9:].strip()
                elif line.startswith("Status: ") and line.endswith(" installed\n"):
                    found.add(package)
    except OSError:
        pass
    return found


def apt_environment() -> dict:
    return dict(os.environ, DEBIAN_FRONTEND="noninteractive")


def need(*lists: list[str]) -> None:
    wanted = [package for group in lists for package in group]
    if not _missing(wanted):
        return
    # apt waits for no other apt that reads the lists, and two of us may start at once.
    with open(os.path.join(tempfile.gettempdir(), f"tenon-apt-{os.geteuid()}.lock"), "w",
              encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _installed.cache_clear()
        missing = _missing(wanted)
        if missing:
            _install(missing)


def _missing(wanted: list[str]) -> list[str]:
    installed = _installed()
    return [p for p in wanted if p not in installed]


def _install(missing: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise TenonError("these Debian packages are needed and there is no apt-get here: "
                         + " ".join(missing))
    progress.say("tenon: installing " + " ".join(missing))
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    install = sudo + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y",
                      "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends", *missing]
    if subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *missing],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        call(sudo + ["apt-get", "update"], "refreshing the package lists", show_lines=True)
    try:
        call(install, "installing packages", show_lines=True)
    except TenonError:
        # The lists may be older than what the mirror still carries.
        call(sudo + ["apt-get", "update"], "refreshing the package lists", show_lines=True)
        call(install, "installing packages", show_lines=True)
    _installed.cache_clear()
