"""The names of PCI devices, from Debian's list: where lspci looks for them, too."""

import gzip
import hashlib
from pathlib import Path

from . import paths

SOURCE = Path("/usr/share/misc/pci.ids")  # of the package pci.ids, see deps.py


def compressed() -> Path:
    """The list without its subsystems and comments, the same bytes for the same list."""
    source = SOURCE.read_bytes()
    # The reducing code's version counts, too.
    key = hashlib.sha256(b"1" + source).hexdigest()[:16]
    file = paths.ensure(paths.CACHE) / f"pci-{key}.ids.gz"
    if not file.exists():
        made = file.with_suffix(".new")
        made.write_bytes(gzip.compress(reduced(source), mtime=0))
        made.replace(file)
    return file


def reduced(text: bytes) -> bytes:
    """Whole lines; the comments at the head name authors and licence."""
    lines = text.splitlines(keepends=True)
    head = next((n for n, line in enumerate(lines) if line.strip() and line[:1] != b"#"), 0)
    return b"".join(lines[:head]) + b"".join(
        line for line in lines[head:] if line.strip() and not line.startswith((b"#", b"\t\t")))
