"""Changes what a built module says about itself, for loads that must be refused."""

import importlib.util
import struct
from pathlib import Path

from machine import BUILD, ROOT

_spec = importlib.util.spec_from_file_location("sign", ROOT / "module-sdk/sign.py")
sign = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sign)
KEY = BUILD / "signing/key.pem"


def fnv(name: bytes) -> int:
    value = 0xcbf29ce484222325
    for byte in name:
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return value


class Module:
    def __init__(self, path: Path):
        self.data = bytearray(sign.strip(path.read_bytes()))

    def info(self, old: str, new: str) -> "Module":
        """Replaces a whole record of .modinfo; what is left of its bytes becomes one without a key."""
        old_bytes, new_bytes = b"\0" + old.encode() + b"\0", b"\0" + new.encode() + b"\0"
        left = len(old_bytes) - len(new_bytes)
        assert left >= 0 and self.data.count(old_bytes) == 1, (old, self.data.count(old_bytes))
        if left:
            new_bytes += b"x" * (left - 1) + b"\0"
        self.data = self.data.replace(old_bytes, new_bytes)
        return self

    def name(self, old: str, new: str) -> "Module":
        """The first record has nothing in front of it that would tell it from other text."""
        assert len(new) <= len(old)
        filler = b"\0" + b"x" * (len(old) - len(new) - 1) if len(new) < len(old) else b""
        old_bytes = f"name={old}\0version=".encode()
        assert self.data.count(old_bytes) == 1
        self.data = self.data.replace(
            old_bytes, f"name={new}".encode() + filler + b"\0version=")
        return self

    def record(self, symbol: str, checksum: int | None = None, rename: str | None = None) -> "Module":
        """The import of `symbol`: another type checksum, or another name of the same length."""
        at = self.data.find(struct.pack("<Q", fnv(symbol.encode())))
        assert at > 0 and at % 8 == 0
        if checksum is not None:
            struct.pack_into("<I", self.data, at + 8, checksum)
        if rename is not None:
            assert len(rename) == len(symbol)
            struct.pack_into("<Q", self.data, at, fnv(rename.encode()))
            self.data = self.data.replace(b"\0" + symbol.encode() + b"\0",
                                          b"\0" + rename.encode() + b"\0")
        return self

    def raw(self, old: bytes, new: bytes) -> "Module":
        assert len(old) == len(new) and old in self.data
        self.data = self.data.replace(old, new)
        return self

    def save(self, path: Path, key: Path | None = KEY, signer: str = "Tenon build key") -> Path:
        path.write_bytes(self.data)
        if key is not None:
            sign.sign(path, key, signer)
        return path
