"""`./tenon gdb`: gdb on a machine that was started with `./tenon run --gdb`."""

import os

from . import build, deps, kernels, options, paths, qemu
from .errors import TenonError

SCRIPT = paths.ROOT / "tools" / "gdb" / "tenon.py"  # loads the symbols of the modules


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon gdb", usage="./tenon gdb [--preset P] [GDB ARGS...]")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    args, rest = parser.parse_known_args(argv)
    deps.need(deps.GDB)
    socket = qemu.gdb_socket()
    if not socket.exists():
        raise TenonError("no machine waits for a debugger; start one with ./tenon run --gdb")
    kernel = kernels.tenon(args.preset)
    command = ["gdb", "-q", "-ex", f"target remote {socket}"]
    if SCRIPT.exists():
        command += ["-ex", f"source {SCRIPT}"]
    os.environ["TENON_BUILD"] = str(paths.preset_dir(args.preset))
    command += [*rest, str(kernel)]
    try:
        os.execvp("gdb", command)
    except OSError as error:
        raise TenonError(f"gdb does not start: {error}") from None
