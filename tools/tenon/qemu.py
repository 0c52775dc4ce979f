"""Starts the virtual machine and knows whether it lives."""

import ctypes
import hashlib
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .errors import TenonError
from .progress import progress

QEMU = "qemu-system-x86_64"
OVMF = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"]
PANIC = re.compile(rb"TENON PANIC|Kernel panic - not syncing")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>c]|\r")


@dataclass
class MachineConfig:
    memory_mb: int
    cpus: int = 1
    kernel: Path | None = None  # -kernel; else boot from `iso`
    initrd: Path | None = None
    append: str = ""
    iso: Path | None = None
    uefi: bool = False
    display: str = "none"
    extra: list[str] = field(default_factory=list)
    log: Path = paths.RUN / "console.log"
    gdb: bool = False


def _die_with_parent() -> None:
    # Even a killed ./tenon leaves no machine behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def accelerator() -> list[str]:
    """KVM only where it really runs a guest; the answer is remembered until the machine reboots."""
    # QEMU threads the CPUs by itself where it can; counting instructions (-icount) needs one thread.
    tcg = ["-accel", "tcg", "-cpu", "max"]
    override = os.environ.get("TENON_ACCEL")
    if override == "tcg-one-thread":  # all virtual CPUs in one host thread, by turns
        return ["-accel", "tcg,thread=single", "-cpu", "max"]
    if override == "tcg" or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return tcg
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot_id = "unknown"
    stamp = paths.CACHE / "kvm-works"
    known = stamp.read_text().split() if stamp.exists() else []
    if len(known) != 2 or known[0] != boot_id:
        works = "yes" if _kvm_starts_a_guest() else "no"
        paths.ensure(paths.CACHE)
        stamp.write_text(f"{boot_id} {works}\n")
        known = [boot_id, works]
        progress.log(f"KVM starts a guest: {works}")
    return ["-accel", "kvm", "-cpu", "host"] if known[1] == "yes" else tcg


def _kvm_starts_a_guest() -> bool:
    """Runs a boot sector that writes one byte to a port which makes QEMU exit with status 3."""
    progress.step("trying KVM")
    sector = b"\xb0\x01\xe6\xf4\xf4".ljust(510, b"\0") + b"\x55\xaa"  # mov al,1; out 0xf4,al; hlt
    image = paths.ensure(paths.CACHE) / f"kvm-probe.{os.getpid()}"
    image.write_bytes(sector)
    try:
        result = subprocess.run(
            [QEMU, "-accel", "kvm", "-cpu", "host", "-M", "q35", "-nodefaults", "-display", "none",
             "-m", "64", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
             "-drive", f"file={image},format=raw,if=ide"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=5, preexec_fn=_die_with_parent)
        return result.returncode == 3
    except (subprocess.TimeoutExpired, OSError):
        return False
    finally:
        image.unlink(missing_ok=True)


def _machine_lines() -> list[str]:
    arguments = []
    for line in (paths.CONFIGS / "machines" / "q35.args").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            arguments += shlex.split(line)
    return arguments


class Machine:
    """One running QEMU. `agent` is the socket whose other end is the guest's second serial port."""

    def __init__(self, config: MachineConfig):
        self.config = config
        self.agent: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._errors = paths.RUN / f"qemu.{os.getpid()}.{id(self):x}.err"

    def command_line(self, agent_fd: int) -> list[str]:
        c = self.config
        argv = [QEMU, *_machine_lines(), *accelerator(), "-smp", str(c.cpus), "-m",
                f"{c.memory_mb}M", "-display", c.display]
        if c.display != "none":
            argv += ["-vga", "std"]
        log = str(c.log).replace(",", ",,")
        argv += ["-chardev", f"file,id=console,path={log}", "-serial", "chardev:console",
                 "-chardev", f"socket,id=agent,fd={agent_fd}", "-serial", "chardev:agent"]
        if c.uefi:
            firmware = next((f for f in OVMF if os.path.exists(f)), None)
            if firmware is None:
                raise TenonError("no UEFI firmware here: the package ovmf is missing")
            argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={firmware}"]
        if c.kernel:
            argv += ["-kernel", str(c.kernel)]
            if c.initrd:
                argv += ["-initrd", str(c.initrd)]
            if c.append:
                argv += ["-append", c.append]
        elif c.iso:
            argv += ["-drive", f"file={str(c.iso).replace(',', ',,')},format=raw,media=cdrom,"
                     "readonly=on,if=none,id=iso", "-device", "ide-cd,drive=iso,bus=ide.0"]
        if c.gdb:
            argv += ["-chardev", f"socket,id=gdb,path={gdb_socket()},server=on,wait=off",
                     "-gdb", "chardev:gdb"]
        return argv + c.extra

    def start(self) -> None:
        paths.ensure(paths.RUN)
        paths.ensure(self.config.log.parent)
        self.config.log.write_bytes(b"")
        self.agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        argv = self.command_line(theirs.fileno())
        progress.log("+ " + shlex.join(argv))
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                pass_fds=[theirs.fileno()], start_new_session=True, preexec_fn=_die_with_parent)
        theirs.close()

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self) -> None:
        if self.running():
            self._process.kill()
            self._process.wait()
        if self.agent is not None:
            self.agent.close()
            self.agent = None
        self._errors.unlink(missing_ok=True)

    def complaints(self) -> str:
        """What QEMU itself said; TCG's list of missing CPU features is no news."""
        try:
            text = self._errors.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(line for line in text.splitlines() if "TCG doesn't support" not in line)


class ConsoleLog:
    """Watches the kernel's console log for signs of life and of death."""

    def __init__(self, path: Path):
        self._path = path
        self._at = 0
        self._carry = b""
        self.panicked = False
        self.last_growth = time.monotonic()

    def look(self) -> None:
        try:
            with open(self._path, "rb") as handle:
                handle.seek(self._at)
                new = handle.read()
        except OSError:
            return
        if not new:
            return
        self._at += len(new)
        self.last_growth = time.monotonic()
        if PANIC.search(self._carry + new):
            self.panicked = True
        self._carry = new[-64:]

    def tail(self, lines: int = 30) -> str:
        try:
            with open(self._path, "rb") as handle:
                handle.seek(0, os.SEEK_END)
                handle.seek(max(0, handle.tell() - 16384))
                text = handle.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(ESCAPES.sub("", text).rstrip().splitlines()[-lines:])


def gdb_socket() -> Path:
    return paths.RUN / "gdb.sock"


def file_key(path: Path | str) -> str:
    info = os.stat(path)
    return f"{path}:{info.st_size}:{info.st_mtime_ns}"


def short_hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
