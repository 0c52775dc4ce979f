"""Writes a Tree as an uncompressed cpio (newc) archive, the initrd of both kernels.

The same tree gives the same bytes: sorted names, running inode numbers, fixed times. The content of
a file of a page or more starts on a page boundary of the archive, so that Tenon can adopt the pages
without a copy; the gap is made by NULs after the name, which every newc reader accepts since the
name ends at the first one. An archive is a whole number of pages, so archives can be put behind
each other, and a later one adds to and replaces files of an earlier one. Of hard links, the first
name carries the content.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .tree import Entry, Tree

PAGE = 4096
HEADER_BYTES = 110
FIXED_TIME = 1704067200  # 2024-01-01, for what has no time of its own
MAX_NAME = 4096  # Linux ignores an entry with a longer name field


class _Writer:
    def __init__(self, out):
        self._out = out
        self._at = 0
        self._inode = 0

    def _header(self, name: bytes, inode, mode, uid, gid, nlink, mtime, size, rdev) -> None:
        fields = (inode, mode, uid, gid, nlink, mtime, size, 0, 0, rdev[0], rdev[1], len(name), 0)
        self._write(b"070701" + b"".join(b"%08X" % f for f in fields) + name)
        self._pad(4)

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)

    def _pad(self, to: int) -> None:
        self._write(b"\0" * (-self._at % to))

    def entry(self, path: str, entry: Entry, inode: int, nlink: int, mtime: int) -> None:
        name = os.fsencode(path) + b"\0"
        size = 0 if entry.link else entry.size
        if stat.S_ISREG(entry.mode) and size >= PAGE:
            gap = -(self._at + HEADER_BYTES + len(name)) % PAGE
            if len(name) + gap > MAX_NAME:
                # Too far for one name field: a repeated root directory takes up half of it.
                self._header(b".".ljust(PAGE // 2, b"\0"), 0, stat.S_IFDIR | 0o755, 0, 0, 2,
                             FIXED_TIME, 0, (0, 0))
                gap = -(self._at + HEADER_BYTES + len(name)) % PAGE
            name += b"\0" * gap
        self._header(name, inode, entry.mode, entry.uid, entry.gid, nlink, mtime, size, entry.rdev)
        if not size:
            return
        if entry.data is not None:
            self._write(entry.data)
        else:
            self._copy(entry)
        self._pad(4)

    def _copy(self, entry: Entry) -> None:
        left = entry.size
        with open(entry.source, "rb") as handle:
            handle.seek(entry.offset)
            while left:
                chunk = handle.read(min(left, 1 << 20))
                if not chunk:
                    raise OSError(f"{entry.source} became shorter while it was read")
                self._write(chunk)
                left -= len(chunk)

    def finish(self) -> None:
        self._header(b"TRAILER!!!\0", 0, 0, 0, 0, 1, 0, 0, (0, 0))
        self._pad(PAGE)


def write(tree: Tree, out) -> None:
    writer = _Writer(out)
    # The root itself: without an entry its mode would be each kernel's own idea.
    writer.entry(".", Entry(stat.S_IFDIR | 0o755), 0, 2, FIXED_TIME)
    names = sorted(tree.entries)
    # Hard links share the inode of their target, and follow it so that the content comes first.
    nlink: dict[str, int] = {}
    target_of = {}
    for name in names:
        link = tree.entries[name].link
        if link is not None and link in tree.entries:
            target_of[name] = link
            nlink[link] = nlink.get(link, 1) + 1
    followers: dict[str, list[str]] = {}
    for name, target in target_of.items():
        followers.setdefault(target, []).append(name)
    inode = 0
    for name in names:
        if name in target_of:
            continue
        entry = tree.entries[name]
        inode += 1
        count = nlink.get(name, 2 if stat.S_ISDIR(entry.mode) else 1)
        time = FIXED_TIME if entry.mtime is None else max(0, min(entry.mtime, 0xFFFFFFFF))
        writer.entry(name, entry, inode, count, time)
        for other in followers.get(name, ()):
            linked = Entry(entry.mode, entry.uid, entry.gid, link=name)
            writer.entry(other, linked, inode, count, time)
    writer.finish()


def write_file(tree: Tree, path: Path) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", buffering=1 << 20) as out:
            write(tree, out)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def records(handle, size: int) -> Iterator[tuple[str, int, int, int]]:
    """Name, mode, place and length of the data of each entry of a newc archive (or of several behind each other)."""
    at = 0
    while at + HEADER_BYTES <= size:
        handle.seek(at)
        head = handle.read(HEADER_BYTES + 256)
        if head[:6] not in (b"070701", b"070702"):
            at += 4  # the padding between two archives
            continue
        mode, length, name_bytes = (int(head[i:i + 8], 16) for i in (14, 54, 94))
        name, end, _ = head[HEADER_BYTES:HEADER_BYTES + name_bytes].partition(b"\0")
        if not end:
            handle.seek(at + HEADER_BYTES)
            name = handle.read(name_bytes).partition(b"\0")[0]
        data_at = at + HEADER_BYTES + name_bytes + (-(HEADER_BYTES + name_bytes) % 4)
        yield "/".join(p for p in os.fsdecode(name).split("/") if p not in ("", ".")), mode, data_at, length
        at = data_at + length + (-length % 4)


def directories(path: Path) -> dict[str, Entry]:
    """The directories and symlinks of a newc archive (or of several behind each other)."""
    found: dict[str, Entry] = {}
    with open(path, "rb") as handle:
        for name, mode, data_at, length in records(handle, path.stat().st_size):
            if stat.S_ISDIR(mode):
                found[name] = Entry(mode)
            elif stat.S_ISLNK(mode):
                handle.seek(data_at)
                found[name] = Entry(mode, data=handle.read(length))
    return found
