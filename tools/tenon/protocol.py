"""The agent protocol, host side. userland/agent/protocol.h explains it and is the other end."""

import struct
import zlib
from dataclasses import dataclass

VERSION = 1
_MAGIC = struct.pack("<H", 0x4E54)
HEADER = struct.Struct("<2sBBHHII")
CHECKED_BYTES = 12
MAX_PAYLOAD = 4096
SEND_PAYLOAD = 1024  # well inside the guest's window

HELLO, ACK, EXEC, DATA, EOF, CREDIT, CLOSE, SIGNAL, WINSIZE, STARTED, EXIT, LOG, SHUTDOWN = range(1, 14)
STDIN, STDOUT, STDERR = range(3)
EXITED, SIGNALLED, EXEC_FAILED = range(3)


@dataclass(frozen=True)
class Frame:
    type: int
    stream: int
    session: int
    payload: bytes

    def u32(self) -> int:
        return struct.unpack_from("<I", self.payload)[0]


class ProtocolError(Exception):
    pass


def encode(type: int, session: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = HEADER.pack(_MAGIC, type, stream, session, 0, len(payload), 0)[:CHECKED_BYTES]
    return head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload


def encode_exec(argv: list[bytes], env: dict[str, str], cwd: str = "", tty: bool = False,
                rows: int = 24, columns: int = 80) -> bytes:
    """The request of an exec frame (may be longer than a frame)."""
    words = [cwd.encode()] + argv + [f"{k}={v}".encode() for k, v in env.items()]
    for word in words:
        if b"\0" in word:
            raise ValueError("a NUL byte inside an argument")
    head = struct.pack("<HHHHH", int(tty), rows, columns, len(argv), len(env))
    return head + b"".join(word + b"\0" for word in words)


class Decoder:
    """Bytes in, frames out. Skips noise until the first good frame; afterwards noise is an error."""

    def __init__(self):
        self._buffer = bytearray()
        self.synced = False

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames = []
        while True:
            frame = self._next()
            if frame is None:
                return frames
            frames.append(frame)

    def _next(self) -> Frame | None:
        while True:
            at = self._buffer.find(_MAGIC)
            if at != 0:
                skipped = len(self._buffer) if at < 0 else at
                if at < 0 and self._buffer.endswith(_MAGIC[:1]):
                    skipped -= 1
                self._skip(skipped)
                if at < 0:
                    return None
            if len(self._buffer) < HEADER.size:
                return None
            _, type, stream, session, _, length, crc = HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                self._skip(1)
                continue
            end = HEADER.size + length
            if len(self._buffer) < end:
                return None
            payload = bytes(self._buffer[HEADER.size:end])
            if zlib.crc32(payload, zlib.crc32(self._buffer[:CHECKED_BYTES])) != crc:
                self._skip(1)
                continue
            del self._buffer[:end]
            self.synced = True
            return Frame(type, stream, session, payload)

    def _skip(self, count: int) -> None:
        if count and self.synced:
            raise ProtocolError(f"{count} bytes on the agent line are not a frame: "
                                f"{bytes(self._buffer[:32])!r}")
        del self._buffer[:count]
