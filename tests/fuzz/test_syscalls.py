#!/usr/bin/env python3
"""Boots one machine, makes random system calls in it, and asks what became of it.

    test_syscalls.py --program FILE [--preset P] [--smp N] [--calls N] [--children N] [--seed N] [-- FUZZER'S ARGUMENTS]
"""

import argparse
import os
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "modules"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--preset", default="release")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--children", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TENON_SEED", random.randrange(1 << 31))))
    parser.add_argument("arguments", nargs="*", help="more for the fuzzer")
    args = parser.parse_args()
    os.environ["TENON_TEST_PRESET"] = args.preset
    import machine  # reads the preset

    print(f"seed {args.seed}", flush=True)
    files = {args.program: "/tests/syscall-fuzz", HERE / "guest.sh": "/tests/guest.sh",
             machine.HERE / "guest/common.sh": "/tests/common.sh"}
    options = ["--smp", str(args.smp), "--mem", "2048", "--append", "panic=exit"]
    for source, target in files.items():
        options += ["--file", f"{source}:{target}"]
    outcome = machine.boot("sh", "/tests/guest.sh", str(args.seed), str(args.calls), str(args.children), *args.arguments,
                           options=options, timeout=300 + args.calls // 50)
    print(outcome.stdout)
    case = machine.Case()
    case.alive(outcome)
    # Caches and magazines breathe; what leaks, leaks with every call of its kind.
    case.nothing_left(outcome.values("before"), outcome.values("after"), pages=600, objects=2000, sysfs=8, nodes=8,
                      interrupts=4)
    print("no panic, no hang, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
