"""`./tenon run`: one machine, one command (or a shell), then gone."""

import fcntl
import os
import shlex
import signal
import socket
import struct
import sys
import termios
import time
import tty

from . import agent, build, deps, kernels, paths, protocol, roots
from .agent import Command
from .errors import EXIT_TIMEOUT, GuestTimeout, TenonError
from .guest import DEFAULT_ENV, Guest
from .options import Options
from .progress import progress
from .qemu import MachineConfig

INTERRUPT_GRACE_S = 5


def prepare(options: Options) -> MachineConfig:
    """Builds what is stale and says how to start it."""
    deps.need(deps.BOOT)
    if options.uefi:
        deps.need(deps.UEFI)
    if options.kernel == "linux":
        kernel = kernels.linux()
        build.build(options.preset, ["tenon_userland"])
    else:
        build.build(options.preset, ["tenon_boot"])
        kernel = kernels.tenon(options.preset)
    archive = roots.make(options)
    config = MachineConfig(
        memory_mb=options.mem_mb or roots.default_memory_mb(options, archive), cpus=options.smp,
        uefi=options.uefi, display=options.display, extra=shlex.split(options.qemu),
        log=options.log, gdb=options.gdb)
    append = kernels.arguments(options.kernel, options.append)
    if options.kernel == "linux" or options.direct:
        config.kernel, config.initrd, config.append = kernel, archive, append
    else:
        from . import iso
        config.iso = iso.cached(kernel, archive, append)
    return config


class Signals:
    """Signals as readable events, so that the one poll loop sees them."""

    WATCHED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH]

    def __enter__(self):
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._old = {s: signal.signal(s, lambda *_: None) for s in self.WATCHED}
        self._old_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_):
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def fileno(self) -> int:
        return self._read.fileno()

    def take(self) -> list[int]:
        try:
            return [n for n in self._read.recv(64) if n in self.WATCHED]
        except BlockingIOError:
            return []


class RawTerminal:
    def __init__(self, fd: int):
        self._fd = fd

    def __enter__(self):
        self._saved = termios.tcgetattr(self._fd)
        tty.setraw(self._fd)
        return self

    def __exit__(self, *_):
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)


class EscapeSource(agent.FdSource):
    """The terminal's input, with ssh's way out: Enter, `~`, `.`."""

    def __init__(self, fd: int):
        super().__init__(fd)
        self._line_start = True
        self._tilde = False
        self.escaped = False

    def read(self, limit: int) -> bytes | None:
        data = super().read(limit // 2)
        if not data:
            return data
        out = bytearray()
        for byte in data:
            if self._tilde:
                self._tilde = False
                if byte == ord("."):
                    self.escaped = True
                    return None
                out += b"~"
            elif self._line_start and byte == ord("~"):
                self._tilde = True
                continue
            out.append(byte)
            self._line_start = byte in b"\r\n"
        return bytes(out) or None  # None: nothing yet, but not the end


def terminal_size() -> tuple[int, int]:
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))
    return (rows or 24), (columns or 80)


class Interrupted(Exception):
    def __init__(self, number: int):
        self.number = number


class Runner:
    def __init__(self, options: Options, signals: Signals):
        self.options = options
        self.signals = signals
        self.deadline = None
        if options.timeout is not None:
            self.deadline = time.monotonic() + options.timeout
        self.command: Command | None = None
        self.interrupted_at = None
        self.interactive = not options.command and os.isatty(0) and os.isatty(1)

    def make_command(self) -> Command:
        environment = dict(DEFAULT_ENV)
        if self.interactive:
            rows, columns = terminal_size()
            environment["TERM"] = os.environ.get("TERM", "linux")
            return Command(shell_argv(), env=environment, cwd="/root", tty=True, rows=rows,
                           columns=columns, stdin=EscapeSource(0), stdout=agent.FdSink(1),
                           stderr=agent.FdSink(2))
        argv = self.options.command or shell_argv()
        return Command(argv, env=environment, cwd="/", stdin=agent.FdSource(0),
                       stdout=agent.FdSink(1), stderr=agent.FdSink(2))

    def on_signals(self, guest: Guest) -> None:
        for number in self.signals.take():
            if number == signal.SIGWINCH:
                if self.interactive and self.command is not None:
                    guest.connection.resize(self.command, *terminal_size())
                continue
            again = self.interrupted_at is not None
            if self.command is None or number in (signal.SIGHUP, signal.SIGQUIT) or again:
                raise Interrupted(number)
            # The first Ctrl-C belongs to the command; it has a little time to end by itself.
            self.interrupted_at = (time.monotonic(), number)
            guest.connection.signal(self.command, number)
        if self.interrupted_at is not None and not self.interactive:
            since, number = self.interrupted_at
            if time.monotonic() - since > INTERRUPT_GRACE_S:
                raise Interrupted(number)

    def turn(self, guest: Guest) -> None:
        guest.step(self.deadline, {self.signals.fileno(): 1})
        self.on_signals(guest)

    def boot(self, guest: Guest) -> None:
        began = time.monotonic()
        guest.launch()
        while not guest.connection.connected:
            progress.show(f"booting {self.options.kernel} ({time.monotonic() - began:.0f} s)")
            self.turn(guest)
        progress.log(f"agent answered after {time.monotonic() - began:.2f} s")
        progress.clear()

    def serve(self, guest: Guest) -> int:
        command = self.make_command()
        guest.connection.start(command)
        self.command = command
        while not command.done:
            self.turn(guest)
            if guest.connection.messages:
                raise guest.failure("".join(guest.connection.messages).strip())
            if isinstance(command.source, EscapeSource) and command.source.escaped:
                raise Interrupted(signal.SIGINT)
        if command.exit[0] == protocol.EXEC_FAILED:
            name = os.fsdecode(command.argv[0])
            sys.stderr.write(f"tenon: {name}: {os.strerror(command.exit[1])}\n")
        return command.status()

    def run(self, guest: Guest) -> int:
        self.boot(guest)
        if not self.interactive:
            return self.serve(guest)
        with RawTerminal(0):
            return self.serve(guest)


def shell_argv() -> list[str]:
    # bash where the root has it; the profile decides, not the host.
    return ["sh", "-c", "test -x /bin/bash && exec bash -l || exec sh -l"]


def run(options: Options) -> int:
    config = prepare(options)
    with Signals() as signals:
        guest = Guest(config)
        runner = Runner(options, signals)
        clean = False
        try:
            status = runner.run(guest)
            clean = True
            return status
        except GuestTimeout:
            progress.clear()
            sys.stderr.write(f"tenon: time-out after {options.timeout:g} s\n")
            return EXIT_TIMEOUT
        except Interrupted as interruption:
            progress.clear()
            return 128 + interruption.number
        finally:
            guest.close(clean=clean)
