"""The little of gdb's remote protocol that changes a guest's memory and tells when an address is executed.

Spec: gdb manual, appendix E; QEMU's gdbstub, which stops the whole machine on any byte that comes while it runs.
"""

import socket
import time


class Stub:
    def __init__(self, path: str, alive):
        """Waits for QEMU's socket as long as `alive()`, but no more than two minutes: a build may come first."""
        self.socket = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + 120
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if not alive() or time.monotonic() > until:
                    self.socket.close()
                    raise
                time.sleep(0.05)
        self.buffer = b""
        self.running = False
        self.socket.settimeout(20)
        self.ask("?")
        self.ask("QStartNoAckMode")
        self.acks = False

    acks = True

    def close(self):
        self.socket.close()

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, text: str):
        body = text.encode()
        self.socket.sendall(b"$" + body + b"#%02x" % (sum(body) & 0xFF))

    def take(self) -> str | None:
        """A packet that has come, or nothing. Acknowledgements are passed over."""
        start = self.buffer.find(b"$")
        end = self.buffer.find(b"#", start)
        if start < 0 or end < 0 or len(self.buffer) < end + 3:
            return None
        body = self.buffer[start + 1:end].decode()
        self.buffer = self.buffer[end + 3:]
        if self.acks:
            self.socket.sendall(b"+")
        return body

    def receive(self):
        more = self.socket.recv(65536)
        if not more:
            raise EOFError("the machine is gone")
        self.buffer += more

    def packet(self) -> str:
        while (body := self.take()) is None:
            self.receive()
        return body

    def ask(self, text: str) -> str:
        self.send(text)
        return self.packet()

    def go(self):
        self.send("c")
        self.running = True

    def has_stopped(self) -> bool:
        """Call when there is something to read: whether the machine stands now."""
        self.receive()
        if self.take() is None:
            return False
        self.running = False
        return True

    def stop(self):
        if self.running:
            self.socket.sendall(b"\x03")
            self.packet()
            self.running = False

    def read(self, address: int, length: int) -> bytes:
        answer = self.ask(f"m{address:x},{length:x}")
        if answer.startswith("E"):
            raise ValueError(f"cannot read {address:x}: {answer}")
        return bytes.fromhex(answer)

    def write(self, address: int, data: bytes):
        answer = self.ask(f"M{address:x},{len(data):x}:{data.hex()}")
        if answer != "OK":
            raise ValueError(f"cannot write {address:x}: {answer}")

    def break_at(self, address: int):
        self.ask(f"Z0,{address:x},1")

    def clear(self, address: int):
        self.ask(f"z0,{address:x},1")
