#!/usr/bin/env python3
"""Boots one machine, loads and unloads every ktest, and reads their TAP from the kernel log."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Modules that the tests load: by path, and by name.
VICTIMS = {"ktest_victim": "/tests", **dict.fromkeys(
    (f"ktest_chain_{n}" for n in (1, 2, 3, "soft")), "/usr/lib/modules/6.1.0-tenon")}
LINE = re.compile(r"(ktest_\w+): (TAP version|1\.\.(\d+)|ok (\d+) - (\S+)|not ok (\d+) - (\S+)|# .*)")
KEYS_ON = "modules cannot write core data"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--preset", default="release")
    parser.add_argument("--append", default="", help="more arguments for the kernel")
    parser.add_argument("--show", action="store_true", help="print the whole log")
    parser.add_argument("module", nargs="*", help="these only, as mm or ktest_mm")
    args = parser.parse_args()
    folder = ROOT / "build" / args.preset / "ktest"
    subprocess.run([ROOT / "tenon", "build", "--preset", args.preset], check=True,
                   stdout=subprocess.DEVNULL)
    there = {f.stem: f for f in sorted(folder.glob("ktest_*.ko"))}
    wanted = ["ktest_" + m.removeprefix("ktest_") for m in args.module] or \
             [name for name in there if name not in VICTIMS]
    script = "modprobe block_core\n" + "\n".join(f"insmod /tests/{n}.ko && rmmod {n} || status=1" for n in wanted)
    command = [ROOT / "tenon", "run", "--direct", "--preset", args.preset, "--smp", str(args.smp),
               "--timeout", "400", "--append", args.append]
    for name in [*wanted, *VICTIMS]:
        command += ["--file", f"{there[name]}:{VICTIMS.get(name, '/tests')}/{name}.ko"]
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary, "console.log")
        command += ["--log", log, "--", "sh", "-c", f"status=0\n{script}\nexit $status"]
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        text = log.read_text(errors="replace") if log.exists() else ""
    return judge(text, wanted, done, args)


def console_tail(text: str) -> str:
    """The last lines of the log, and of a panic all that it says."""
    lines = text.splitlines()
    panic = next((i for i, line in enumerate(lines) if "TENON PANIC" in line), len(lines))
    first = min(panic, max(0, len(lines) - 15))
    return "\n".join(lines[first:first + 40])


def judge(text: str, wanted: list[str], done, args) -> int:
    planned = dict.fromkeys(wanted, 0)
    passed, failed, skipped = dict.fromkeys(wanted, 0), 0, 0
    said, bad = [], []
    for line in text.splitlines():
        match = LINE.search(line)
        if not match or match[1] not in planned:
            # The victim leaks on purpose; a table of RcuHash has no end, in the kernel as in ktest_lib.
            if "leaked" in line and "ktest_victim" not in line and "ktest_lib" not in line:
                bad.append(line)
                failed += 1
            continue
        said.append(line[match.start():])
        if match[6] or match[2].startswith("#"):
            bad.append(said[-1])
        if match[3]:
            if planned[match[1]]:  # a module that fails is started again, which may then go well
                bad.append(f"{match[1]}: failed, and was started again")
                failed += 1
            planned[match[1]] = int(match[3])
        elif match[4]:
            passed[match[1]] += 1
            skipped += "# SKIP" in line
        elif match[6]:
            failed += 1
    for name in wanted:
        if not planned[name] or passed[name] < planned[name]:
            bad.append(f"{name}: {passed[name]} of {planned[name] or '?'} passed")
            failed += 1
    if "module.keys=on" in args.append and KEYS_ON not in text:
        bad.append("the machine ran without protection keys")
        failed += 1
    if args.show:
        print(text)
    if failed or done.returncode != 0:
        # What matters most comes first: who looks at many failed tests sees the beginning of each.
        failed = failed or 1
        print(f"the machine ended with status {done.returncode}")
        print(console_tail(text))
        print("\n".join(bad))
        print(f"{done.stdout}{done.stderr}".strip())
    elif not args.show:
        print("\n".join(said))
    print(f"{sum(passed.values()) - skipped} ktests passed, {skipped} skipped, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
