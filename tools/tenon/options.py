"""The options of run and image, and the command line that sets them."""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import build, paths
from .errors import EXIT_TENON, TenonError

PROFILES = ["minimal", "debian", "desktop"]


@dataclass
class Options:
    profile: str = "minimal"
    debs: list[str] = field(default_factory=list)
    root: str | None = None
    files: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    smp: int = 1
    mem_mb: int | None = None
    uefi: bool = False
    display: str = "none"
    kernel: str = "tenon"
    direct: bool = False
    timeout: float | None = None
    qemu: str = ""
    append: str = ""
    log: Path = paths.RUN / "console.log"
    preset: str = "release"
    gdb: bool = False
    command: list[str] = field(default_factory=list)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.stderr.write(f"tenon: {message}\n{self.format_usage()}")
        sys.exit(EXIT_TENON)


def memory(text: str) -> int:
    """Megabytes from 96M, 2G, or a plain number of megabytes."""
    factor = {"M": 1, "G": 1024}.get(text[-1:].upper())
    digits = text[:-1] if factor else text
    if not digits.isdigit() or int(digits) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory; say 512M or 2G")
    return int(digits) * (factor or 1)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--profile", choices=PROFILES, default="minimal", help="what the root holds")
    add("--deb", action="append", default=[], metavar="NAME|FILE",
        help="add a Debian package and what it depends on (repeatable)")
    add("--rpm", action="append", default=[], metavar="NAME|FILE", help="not yet")
    add("--apk", action="append", default=[], metavar="NAME|FILE", help="not yet")
    add("--root", metavar="DIR|FILE", help="use this directory, tar or cpio as the root")
    add("--file", action="append", default=[], metavar="HOST[:GUEST]",
        help="put a file or directory into the root (repeatable)")
    add("--module", action="append", default=[], metavar="FILE.ko",
        help="put a module into the root and load it first (repeatable)")
    add("--share", metavar="DIR", help="not yet")
    add("--disk", metavar="IMG", help="not yet")
    add("-p", dest="port", action="append", default=[], metavar="HOST:GUEST", help="not yet")
    add("--smp", type=positive, default=1, metavar="N", help="number of CPUs (1)")
    add("--mem", type=memory, default=None, metavar="M", help="memory, as 512M or 2G")
    add("--uefi", action="store_true", help="boot through UEFI firmware")
    add("--display", default="none", metavar="KIND", help="none (default), gtk, sdl, vnc=:1 ...")
    add("--kernel", choices=["tenon", "linux"], default="tenon",
        help="linux: the same root under the host distribution's kernel")
    add("--direct", action="store_true", help="boot the kernel without firmware and GRUB")
    add("--timeout", type=float, default=None, metavar="S", help="give up after S seconds (124)")
    add("--qemu", default="", metavar="'ARGS'", help="more arguments for QEMU")
    add("--append", default="", metavar="'ARGS'", help="more arguments for the kernel")
    add("--log", default=None, metavar="FILE", help="where the kernel log goes")
    add("--preset", choices=build.PRESETS, default="release", help="which build to boot")


def refuse_what_has_no_driver(args) -> None:
    refusals = [
        (args.rpm, "--rpm is refused: Tenon's package manager cannot read .rpm files yet."),
        (args.apk, "--apk is refused: Tenon's package manager cannot read .apk files yet."),
        (args.share, "--share is refused: Tenon has no file-sharing driver yet."),
        (args.disk, "--disk is refused: Tenon has no disk driver yet."),
        (args.port, "-p is refused: Tenon has no network driver yet."),
        (args.profile == "desktop", "--profile desktop is refused: Tenon has no display and input "
                                    "drivers yet."),
    ]
    for given, sentence in refusals:
        if given:
            raise TenonError(sentence)


def from_args(args, command: list[str]) -> Options:
    refuse_what_has_no_driver(args)
    if args.timeout is not None and args.timeout <= 0:
        raise TenonError("--timeout needs a positive number of seconds")
    return Options(
        profile=args.profile, debs=args.deb, root=args.root, files=args.file,
        modules=args.module, smp=args.smp, mem_mb=args.mem, uefi=args.uefi, display=args.display,
        kernel=args.kernel, direct=args.direct, timeout=args.timeout, qemu=args.qemu,
        append=args.append, log=Path(args.log) if args.log else paths.RUN / "console.log",
        preset=args.preset, command=command)
