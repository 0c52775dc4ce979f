"""`./tenon bench`: Tenon beside Linux on the same virtual machine with the same root.

Two ways of measuring: with `-icount shift=0,sleep=off`, where guest time counts instructions and a
ratio does not depend on how busy the host is, and in real time. Linux runs as shipped and tuned; the
bar is the fastest of them, figure by figure. The programs are tests/bench; this file boots and
collects, bench_table.py prints.
"""

import json
import os
import subprocess
import time
from pathlib import Path

from . import bench_table, build, iso, kernels, options, paths, run
from .errors import GuestTimeout, TenonError
from .guest import Guest
from .options import Options
from .progress import progress
from .qemu import MachineConfig, accelerator

GUEST_PROGRAM = "/usr/lib/tenon/bench"
ICOUNT = "-icount shift=0,sleep=off"
TUNED = "mitigations=off init_on_alloc=0 tsc=reliable"
MODULE = {"tenon": "symbols_provider", "linux": "dummy"}
LOAD = "module_load_unload"
MEMORY_MB = 512
BENCH_TIMEOUT_S = 60
# The kinds of machine: name, kernel, arguments for it. TCG runs `rep movsb` and `rep stosb` byte by
# byte, which real processors do not: the last kind keeps Linux from using them.
KINDS = [("tenon", "tenon", ""), ("linux", "linux", ""), ("linux tuned", "linux", TUNED),
         ("linux tuned, no rep movsb", "linux", TUNED + " clearcpuid=erms,fsrm")]
ISO_KINDS = KINDS[:2]
SYSTEM = ["memory_used", "boot_to_user", "boot_to_shell", "power_on_to_shell"]
FROM_ISO = "power_on_to_shell_by_iso"
SHELL = ["sh", "-c", "/usr/lib/tenon/init --since-boot; cat /run/tenon.boot-time; "
                     "grep MemAvailable /proc/meminfo"]


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon bench")
    parser.add_argument("name", nargs="*", help="benchmarks (all)")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument("--json", metavar="FILE", default=str(paths.RUN / "bench.json"))
    parser.add_argument("--mode", choices=["icount", "real", "both"], default="both")
    parser.add_argument("--rounds", type=options.positive, default=2, help="boots in real time (2)")
    parser.add_argument("--only", choices=["tenon", "linux"], help="one kernel: figures, no ratios")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    args = parser.parse_args(argv)
    build.build(args.preset, ["tenon_bench", "tenon_boot"])
    known = SYSTEM + [FROM_ISO] + _programs(args)
    if args.list:
        print("\n".join(known))
        return 0
    for name in args.name:
        if name not in known:
            raise TenonError(f"no benchmark is called {name}; ./tenon bench --list names them")
    modes = ["icount", "real"] if args.mode == "both" else [args.mode]
    figures = {mode: _measure_all(mode, args) for mode in modes}
    progress.clear()
    report = {"about": _about(args), "figures": figures, "ratios": bench_table.ratios(figures)}
    paths.ensure(Path(args.json).absolute().parent)
    Path(args.json).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    bench_table.show(figures, SYSTEM + [FROM_ISO])
    return 0


def _program(args) -> Path:
    return paths.preset_dir(args.preset) / "tests" / "bench" / "tenon-bench"


def _programs(args) -> list[str]:
    """The program is plain static Linux: the host can ask it too."""
    return subprocess.run([_program(args), "--list"], capture_output=True, text=True,
                          check=True).stdout.split()


def _about(args) -> dict:
    commit = subprocess.run(["git", "-C", paths.ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {"commit": commit, "preset": args.preset, "linux": kernels.linux().name,
            "rounds": args.rounds, "memory_mb": MEMORY_MB, "real_time_on": accelerator()[1],
            "linux_arguments": {kind: append for kind, kernel, append in KINDS
                                if kernel == "linux"}}


def _measure_all(mode: str, args) -> dict:
    """The figures of each kind. Kinds take turns, so that a busy spell of the host hits all."""
    found: dict = {}
    rounds = 1 if mode == "icount" else args.rounds
    inside = not args.name or any(n != FROM_ISO for n in args.name)
    by_iso = mode == "real" and (not args.name or FROM_ISO in args.name)
    for turn in range(rounds):
        for kind, kernel, append in KINDS:
            if args.only and kernel != args.only:
                continue
            what = f"{mode}, {kind}" + (f", round {turn + 1} of {rounds}" if rounds > 1 else "")
            samples = []
            if inside:
                samples.append(_measure(kernel, append, mode, args, what))
                if kernel == "tenon" and LOAD in (args.name or [LOAD]):
                    samples.append(_measure_signed(append, mode, args, what))
            if by_iso and (kind, kernel, append) in ISO_KINDS:
                samples.append(_measure_iso(kernel, args, what))
            for sample in samples:
                found[kind] = _better(found.get(kind, {}), sample)
    return found


def _better(known: dict, sample: dict) -> dict:
    """The sample that the host disturbed least: the least; for throughput the greatest."""
    best = dict(known)
    for name, (value, unit) in sample.items():
        better = max if unit.endswith("/s") else min
        best[name] = (better(value, best[name][0]) if name in best else value, unit)
    return best


def _linux_module() -> Path | None:
    """Of the kernel that is booted, be it installed or only fetched."""
    kernel = kernels.linux()
    modules = kernel.parent.parent / "lib" / "modules" / kernel.name.removeprefix("vmlinuz-")
    return next(iter(sorted(modules.glob("kernel/drivers/net/dummy.ko"))), None)


def _machine(kernel: str, append: str, mode: str, args) -> tuple[MachineConfig, list[str]]:
    """How to start it, and the program's arguments for the module to load."""
    chosen = Options(kernel=kernel, append=append, direct=True, mem_mb=MEMORY_MB,
                     preset=args.preset, qemu=ICOUNT if mode == "icount" else "",
                     files=[f"{_program(args)}:{GUEST_PROGRAM}"],
                     log=paths.RUN / f"bench-{kernel}-{mode}.log")
    module = _linux_module() if kernel == "linux" else \
        paths.preset_dir(args.preset) / "ko" / f"{MODULE['tenon']}.ko"
    arguments = []
    if module is not None and module.exists():
        chosen.files.append(f"{module}:/usr/lib/tenon/bench.ko")
        arguments = ["--module", "/usr/lib/tenon/bench.ko", MODULE[kernel]]
    return run.prepare(chosen), arguments


def _measure(kernel: str, append: str, mode: str, args, what: str) -> dict:
    config, arguments = _machine(kernel, append, mode, args)
    progress.step(f"{what}: booting")
    with _accelerator_for(mode):
        began = time.monotonic()
        with Guest(config) as guest:
            shell = guest.run(SHELL)
            elapsed = time.monotonic() - began
            found = _system_figures(shell)
            if mode == "real":
                found["power_on_to_shell"] = (elapsed * 1e9, "ns")
            else:  # with sleep=off, waiting for this program makes the guest's clock jump
                del found["boot_to_shell"]
            wanted = [n for n in args.name or _programs(args) if n not in SYSTEM + [FROM_ISO]]
            for index, name in enumerate(wanted):
                progress.show(f"{what}: {name} ({index + 1} of {len(wanted)})")
                _measure_one(guest, name, arguments, found, what)
    if args.name:
        found = {k: v for k, v in found.items() if k in args.name or k not in SYSTEM}
    return found


def _measure_signed(append: str, mode: str, args, what: str) -> dict:
    """What it costs to check a module's signature: Linux, as Debian ships it, always does."""
    config, arguments = _machine("tenon", f"{append} module.sig=enforce", mode, args)
    found: dict = {}
    with _accelerator_for(mode), Guest(config) as guest:
        _measure_one(guest, LOAD, arguments, found, what)
    return {f"{name}_signed": figure for name, figure in found.items() if name == "module_load"}


def _measure_iso(kernel: str, args, what: str) -> dict:
    """From the start of QEMU through firmware and GRUB; both kernels lie on an ISO of one making."""
    config, _ = _machine(kernel, "", "real", args)
    config.iso = iso.cached(config.kernel, config.initrd, config.append, kernel)
    config.kernel = config.initrd = None
    config.log = paths.RUN / f"bench-{kernel}-iso.log"
    progress.step(f"{what}: booting from the ISO")
    began = time.monotonic()
    with Guest(config) as guest:
        guest.run(SHELL)
        return {FROM_ISO: ((time.monotonic() - began) * 1e9, "ns")}


class _accelerator_for:
    """Instructions can be counted by TCG only, whatever else this host has."""

    def __init__(self, mode: str):
        self._wanted = "tcg" if mode == "icount" else None

    def __enter__(self):
        self._before = os.environ.get("TENON_ACCEL")
        if self._wanted:
            os.environ["TENON_ACCEL"] = self._wanted

    def __exit__(self, *_):
        if self._wanted and self._before is None:
            del os.environ["TENON_ACCEL"]
        elif self._wanted:
            os.environ["TENON_ACCEL"] = self._before


def _measure_one(guest: Guest, name: str, arguments: list[str], found: dict, where: str) -> None:
    """One benchmark that fails or hangs costs its own figure only."""
    try:
        result = guest.run([GUEST_PROGRAM, *arguments, name], timeout=BENCH_TIMEOUT_S)
    except GuestTimeout as error:
        progress.say(f"{where}: {name}: {error}")
        return
    if result.status != 0:
        progress.say(f"{where}: {name} ended with status {result.status}: "
                     + result.stderr.decode(errors="replace").strip())
    for line in result.text.splitlines():
        figure = json.loads(line)
        found[figure["name"]] = (figure["value"], figure["unit"])


def _system_figures(shell) -> dict:
    lines = shell.text.split()
    try:
        to_shell, to_user = float(lines[0]), float(lines[1])
        available_kb = int(lines[lines.index("MemAvailable:") + 1])
    except (IndexError, ValueError):
        raise TenonError("the guest's figures make no sense", shell.text + str(shell.stderr)) \
            from None
    return {"memory_used": (MEMORY_MB * 1024 - available_kb, "KiB"),
            "boot_to_user": (to_user, "ns"), "boot_to_shell": (to_shell, "ns")}
