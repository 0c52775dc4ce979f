"""The table of `./tenon bench`: ratios, means and what a reader must know about them."""

import statistics
import sys

# Two modules of different sizes: shown, but no comparison of like with like.
UNLIKE = ["module_load", "module_load_signed", "module_unload"]
NOTES = """\
ratio: Tenon / Linux; below 1.00 Tenon is better. Linux is the fastest, figure by figure, of Linux as
shipped, tuned (mitigations=off init_on_alloc=0 tsc=reliable), and tuned without the string
instructions that TCG runs byte by byte (clearcpuid=erms,fsrm).
icount: a nanosecond is an instruction; copies and clears by string instructions count one a step.
memory_used: memory given to the machine less MemAvailable, at the first shell.
boot_to_user, boot_to_shell: on the kernel's own clock, so without firmware and Linux's decompression;
power_on_to_shell: as one waits, from the start of QEMU with -kernel (by_iso: with GRUB and a CD).
module_load, module_unload: different modules (symbols_provider on Tenon, dummy on Linux); not in the mean.
module_load_signed: with module.sig=enforce; Debian's Linux checks signatures in module_load already."""


def _faster(unit: str):
    return max if unit.endswith("/s") else min


def _pair(kinds: dict, name: str):
    """Tenon's figure, the fastest Linux's, the unit and the ratio; None for what was not measured."""
    ours = kinds.get("tenon", {}).get(name)
    theirs = [kinds[k][name] for k in kinds if k != "tenon" and name in kinds[k]]
    if ours is None and not theirs:
        return None
    unit = (ours or theirs[0])[1]
    linux = _faster(unit)(value for value, _ in theirs) if theirs else None
    ratio = None
    if ours is not None and linux and ours[0] > 0:
        ratio = linux / ours[0] if unit.endswith("/s") else ours[0] / linux
    return (ours[0] if ours else None, linux, unit, ratio)


def _names(figures: dict) -> list[str]:
    return list(dict.fromkeys(n for kinds in figures.values() for kind in kinds.values()
                              for n in kind))


def ratios(figures: dict) -> dict:
    found: dict = {}
    for mode, kinds in figures.items():
        pairs = {name: _pair(kinds, name) for name in _names(figures)}
        found[mode] = {n: round(p[3], 4) for n, p in pairs.items() if p and p[3] is not None}
    return found


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit != "ns":
        return f"{value:,.0f} {unit}"
    for limit, divisor, name in ((1e3, 1, "ns"), (1e6, 1e3, "us"), (1e9, 1e6, "ms")):
        if value < limit:
            return f"{value / divisor:.3g} {name}"
    return f"{value / 1e9:.3g} s"


def _row(figures: dict, name: str) -> str:
    line = f"{name:26}"
    for kinds in figures.values():
        pair = _pair(kinds, name)
        if pair is None:
            line += f"{'':13}{'':13}{'':8}"
            continue
        ours, linux, unit, ratio = pair
        line += f"{_text(ours, unit):>13}{_text(linux, unit):>13}" \
                f"{'' if ratio is None else f'{ratio:.2f}':>8}"
    return line.rstrip()


def show(figures: dict, system: list[str]) -> None:
    names = _names(figures)
    small = [n for n in names if n not in system and n not in UNLIKE]
    print(f"{'':26}" + "".join(f"{mode + ': Tenon':>13}{'Linux':>13}{'ratio':>8}"
                               for mode in figures))
    for group in (small, [n for n in UNLIKE if n in names], [n for n in system if n in names]):
        for name in group:
            print(_row(figures, name))
        if group is small and len(small) > 1:
            by_mode = ratios(figures)
            line = f"{'geometric mean':26}"
            for mode in figures:
                found = [by_mode[mode][n] for n in small if n in by_mode[mode]]
                line += f"{'':26}{f'{statistics.geometric_mean(found):.2f}' if found else '':>8}"
            if line.strip() != "geometric mean":
                print(line.rstrip())
    print("\n" + NOTES)
    sys.stdout.flush()
