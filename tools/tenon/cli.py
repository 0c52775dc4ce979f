"""Reads the command line and calls the verb. Verbs are imported late: a start costs what it uses."""

import signal
import sys

from .errors import EXIT_TENON, EXIT_TIMEOUT, GuestTimeout, TenonError
from .progress import progress

USAGE = """usage: ./tenon VERB ...

  run [OPTIONS] [-- CMD ARG...]   boot it in QEMU: a shell on this terminal, or CMD inside
  image -o FILE.iso [OPTIONS] [-- CMD ARG...]
                                  the same system as a bootable BIOS + UEFI ISO
  build [--preset P]              compile: release (default), debug, kasan, ubsan, analysis
  test [SUITE...] [--list]        all tests, or some
  bench [NAME...]                 Tenon beside Linux on the same virtual machine
  module new NAME DIR             an out-of-tree module project, ready to build
  gdb                             a debugger on the machine that runs

./tenon VERB --help says more.
"""


def _split_command(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1:]


def _run(argv):
    from . import options, run
    ours, command = _split_command(argv)
    parser = options.Parser(prog="./tenon run", usage="./tenon run [OPTIONS] [-- CMD ARG...]")
    options.add_arguments(parser)
    parser.add_argument("--gdb", action="store_true", help="let ./tenon gdb attach")
    args = parser.parse_args(ours)
    chosen = options.from_args(args, command)
    chosen.gdb = args.gdb
    return run.run(chosen)


def _image(argv):
    from . import image, options
    ours, command = _split_command(argv)
    parser = options.Parser(prog="./tenon image",
                            usage="./tenon image -o FILE.iso [OPTIONS] [-- CMD ARG...]")
    parser.add_argument("-o", dest="output", required=True, metavar="FILE.iso")
    options.add_arguments(parser)
    args = parser.parse_args(ours)
    return image.image(options.from_args(args, command), args.output)


def _build(argv):
    from . import build, options
    parser = options.Parser(prog="./tenon build")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    parser.add_argument("target", nargs="*", help="ninja targets (all)")
    args = parser.parse_args(argv)
    build.build(args.preset, args.target)
    return 0


def _test(argv):
    from . import test
    return test.main(argv)


def _bench(argv):
    from . import bench
    return bench.main(argv)


def _module(argv):
    from . import module_new
    return module_new.main(argv)


def _gdb(argv):
    from . import gdb
    return gdb.main(argv)


VERBS = {"run": _run, "image": _image, "build": _build, "test": _test, "bench": _bench,
         "module": _module, "gdb": _gdb}


def main(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        (sys.stdout if argv else sys.stderr).write(USAGE)
        return 0 if argv else EXIT_TENON
    verb = VERBS.get(argv[0])
    if verb is None:
        sys.stderr.write(f"tenon: there is no verb {argv[0]!r}\n\n{USAGE}")
        return EXIT_TENON
    try:
        return verb(argv[1:])
    except GuestTimeout as error:
        _complain(error)
        return EXIT_TIMEOUT
    except TenonError as error:
        _complain(error)
        return EXIT_TENON
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return EXIT_TENON
    finally:
        progress.clear()


def _complain(error: TenonError) -> None:
    progress.clear()
    progress.log(f"error: {error}")
    if error.detail:
        sys.stderr.write(error.detail + "\n")
    sys.stderr.write(f"tenon: {error}\n")
