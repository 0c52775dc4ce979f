"""`./tenon bench`: Tenon beside Linux on the same virtual machine with the same root.

Two ways of measuring: with `-icount shift=0,sleep=off`, where guest time counts instructions and a
ratio does not depend on how busy the host is, and in real time. Linux runs as shipped and tuned; the
bar is the faster of the two. The programs are tests/bench; this file boots, collects and tabulates.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from . import build, options, paths, run
from .errors import GuestTimeout, TenonError
from .guest import Guest
from .options import Options
from .progress import progress

GUEST_PROGRAM = "/usr/lib/tenon/bench"
ICOUNT = "-icount shift=0,sleep=off"
TUNED = "mitigations=off init_on_alloc=0 tsc=reliable"
MODULE = {"tenon": "symbols_provider", "linux": "dummy"}
MEMORY_MB = 512
BENCH_TIMEOUT_S = 60
# The kinds of machine: name, kernel, arguments for it.
KINDS = [("tenon", "tenon", ""), ("linux", "linux", ""), ("linux tuned", "linux", TUNED)]
SYSTEM = ["boot_to_user", "boot_to_shell", "power_on_to_agent", "memory_used"]


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon bench")
    parser.add_argument("name", nargs="*", help="benchmarks (all)")
    parser.add_argument("--json", metavar="FILE", default=str(paths.RUN / "bench.json"))
    parser.add_argument("--mode", choices=["icount", "real", "both"], default="both")
    parser.add_argument("--rounds", type=options.positive, default=3, help="boots in real time (3)")
    parser.add_argument("--only", choices=["tenon", "linux"], help="one kernel: figures, no ratios")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    args = parser.parse_args(argv)
    build.build(args.preset, ["tenon_bench"])
    modes = ["icount", "real"] if args.mode == "both" else [args.mode]
    results: dict = {}
    for mode in modes:
        for kind, kernel, append in KINDS:
            if args.only and kernel != args.only:
                continue
            rounds = 1 if mode == "icount" else args.rounds
            samples = [_measure(kernel, append, mode, args) for _ in range(rounds)]
            results.setdefault(mode, {})[kind] = _least(samples)
    paths.ensure(Path(args.json).parent)
    Path(args.json).write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    for mode in modes:
        _table(mode, results[mode])
    return 0


def _least(samples: list[dict]) -> dict:
    """The sample that the host disturbed least; for throughput the greatest."""
    best = {}
    for sample in samples:
        for name, (value, unit) in sample.items():
            better = max if unit.endswith("/s") else min
            best[name] = (better(value, best[name][0]) if name in best else value, unit)
    return best


def _linux_module() -> Path | None:
    found = sorted(Path("/lib/modules").glob("*-amd64/kernel/drivers/net/dummy.ko"))
    return found[-1] if found else None


def _measure(kernel: str, append: str, mode: str, args) -> dict:
    program = paths.preset_dir(args.preset) / "tests" / "bench" / "tenon-bench"
    chosen = Options(kernel=kernel, append=append, direct=True, mem_mb=MEMORY_MB,
                     preset=args.preset, qemu=ICOUNT if mode == "icount" else "",
                     files=[f"{program}:{GUEST_PROGRAM}"],
                     log=paths.RUN / f"bench-{kernel}-{mode}.log")
    module = _linux_module() if kernel == "linux" else \
        paths.preset_dir(args.preset) / "ko" / f"{MODULE['tenon']}.ko"
    arguments = []
    if module is not None and module.exists():
        chosen.files.append(f"{module}:/usr/lib/tenon/bench.ko")
        arguments = ["--module", "/usr/lib/tenon/bench.ko", MODULE[kernel]]
    config = run.prepare(chosen)
    progress.step(f"measuring {kernel} {append} ({mode})")
    began = time.monotonic()
    with Guest(config) as guest:
        booted = time.monotonic() - began
        found = _system_figures(guest, mode, booted)
        for name in _wanted(guest, args):
            _measure_one(guest, name, arguments, found, f"{kernel} ({mode})")
    if args.name:
        found = {k: v for k, v in found.items() if k in args.name or k not in SYSTEM}
    return found


def _wanted(guest: Guest, args) -> list[str]:
    if args.name:
        return [n for n in args.name if n not in SYSTEM]
    return guest.run([GUEST_PROGRAM, "--list"]).text.split()


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


def _system_figures(guest: Guest, mode: str, booted: float) -> dict:
    shell = guest.run(["sh", "-c", "/usr/lib/tenon/init --since-boot; cat /run/tenon.boot-time; "
                                   "grep MemAvailable /proc/meminfo"])
    lines = shell.text.split()
    found = {}
    try:
        to_shell, to_user = float(lines[0]), float(lines[1])
        available_kb = int(lines[lines.index("MemAvailable:") + 1])
    except (IndexError, ValueError):
        raise TenonError("the guest's figures make no sense", shell.text + str(shell.stderr)) \
            from None
    found["memory_used"] = (MEMORY_MB * 1024 - available_kb, "KiB")
    # On the kernels' own clocks: what firmware took before is no kernel's doing.
    found["boot_to_user"] = (to_user, "ns")
    found["boot_to_shell"] = (to_shell, "ns")
    if mode == "real":
        found["power_on_to_agent"] = (booted * 1e9, "ns")
    return found


def _show(value: float, unit: str) -> str:
    if unit != "ns":
        return f"{value:,.0f} {unit}"
    for limit, divisor, name in ((1e3, 1, "ns"), (1e6, 1e3, "us"), (1e9, 1e6, "ms")):
        if value < limit:
            return f"{value / divisor:.3g} {name}"
    return f"{value / 1e9:.3g} s"


def _table(mode: str, kinds: dict) -> None:
    tenon = kinds.get("tenon", {})
    linuxes = [kinds[k] for k in kinds if k != "tenon"]
    names = list(dict.fromkeys(n for kind in kinds.values() for n in kind))
    print(f"\n{mode}: Tenon / Linux (the faster of Linux as shipped and tuned); "
          "below 1 Tenon is better")
    print(f"{'':24}{'Tenon':>16}{'Linux':>16}{'ratio':>9}")
    ratios = []
    for name in names:
        ours = tenon.get(name)
        theirs = [l[name] for l in linuxes if name in l]
        unit = (ours or theirs[0])[1]
        faster = (max if unit.endswith("/s") else min)(theirs)[0] if theirs else None
        ratio = None
        if ours is not None and faster:
            ratio = faster / ours[0] if unit.endswith("/s") and ours[0] else ours[0] / faster
            ratios.append(ratio)
        print(f"{name:24}{_show(*ours) if ours else '-':>16}"
              f"{_show(faster, unit) if faster is not None else '-':>16}"
              f"{f'{ratio:.2f}' if ratio is not None else '-':>9}")
    positive = [r for r in ratios if r > 0]
    if positive:
        print(f"{'geometric mean':24}{'':32}{statistics.geometric_mean(positive):>9.2f}")
    sys.stdout.flush()
