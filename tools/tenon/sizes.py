"""What the packages of an initrd weigh: each file goes to the package whose list in dpkg's database names it."""

import os
import stat
from pathlib import Path

from . import initrd

LISTS = "var/lib/dpkg/info/"
OWN = ("boot/", "etc/tenon/", "init", "usr/bin/pkg", "usr/bin/tmod", "usr/lib/modules/", "usr/lib/tenon/", "lib/modules/",
       "lib/tenon/")
OURS, REST = "(Tenon's own)", "(of no package)"


def by_package(archive: Path) -> dict[str, int]:
    """Bytes of contents by package name; what is ours and what nobody's list names, under names in parentheses."""
    files: dict[str, int] = {}
    links: dict[str, str] = {}
    lists: dict[str, bytes] = {}
    with open(archive, "rb") as handle:
        for name, mode, data_at, length in initrd.records(handle, archive.stat().st_size):
            handle.seek(data_at)
            if stat.S_ISREG(mode):
                files[name] = length
                if name.startswith(LISTS) and name.endswith(".list"):
                    lists[name[len(LISTS):-len(".list")].partition(":")[0]] = handle.read(length)
            elif stat.S_ISLNK(mode) and "/" not in name:  # /bin and its like
                links[name] = os.fsdecode(handle.read(length)).strip("/")
    owner: dict[str, str] = {}
    for package, text in sorted(lists.items()):
        for line in os.fsdecode(text).splitlines():
            first, slash, rest = line.strip("/").partition("/")
            owner.setdefault(f"{links.get(first, first)}{slash}{rest}", package)
    sums: dict[str, int] = {}
    for name, length in files.items():
        package = owner.get(name) or _owner_of_record(name) or (OURS if name.startswith(OWN) else REST)
        sums[package] = sums.get(package, 0) + length
    return sums


def _owner_of_record(name: str) -> str:
    """dpkg's own files about a package count as the package's."""
    return name[len(LISTS):].rpartition(".")[0].partition(":")[0] if name.startswith(LISTS) else ""


def table(sums: dict[str, int]) -> str:
    """The largest first."""
    rows = sorted(sums.items(), key=lambda row: (-row[1], row[0]))
    return "\n".join(f"{size / 1e6:9.2f} MB  {package}" for package, size in rows)
