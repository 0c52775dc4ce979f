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
               "--timeout", "800", "--append", args.append]
    for name in [*wanted, *VICTIMS]:
        command += ["--file", f"{there[name]}:{VICTIMS.get(name, '/tests')}/{name}.ko"]
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary, "console.log")
        command += ["--log", log, "--", "sh", "-c", f"status=0\n{script}\nexit $status"]
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        text = log.read_text(errors="replace") if log.exists() else ""
    return judge(text, wanted, done, args.show)


def judge(text: str, wanted: list[str], done, show: bool) -> int:
    planned = dict.fromkeys(wanted, 0)
    passed, failed = dict.fromkeys(wanted, 0), 0
    for line in text.splitlines():
        if show:
            print(line)
        match = LINE.search(line)
        if not match or match[1] not in planned:
            # The victim leaks on purpose; a table of RcuHash has no end, in the kernel as in ktest_lib.
            if "leaked" in line and "ktest_victim" not in line and "ktest_lib" not in line:
                print(line)
                failed += 1
            continue
        if not show:
            print(line[match.start():])
        if match[3]:
            planned[match[1]] = int(match[3])
        elif match[4]:
            passed[match[1]] += 1
        elif match[6]:
            failed += 1
    for name in wanted:
        if not planned[name] or passed[name] < planned[name]:
            print(f"{name}: {passed[name]} of {planned[name] or '?'} passed")
            failed += 1
    if done.returncode != 0:
        failed += 1
    if failed:
        print(f"the machine ended with status {done.returncode}\n{done.stdout}{done.stderr}")
        print("\n".join(text.splitlines()[-40:]))
    print(f"{sum(passed.values())} ktests passed, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
