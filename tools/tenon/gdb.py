"""`./tenon gdb`: gdb on a machine that was started with `./tenon run --gdb`."""

import os
import re
from pathlib import Path

from . import build, deps, kernels, options, paths, qemu
from .errors import TenonError

LINK_ADDRESS = 0xFFFFFFFF80000000
SCRIPT = paths.ROOT / "tools" / "gdb" / "tenon.py"  # loads the symbols of the modules


def slide(log: Path) -> int:
    """How far the kernel lies from where it was linked to; it says so itself when it starts."""
    try:
        match = re.search(r"image at (0x[0-9a-f]+)", log.read_text(errors="replace"))
    except OSError:
        match = None
    return int(match[1], 16) - LINK_ADDRESS if match else 0


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon gdb", usage="./tenon gdb [--preset P] [GDB ARGS...]")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    parser.add_argument("--log", default=str(paths.RUN / "console.log"), metavar="FILE",
                        help="the kernel log of that machine: it says where the kernel lies")
    args, rest = parser.parse_known_args(argv)
    deps.need(deps.GDB)
    socket = qemu.gdb_socket()
    if not socket.exists():
        raise TenonError("no machine waits for a debugger; start one with ./tenon run --gdb")
    kernel = kernels.tenon(args.preset)
    command = ["gdb", "-q", "-ex", f"symbol-file -o {slide(Path(args.log)):#x} {kernel}", "-ex",
               f"target remote {socket}"]
    if SCRIPT.exists():
        command += ["-ex", f"source {SCRIPT}"]
    os.environ["TENON_BUILD"] = str(paths.preset_dir(args.preset))
    command += rest
    try:
        os.execvp("gdb", command)
    except OSError as error:
        raise TenonError(f"gdb does not start: {error}") from None
