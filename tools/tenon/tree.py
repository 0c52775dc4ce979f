"""A root file system as data: path -> Entry. Nothing is copied until the archive is written.

Paths have no leading slash. Adding an entry creates the directories above it, and follows
directory symlinks of the tree (so `bin/x` lands in `usr/bin/x` on a merged-/usr root).
"""

import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Entry:
    mode: int  # with the file type
    uid: int = 0
    gid: int = 0
    data: bytes | None = None  # content, or the target of a symlink
    source: str | None = None  # content lies in this host file ...
    offset: int = 0  # ... from here
    size: int = 0
    rdev: tuple[int, int] = (0, 0)
    link: str | None = None  # hard link to this path of the same tree
    mtime: int | None = None  # seconds; None: the archive's fixed time
    stamp: int = 0  # of the source, in ns: part of the cache key, never written


class Tree:
    """`below`: directories and symlinks of a root that this tree will lie upon."""

    def __init__(self, below: dict[str, Entry] | None = None):
        self.entries: dict[str, Entry] = {}
        self._below = below or {}

    def _find(self, path: str) -> Entry | None:
        return self.entries.get(path) or self._below.get(path)

    # Single entries

    def resolve(self, path: str) -> str:
        """The path with symlinks among its directories followed inside the tree."""
        parts = [p for p in path.split("/") if p not in ("", ".")]
        done: list[str] = []
        hops = 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                if done:
                    done.pop()
                continue
            here = "/".join(done + [part])
            entry = self._find(here)
            if parts and entry is not None and stat.S_ISLNK(entry.mode) and hops < 40:
                hops += 1
                target = os.fsdecode(entry.data)
                if target.startswith("/"):
                    done = []
                parts = [p for p in target.split("/") if p not in ("", ".")] + parts
            else:
                done.append(part)
        return "/".join(done)

    def put(self, path: str, entry: Entry) -> None:
        path = self.resolve(path)
        if not path:
            return
        old = self._find(path)
        if old is not None and stat.S_ISDIR(entry.mode) and stat.S_ISLNK(old.mode):
            return  # a directory never replaces a symlink to one
        parent = path.rpartition("/")[0]
        while parent and self._find(parent) is None:
            self.entries[parent] = Entry(stat.S_IFDIR | 0o755)
            parent = parent.rpartition("/")[0]
        if old is not None and stat.S_ISDIR(old.mode) and not stat.S_ISDIR(entry.mode):
            self.remove(path)
        self.entries[path] = entry

    def remove(self, path: str) -> None:
        path = self.resolve(path)
        for name in [n for n in self.entries if n == path or n.startswith(path + "/")]:
            del self.entries[name]

    def dir(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
        self.put(path, Entry(stat.S_IFDIR | mode, uid, gid))

    def text(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.put(path, Entry(stat.S_IFREG | mode, data=data, size=len(data)))

    def symlink(self, path: str, target: str) -> None:
        data = os.fsencode(target)
        self.put(path, Entry(stat.S_IFLNK | 0o777, data=data, size=len(data)))

    def file(self, path: str, source: str | Path, mode: int | None = None) -> None:
        info = os.stat(source)
        bits = stat.S_IMODE(info.st_mode) if mode is None else mode
        self.put(path, Entry(stat.S_IFREG | bits, source=str(source), size=info.st_size,
                             stamp=info.st_mtime_ns))

    # Whole trees

    def add_host_path(self, source: str | Path, path: str) -> None:
        """A file or a directory of the host, owned by root inside unless we are root here."""
        source = str(source)
        info = os.lstat(source) if path else os.stat(source)
        self._add_host(source, path.strip("/"), info, {}, os.geteuid() == 0)

    def _add_host(self, source, path, info, links, keep_owner) -> None:
        uid, gid = (info.st_uid, info.st_gid) if keep_owner else (0, 0)
        entry = Entry(info.st_mode, uid, gid, mtime=int(info.st_mtime), stamp=info.st_mtime_ns)
        if stat.S_ISDIR(info.st_mode):
            if path:
                self.put(path, entry)
            for item in sorted(os.scandir(source), key=lambda i: i.name):
                self._add_host(item.path, f"{path}/{item.name}" if path else item.name,
                               item.stat(follow_symlinks=False), links, keep_owner)
            return
        if stat.S_ISREG(info.st_mode):
            key = (info.st_dev, info.st_ino)
            if info.st_nlink > 1 and key in links:
                entry.link = links[key]
            else:
                links[key] = self.resolve(path)
                entry.source, entry.size = source, info.st_size
        elif stat.S_ISLNK(info.st_mode):
            entry.data = os.fsencode(os.readlink(source))
            entry.size = len(entry.data)
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            entry.rdev = (os.major(info.st_rdev), os.minor(info.st_rdev))
        elif stat.S_ISSOCK(info.st_mode):
            return
        self.put(path, entry)

    def add_tar(self, file: str | Path) -> None:
        """A tar on the host. Uncompressed ones are read in place when the archive is written."""
        with tarfile.open(file) as tar:
            plain = not _is_compressed(file)
            for member in tar:
                path = _clean(member.name)
                if path:
                    self._add_member(tar, member, path, str(file) if plain else None)

    def _add_member(self, tar, member, path, plain_source) -> None:
        bits = member.mode & 0o7777
        entry = Entry(0, member.uid, member.gid, mtime=int(member.mtime))
        if member.isdir():
            entry.mode = stat.S_IFDIR | bits
        elif member.issym():
            entry.mode = stat.S_IFLNK | 0o777
            entry.data = os.fsencode(member.linkname)
            entry.size = len(entry.data)
        elif member.islnk():
            entry.mode = stat.S_IFREG | bits
            entry.link = self.resolve(_clean(member.linkname))
            if entry.link == self.resolve(path):
                return  # GNU tar's way to name a file twice
        elif member.ischr() or member.isblk():
            entry.mode = (stat.S_IFCHR if member.ischr() else stat.S_IFBLK) | bits
            entry.rdev = (member.devmajor, member.devminor)
        elif member.isfifo():
            entry.mode = stat.S_IFIFO | bits
        elif member.isreg():
            entry.mode = stat.S_IFREG | bits
            entry.size = member.size
            if plain_source and not member.sparse:
                entry.source, entry.offset = plain_source, member.offset_data
            else:
                entry.data = tar.extractfile(member).read()
        else:
            return
        self.put(path, entry)

    def total_bytes(self) -> int:
        return sum(e.size for e in self.entries.values())


def _is_compressed(file) -> bool:
    with open(file, "rb") as handle:
        head = handle.read(6)
    return head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or head == b"\xfd7zXZ\0" or \
        head[:4] == b"\x28\xb5\x2f\xfd"


def _clean(name: str) -> str:
    return "/".join(p for p in name.split("/") if p not in ("", "."))
