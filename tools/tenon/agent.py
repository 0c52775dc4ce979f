"""The host's end of the agent line: one connection, commands on it, all driven by one poll loop.

Connection knows frames, the window and the sessions. Command is one program in the guest with its
three channels bound to host descriptors or to memory. Neither blocks: `Connection.poll` waits for
whatever is possible next.
"""

import collections
import os
import select
import socket
import struct
import time

from . import protocol
from .protocol import STDERR, STDIN, STDOUT, Frame

HELLO_AGAIN_S = 1.0  # of two hellos of an impatient guest, the second is not answered
OUTPUT_CREDIT = 256 * 1024
WRITE_CHUNK = 4096  # a pipe that polls writable takes this much without blocking (PIPE_BUF)


class MemorySource:
    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def fileno(self):
        return None

    def read(self, limit: int) -> bytes:
        chunk = self._data[self._at:self._at + limit]
        self._at += len(chunk)
        return chunk


class FdSource:
    def __init__(self, fd: int):
        self._fd = fd

    def fileno(self):
        return self._fd

    def read(self, limit: int) -> bytes:
        try:
            return os.read(self._fd, limit)
        except OSError:
            return b""  # a closed or hung-up descriptor is the end of the input


class MemorySink:
    def __init__(self):
        self.data = bytearray()

    def fileno(self):
        return None

    def write(self, data) -> int:
        self.data += data
        return len(data)


class FdSink:
    def __init__(self, fd: int):
        self._fd = fd

    def fileno(self):
        return self._fd

    def write(self, data) -> int:
        return os.write(self._fd, data[:WRITE_CHUNK])


class _Output:
    def __init__(self, stream: int, sink):
        self.stream = stream
        self.sink = sink
        self.pending = bytearray()
        self.owed = 0
        self.closed = False


class Command:
    """One program in the guest. `argv` are bytes or str; sources and sinks as above."""

    def __init__(self, argv, *, stdin=None, stdout=None, stderr=None, env=None, cwd="", tty=False,
                 rows=24, columns=80):
        self.argv = [os.fsencode(a) for a in argv]
        self.env = env or {}
        self.cwd = cwd
        self.tty = tty
        self.rows, self.columns = rows, columns
        self.source = stdin
        self.outputs = {STDOUT: _Output(STDOUT, stdout or MemorySink()),
                        STDERR: _Output(STDERR, stderr or MemorySink())}
        self.exit: tuple[int, int] | None = None  # (protocol.EXITED.., code)
        self.pid = None
        self.session = 0
        self.stdin_credit = 0
        self.stdin_open = True

    @property
    def done(self) -> bool:
        return self.exit is not None and not any(o.pending for o in self.outputs.values())

    def status(self) -> int:
        """The exit status as a shell would give it."""
        kind, code = self.exit
        if kind == protocol.SIGNALLED:
            return 128 + code
        if kind == protocol.EXEC_FAILED:
            return 127 if code == 2 else 126
        return code


class Connection:
    def __init__(self, sock: socket.socket):
        self._sock = sock
        sock.setblocking(False)
        self._decoder = protocol.Decoder()
        self._queue = collections.deque()  # whole frames not yet on the line
        self._partial = b""
        self._sent = 0
        self._acked = 0
        self._window = 0
        self._commands: dict[int, Command] = {}
        self._next_session = 1
        self._hello_at = 0.0
        self.connected = False
        self.closed = False
        self.messages: list[str] = []  # log frames: text for the person at the terminal

    # Requests

    def start(self, command: Command) -> None:
        command.session = self._next_session
        self._next_session = self._next_session % 0xFFFF + 1
        self._commands[command.session] = command
        request = protocol.encode_exec(command.argv, command.env, command.cwd, command.tty,
                                       command.rows, command.columns)
        step = protocol.SEND_PAYLOAD
        for at in range(0, len(request), step):
            more = int(at + step < len(request))
            self._send(protocol.EXEC, command.session, more, request[at:at + step])
        for stream in command.outputs:
            self._send(protocol.CREDIT, command.session, stream, struct.pack("<I", OUTPUT_CREDIT))

    def signal(self, command: Command, number: int) -> None:
        if command.exit is None:
            self._send(protocol.SIGNAL, command.session, 0, struct.pack("<I", number))

    def resize(self, command: Command, rows: int, columns: int) -> None:
        if command.exit is None:
            self._send(protocol.WINSIZE, command.session, 0, struct.pack("<HH", rows, columns))

    def shutdown(self, restart=False) -> None:
        self._send(protocol.SHUTDOWN, 0, 0, bytes([int(restart)]))

    # The loop

    def poll(self, timeout: float | None, extra: dict | None = None) -> list:
        """Waits until something can move, moves it, and returns which `extra` descriptors are ready."""
        extra = extra or {}
        poller = select.poll()
        ready_now = False
        interest: dict[int, int] = {}

        def watch(fd: int, events: int) -> None:
            interest[fd] = interest.get(fd, 0) | events

        if not self.closed:
            watch(self._sock.fileno(), select.POLLIN | (select.POLLOUT if self._can_send() else 0))
        for command in list(self._commands.values()):
            if self._reads_stdin(command):
                fd = command.source.fileno()
                if fd is None:
                    self._pump_stdin(command)
                    ready_now = True
                else:
                    watch(fd, select.POLLIN)
            for output in command.outputs.values():
                if output.pending:
                    fd = output.sink.fileno()
                    watch(fd, select.POLLOUT)
        for fd, events in extra.items():
            watch(fd, events)
        for fd, events in interest.items():
            poller.register(fd, events)
        wait = 0 if ready_now else None if timeout is None else max(0, int(timeout * 1000))
        ready = dict(poller.poll(wait))

        for command in list(self._commands.values()):
            if command.source is not None and command.source.fileno() in ready:
                if self._reads_stdin(command):
                    self._pump_stdin(command)
            for output in command.outputs.values():
                if output.pending and output.sink.fileno() in ready:
                    self._pump_output(command, output)
        if self._sock.fileno() in ready and not self.closed:
            self._receive()
        self._flush()
        for session in [s for s, c in self._commands.items() if c.done]:
            del self._commands[session]
        return [fd for fd in extra if fd in ready]

    # Streams

    def _reads_stdin(self, command: Command) -> bool:
        return (command.stdin_open and command.source is not None and command.stdin_credit > 0
                and command.exit is None)

    def _pump_stdin(self, command: Command) -> None:
        chunk = command.source.read(min(command.stdin_credit, protocol.SEND_PAYLOAD))
        if chunk is None:
            return
        if chunk:
            command.stdin_credit -= len(chunk)
            self._send(protocol.DATA, command.session, STDIN, chunk)
        else:
            command.stdin_open = False
            self._send(protocol.EOF, command.session, STDIN)

    def _pump_output(self, command: Command, output: _Output) -> None:
        try:
            count = output.sink.write(output.pending)
        except BlockingIOError:
            return
        except OSError:  # the reader of our output has gone: so shall the command's
            output.pending.clear()
            if not output.closed:
                output.closed = True
                self._send(protocol.CLOSE, command.session, output.stream)
            return
        del output.pending[:count]
        output.owed += count
        if output.owed >= OUTPUT_CREDIT // 4 and command.exit is None:
            self._send(protocol.CREDIT, command.session, output.stream,
                       struct.pack("<I", output.owed))
            output.owed = 0

    # Frames

    def _send(self, type: int, session: int = 0, stream: int = 0, payload: bytes = b"") -> None:
        self._queue.append(protocol.encode(type, session, stream, payload))

    def _can_send(self) -> bool:
        if self._partial:
            return True
        return bool(self._queue) and self.connected and self._fits(self._queue[0])

    def _fits(self, data: bytes) -> bool:
        return self._sent - self._acked + len(data) <= self._window

    def _flush(self) -> None:
        while not self.closed and self._can_send():
            if not self._partial:
                self._partial = self._queue.popleft()
                self._sent += len(self._partial)
            try:
                count = self._sock.send(self._partial)
            except BlockingIOError:
                return
            except OSError:
                self.closed = True
                return
            self._partial = self._partial[count:]

    def _receive(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        for frame in self._decoder.feed(data):
            self._handle(frame)

    def _handle(self, frame: Frame) -> None:
        if frame.type == protocol.HELLO:
            version, nonce, window = struct.unpack_from("<III", frame.payload)
            if version != protocol.VERSION:
                raise protocol.ProtocolError(f"the guest's agent speaks version {version}, "
                                             f"this command {protocol.VERSION}")
            self._window = window
            now = time.monotonic()
            if self.connected or now - self._hello_at < HELLO_AGAIN_S:
                return
            # Straight to the line: it opens the window. The guest counts from its first hello on,
            # so a repeated one is in flight like anything else.
            hello = protocol.encode(protocol.HELLO, payload=struct.pack("<III", version, nonce, 0))
            if self._hello_at > 0:
                self._sent += len(hello)
            self._hello_at = now
            self._partial += hello
            return
        if frame.type == protocol.ACK:
            self.connected = True
            # 32-bit on the line; ours is unbounded.
            self._acked += (frame.u32() - self._acked) & 0xFFFFFFFF
            return
        if frame.type == protocol.LOG:
            self.messages.append(frame.payload.decode(errors="replace"))
            return
        command = self._commands.get(frame.session)
        if command is None:
            return
        if frame.type == protocol.DATA:
            output = command.outputs[frame.stream]
            if output.closed:
                return
            output.pending += frame.payload
            if output.sink.fileno() is None:
                self._pump_output(command, output)
        elif frame.type == protocol.CREDIT:
            command.stdin_credit += frame.u32()
        elif frame.type == protocol.CLOSE:
            command.stdin_open = False
        elif frame.type == protocol.STARTED:
            command.pid = frame.u32()
        elif frame.type == protocol.EXIT:
            kind, code = struct.unpack_from("<BI", frame.payload)
            command.exit = (kind, code)
