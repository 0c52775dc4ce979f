"""Class A of the fault campaign: every kind of fault in every context, and what became of the machine.

    campaign.py [--preset P] [--smp N] [--only TEXT] [--seed S] [--count N]

Prints a line a fault and the sums. A fault that ended the machine costs a boot; the rest goes on behind it.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SILENT_S = 45
CONTEXTS = ("call", "worker", "timer", "irq", "thread", "probe", "remove", "exit")
THREAD_CONTEXTS = ("call", "worker", "thread", "probe", "remove", "exit")
# A wild write into memory of the core is not seen without protection keys.
NEED_KEYS = ("wild_task",)
# What merely sleeps is nobody's fault; interrupts that a call turned may have been turned back before it ended.
MAY_GO_UNNOTICED = ("sleep_for_ever", "mutex_deadlock", "turn_interrupts")
KEYS_ON = "modules cannot write core data"


def kinds() -> list[tuple[str, bool]]:
    text = (HERE / "kinds.cpp").read_text()
    return [(name, sleeps == "true") for name, sleeps in re.findall(r"^    KIND\((\w+), (\w+)\)", text, re.M)]


def all_pairs(keys: bool) -> list[tuple[str, str]]:
    pairs = [(kind, context) for kind, sleeps in kinds() if keys or kind not in NEED_KEYS
             for context in (THREAD_CONTEXTS if sleeps else CONTEXTS)]
    return [*pairs, ("null_write", "create")]


def follow(command: list[str], errors: Path) -> tuple[str, str, bool]:
    """Runs the guest; its output, and whether it fell silent for SILENT_S and was killed."""
    out, silent = [], threading.Event()
    with errors.open("w") as err:
        guest = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True)

        def kill():
            silent.set()
            os.killpg(guest.pid, signal.SIGKILL)

        timer = None
        while True:
            timer = threading.Timer(SILENT_S, kill)
            timer.start()
            line = guest.stdout.readline()
            timer.cancel()
            if not line:
                break
            out.append(line)
        guest.wait()
    return "".join(out), errors.read_text(), silent.is_set()


def run(pairs: list[tuple[str, str]], args, parameters: str = "") -> list[tuple[tuple[str, str], str]]:
    """What became of each: contained, undetected, unserved, panic, hang."""
    verdicts, first = [], 1
    build = ROOT / "build" / args.preset
    while first <= len(pairs):
        with tempfile.TemporaryDirectory() as folder:
            listing, log = Path(folder, "pairs"), Path(folder, "log")
            listing.write_text("".join(f"{k} {c}\n" for k, c in pairs))
            command = [ROOT / "tenon", "run", "--preset", args.preset, "--direct", "--smp", args.smp, "--log", log,
                       "--timeout", 120 + 20 * (len(pairs) - first + 1),
                       "--append", f"panic=exit {args.append}",
                       "--file", f"{build}/ktest/fault_lab.ko:/tests/fault_lab.ko",
                       "--file", f"{listing}:/tests/pairs", "--file", f"{HERE}/guest.sh:/tests/guest.sh",
                       "--", "sh", "/tests/guest.sh", first, parameters]
            out, err, silent = follow([str(w) for w in command], Path(folder, "err"))
            text = log.read_text(errors="replace") if log.exists() else ""
        current = None
        for line in out.splitlines():
            words = line.split()
            if len(words) < 4 or not words[0].isdigit():
                continue
            current = int(words[0])
            if words[3] == "begin":
                continue
            facts = dict(w.split("=") for w in words[3:])
            good = facts["served"] == facts["others"] == facts["cpus"] == "1"
            verdict = "unserved" if not good else "contained" if facts["detected"] == "1" else "undetected"
            verdicts.append((pairs[current - 1], verdict))
            if args.verbose or verdict != "contained":
                print(line, verdict, flush=True)
        done = len(verdicts)
        if "module.keys=on" in args.append and KEYS_ON not in text:
            raise SystemExit(f"the machine ran without protection keys:\n{text[:2000]}")
        if current is None:
            raise SystemExit(f"the machine does not start:\n{out}\n{err}\n{text[-2000:]}")
        if done < current:
            verdict = "panic" if "TENON PANIC" in text else "hang" if silent else "ended"
            print(*pairs[current - 1], verdict, flush=True)
            print("   ", "\n    ".join((text.splitlines() + err.splitlines())[-args.lines:]), flush=True)
            verdicts.append((pairs[current - 1], verdict))
        elif verdicts[-1][1] == "unserved":
            print("   ", "\n    ".join(err.splitlines()), flush=True)  # what guest.sh tells of it
        first = len(verdicts) + 1
    return verdicts


def controls(args) -> int:
    """Without a fault nothing is restarted; without containment the machine ends, as others do."""
    quiet = run([("null_write", "call"), ("loop", "call"), ("double_free", "worker")], args, "armed=0")
    args.append = "containment=off"
    bare = run([("null_write", "call")], args)
    print("injector off:", *(v for _, v in quiet))
    print("containment off:", *(v for _, v in bare))
    return 0 if {v for _, v in quiet} == {"undetected"} and [v for _, v in bare] == ["panic"] else 1


def full(args) -> int:
    worst = 0
    for cpus in (2, 4):
        for seed in range(1, 6):
            args.smp = cpus
            pairs = all_pairs(args.keys)
            random.Random(seed).shuffle(pairs)
            worst = max(worst, summary(run(pairs, args), seed, args))
    return worst


def summary(verdicts, seed: int, args) -> int:
    sums = Counter(verdict for _, verdict in verdicts)
    print(f"seed {seed}, {args.smp} CPUs, {len(verdicts)} faults: "
          + ", ".join(f"{n} {v}" for v, n in sorted(sums.items())), flush=True)
    well = [v == "contained" or v == "undetected" and kind in MAY_GO_UNNOTICED for (kind, _), v in verdicts]
    return 0 if well and all(well) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default=os.environ.get("TENON_TEST_PRESET", "release"))
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--only", default="", help="pairs whose 'KIND CONTEXT' holds this")
    parser.add_argument("--list", default="", help="KIND CONTEXT,KIND CONTEXT,...: these, in this order")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=0, help="so many pairs drawn at random")
    parser.add_argument("--controls", action="store_true", help="no fault: no restart; no containment: a panic")
    parser.add_argument("--full", action="store_true", help="all pairs, 5 seeds, at 2 and 4 CPUs")
    parser.add_argument("--append", default="")
    parser.add_argument("--keys", action="store_true", help="with protection keys: wild_task, too")
    parser.add_argument("--lines", type=int, default=12, help="of the log, for a machine that ended")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    if args.keys:
        args.append += " module.keys=on"
    if args.controls:
        return controls(args)
    if args.full:
        return full(args)
    seed = args.seed if args.seed is not None else random.randrange(1 << 31)
    pairs = [p for p in all_pairs(args.keys) if args.only in " ".join(p)]
    random.Random(seed).shuffle(pairs)
    if args.count:
        pairs = pairs[:args.count]
    if args.list:
        pairs = [tuple(pair.split()) for pair in args.list.split(",")]
    return summary(run(pairs, args), seed, args)


if __name__ == "__main__":
    sys.exit(main())
