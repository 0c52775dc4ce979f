"""A booted machine in which commands run. The run verb and the system tests both stand on it.

    with Guest(config) as guest:
        result = guest.run(["uname", "-a"])      # Result(status, stdout, stderr)

Every way in which the machine can die (panic, early power-off, silence during boot) is a TenonError
that carries the last lines of the console log.
"""

import signal
import time
from dataclasses import dataclass

from . import agent, protocol
from .agent import Command, Connection
from .errors import GuestTimeout, TenonError
from .progress import progress
from .qemu import ConsoleLog, Machine, MachineConfig

SILENCE_S = 90  # a boot that says nothing for this long is dead
TICK_S = 0.25
DEFAULT_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
}


@dataclass(frozen=True)
class Result:
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


class Guest:
    def __init__(self, config: MachineConfig):
        self.machine = Machine(config)
        self.console = ConsoleLog(config.log)
        self.connection: Connection | None = None
        self.boot_seconds = 0.0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.close(clean=kind is None)

    def start(self, deadline: float | None = None) -> None:
        """Returns once the agent has answered. `deadline` is on time.monotonic's clock."""
        began = time.monotonic()
        self.launch()
        try:
            while not self.connection.connected:
                self.step(deadline)
        except BaseException:
            self.machine.kill()
            raise
        self.boot_seconds = time.monotonic() - began

    def launch(self) -> None:
        self.machine.start()
        self.connection = Connection(self.machine.agent)
        self.console.last_growth = time.monotonic()

    def step(self, deadline: float | None = None, extra: dict | None = None) -> list:
        """One turn of the loop; raises when the machine is dead or the time is up."""
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            raise GuestTimeout("time is up")
        wait = TICK_S if deadline is None else min(TICK_S, deadline - now)
        try:
            ready = self.connection.poll(wait, extra)
        except protocol.ProtocolError as error:
            raise self.failure(f"the agent line is broken: {error}") from None
        self.check()
        return ready

    def check(self) -> None:
        self.console.look()
        if self.console.panicked:
            self._let_it_finish_talking()
            raise self.failure("the guest's kernel panicked")
        if self.connection.closed or not self.machine.running():
            self.machine.wait(2)
            self.console.look()
            if self.console.panicked:
                raise self.failure("the guest's kernel panicked")
            raise self.failure("the machine stopped before the command had ended"
                               if self.connection.connected else "the machine stopped while booting")
        if not self.connection.connected and \
                time.monotonic() - self.console.last_growth > SILENCE_S:
            raise self.failure(f"the guest hangs: no sign of life for {SILENCE_S} s while booting")

    def _let_it_finish_talking(self) -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end and self.machine.running() and \
                time.monotonic() - self.console.last_growth < 0.7:
            time.sleep(0.1)
            self.console.look()

    def failure(self, text: str) -> TenonError:
        detail = self.machine.complaints()
        tail = self.console.tail()
        if tail:
            detail += f"\n--- last lines of {self.machine.config.log}\n{tail}\n---"
        return TenonError(text, detail.strip("\n"))

    def execute(self, command: Command, deadline: float | None = None) -> int:
        self.connection.start(command)
        while not command.done:
            self.step(deadline)
        return command.status()

    def run(self, argv, *, input: bytes = b"", env: dict | None = None, cwd: str = "",
            tty: bool = False, timeout: float | None = None) -> Result:
        command = Command(argv, stdin=agent.MemorySource(input),
                          env={**DEFAULT_ENV, **(env or {})}, cwd=cwd, tty=tty)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            status = self.execute(command, deadline)
        except GuestTimeout:
            self._stop(command)
            raise GuestTimeout(f"no end of {argv!r} after {timeout} s",
                               self.failure("").detail) from None
        return Result(status, bytes(command.outputs[protocol.STDOUT].sink.data),
                      bytes(command.outputs[protocol.STDERR].sink.data))

    def _stop(self, command: Command) -> None:
        """Kills a command that took too long, so that the machine can serve the next one."""
        self.connection.signal(command, signal.SIGKILL)
        try:
            end = time.monotonic() + 5
            while not command.done:
                self.step(end)
        except TenonError:
            pass

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        result = self.run(["sh", "-c", script, "sh", path, f"{mode:o}"], input=data)
        if result.status != 0:
            raise TenonError(f"cannot write {path} in the guest", result.stderr.decode())

    def get(self, path: str) -> bytes:
        result = self.run(["cat", path])
        if result.status != 0:
            raise TenonError(f"cannot read {path} in the guest", result.stderr.decode())
        return result.stdout

    def close(self, clean: bool = True, grace: float = 10) -> bool:
        """Powers the machine off; kills it when it does not go. True if it went by itself."""
        went = False
        try:
            if clean and self.connection is not None and self.connection.connected \
                    and self.machine.running():
                self.connection.shutdown()
                end = time.monotonic() + grace
                while time.monotonic() < end and not self.connection.closed:
                    self.connection.poll(0.1)
                    self.console.look()
                    if self.console.panicked:
                        break
                went = self.machine.wait(1) and not self.console.panicked
                if not went:
                    progress.log("the guest did not power off by itself")
        except protocol.ProtocolError:
            pass
        finally:
            self.machine.kill()
        return went
