"""Class B of the fault campaign: one wrong instruction after another in live drivers, under a client's work.

    mutate.py [--preset P] [--victim N] [--count N] [--seed S] [--smp N] [--batch N]

Per mutation: the machine stands, the instruction is changed behind the kernel's back (QEMU's gdbstub) and gets a
breakpoint, which tells whether it was executed; the client works; then the module is replaced by a new instance (if it was
executed) or gets its bytes back (if not). README.md says what the verdicts mean.
"""

import argparse
import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gdb_remote import Stub
from mutations import KINDS, Mutator, mutate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SILENT_S = 120
# As in programs/client.c: module, folder of the build, what must be there before, devices.
VICTIMS = (("null_block", "ko", "block_core", ""), ("null_block", "ko", "block_core", ""),
           ("null_block", "ko", "block_core", ""), ("edu", "ko", "pci", ""),
           ("fault_lab", "ktest", "", ""), ("virtio_rng", "ko", "virtio", ""),
           ("null_net", "ko", "net_packet", ""), ("null_net", "ko", "net_packet", ""),
           ("null_net", "ko", "net_packet", ""))


def limit_s(args) -> int:
    """How long a machine may run: less than ctest gives faults.mutations_sample."""
    return 7200 if "TENON_LONG" in os.environ else 150 + 8 * min(args.batch, args.count)


class Ended(Exception):
    """The machine ended or fell silent."""


@dataclass
class Result:
    kind: str
    what: str
    verdict: str
    facts: dict = field(default_factory=dict)


class Guest:
    def __init__(self, victim: int, args):
        module, folder, first, _ = VICTIMS[victim]
        build = ROOT / "build" / args.preset
        self.folder = tempfile.TemporaryDirectory()
        self.log = Path(self.folder.name, "log")
        stub = Path(self.folder.name, "gdb")
        files = [f"{build}/{folder}/{module}.ko:/tests/{module}.ko", f"{args.client}:/tests/client",
                 *(f"{build}/ko/{m}.ko:/tests/{m}.ko" for m in ("symbols_provider", "symbols_user"))]
        command = [ROOT / "tenon", "run", "--preset", args.preset, "--direct", "--smp", args.smp, "--log", self.log,
                   "--timeout", limit_s(args), "--append", f"panic=exit watchdog={args.watchdog} {args.append}",
                   "--qemu", f"-gdb unix:{stub},server=on,wait=off",
                   *(w for f in files for w in ("--file", f)),
                   "--", "sh", "-c", f"modprobe -a {first} 2>/dev/null; /tests/client {victim}; echo client $?"]
        self.error = Path(self.folder.name, "err").open("w")
        self.process = subprocess.Popen([str(w) for w in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.error, start_new_session=True)
        self.buffer = b""
        self.stub_path = str(stub)
        self.stub = None

    def connect(self):
        self.stub = Stub(self.stub_path, lambda: self.process.poll() is None)
        self.stub.go()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.selector.register(self.stub, selectors.EVENT_READ)

    def say(self, word: str):
        try:
            self.process.stdin.write(f"{word}\n".encode())
            self.process.stdin.flush()
        except OSError as e:
            raise Ended("ended") from e

    def line(self, on_break=None) -> list[str]:
        """The next line of the client; calls `on_break` when the machine stops at the breakpoint."""
        until = time.monotonic() + SILENT_S
        while b"\n" not in self.buffer:
            events = self.selector.select(max(0, until - time.monotonic()))
            # A machine that stops again and again is silent, too.
            if not events or time.monotonic() > until:
                raise Ended("hang")
            for key, _ in events:
                if key.fileobj is self.stub:
                    try:
                        if self.stub.has_stopped():
                            if on_break:
                                on_break()
                            self.stub.go()
                    except (EOFError, OSError) as e:
                        self.ended_soon()
                        raise Ended("ended") from e
                else:
                    more = os.read(self.process.stdout.fileno(), 65536)
                    if not more:
                        raise Ended("ended")
                    self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        words = line.decode(errors="replace").split()
        if words[:1] == ["client"]:
            raise Ended(f"the client ended with {words[1:]}")
        return words

    def ready(self, on_break=None) -> int:
        while True:
            words = self.line(on_break)
            if words[:1] == ["ready"] and len(words) == 2:
                return int(words[1], 16)
            if words[:1] == ["bad"]:
                raise Ended("start")

    def answer(self, word: str, on_break=None) -> dict:
        while True:
            words = self.line(on_break)
            if words[:1] == [word]:
                return dict(w.split("=") for w in words[1:])

    def ended_soon(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass

    def end(self) -> tuple[int, str]:
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.stub:
            self.stub.close()
        self.error.close()
        self.errors = Path(self.error.name).read_text(errors="replace")
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        self.folder.cleanup()
        return self.process.returncode, text


def shut_down_by_itself(ended: str, log: str) -> bool:
    """The shell behind the client was shot as well: the machine went down in good order, as it does when that ends."""
    return ended == "ended" and log.rstrip().endswith("Power down")


def strike(guest: Guest, mutator: Mutator, base: int, rng: random.Random, result: Result, replay: str) -> int:
    """One mutation, told in `result`; where the module is then."""
    kind, instruction = mutator.draw(rng)
    if replay:
        kind, instruction = "replay", next(i for i in mutator.all if f"{i.offset:x}" == replay.split(":")[0])
    at = base + instruction.offset
    result.kind, result.what = kind, f"{instruction.offset:x} {' '.join(instruction.text.split())}"
    stub = guest.stub
    stub.stop()
    live = stub.read(at, len(instruction.code))
    new = bytes.fromhex(replay.split(":")[1]) if replay else mutate(kind, instruction, live, rng)
    result.facts = {"new": new.hex()}
    stub.write(at, new)
    stub.break_at(at)
    stub.go()
    executed = False

    def on_break():
        nonlocal executed
        executed = True
        stub.clear(at)

    result.verdict = "unfinished"
    guest.say("go")
    done = guest.answer("done", on_break)
    result.facts |= done
    now = guest.ready(on_break)
    if not executed:
        stub.stop()
        stub.clear(at)
        if now == base:  # else another instance has taken its place, with bytes of its own
            stub.write(at, live)
        stub.go()
        quiet = done["first"] == "ok" and done["asked"] == done["detected"] == "0"
        result.verdict = "dormant" if quiet else "unexplained"
        return now
    result.verdict = "struck"
    guest.say("check")
    result.facts |= guest.answer("well", on_break)
    now = guest.ready(on_break)
    result.verdict = verdict(result.facts)
    return now


def verdict(f: dict) -> str:
    if not f["served"] == f["others"] == f["cpus"] == "1":
        return "unserved"
    if f["recovered"] != "1":
        return "lost"
    if f["detected"] != "0":
        return "contained"
    return {"ok": "harmless", "wrong": "silent", "error": "failing", "late": "stalled"}[f["first"]]


def run(victim: int, count: int, seed: int, args, sink) -> list[Result]:
    module, folder, *_ = VICTIMS[victim]
    mutator = Mutator(ROOT / "build" / args.preset / folder / f"{module}.ko")
    rng = random.Random(f"{seed} {victim}")
    results = []
    while len(results) < count:
        guest = Guest(victim, args)
        result, started = None, False
        ended = ""
        try:
            guest.connect()
            base = guest.ready()
            started = True
            batch = min(args.batch, count - len(results))
            for _ in range(batch):
                result = Result("", "", "")
                base = strike(guest, mutator, base, rng, result, args.replay)
                results.append(result)
                print(victim, module, result.kind, repr(result.what), result.verdict, result.facts, file=sink, flush=True)
                result = None
                if results[-1].verdict in ("lost", "unserved"):
                    break
            guest.say("quit")
        except (Ended, EOFError, OSError, ValueError) as e:
            ended = str(e)
        status, log = guest.end()
        if not started:
            raise SystemExit(f"{module}: the machine does not start ({ended}):\n{guest.errors[-1000:]}\n{log[-3000:]}")
        if result is None and results[-1].verdict not in ("lost", "unserved") and (ended != "" or status != 0):
            print(victim, "the machine did not end well:", status, ended, file=sink, flush=True)
        if result is not None:
            errors = guest.errors
            # A client that dies is shot by what the driver wrote over it; the shell behind it went on.
            result.verdict = ("panic" if "TENON PANIC" in log else "emulator" if "hardware error" in errors
                              else "lost" if "client" in ended or shut_down_by_itself(ended, log) else "hang")
            results.append(result)
            print(victim, module, result.kind, repr(result.what), result.verdict, result.facts, ended, file=sink, flush=True)
        if results[-1].verdict in ("panic", "hang", "lost", "unserved", "unexplained"):
            print("   ", "\n    ".join(log.splitlines()[-args.lines:]), file=sink, flush=True)
    return results


ACTIVATED = ("harmless", "contained", "silent", "failing", "stalled", "lost", "unserved", "panic", "hang")


def table(results: list[Result], title: str) -> tuple[int, float, float]:
    sums = Counter(r.verdict for r in results)
    active = sum(sums[v] for v in ACTIVATED)
    survived = active - sums["panic"] - sums["hang"] - sums["unserved"]
    recovered = survived - sums["lost"]
    share = lambda n: 100 * n / active if active else 0
    print(f"{title}: {len(results)} mutations, {active} activated, {share(survived):.2f}% survived, "
          f"{share(recovered):.2f}% recovered; " + ", ".join(f"{n} {v}" for v, n in sorted(sums.items())), flush=True)
    return active, share(survived), share(recovered)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default=os.environ.get("TENON_TEST_PRESET", "release"))
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--victim", type=int, default=None, help="number in VICTIMS; all of them in turn")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=400, help="mutations a boot")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--watchdog", type=int, default=50, help="ms between the watchdog's looks")
    parser.add_argument("--survive", type=float, default=99, help="the bar: percent of the activated")
    parser.add_argument("--recover", type=float, default=95)
    parser.add_argument("--append", default="")
    parser.add_argument("--lines", type=int, default=25, help="of the log, for a machine that ended")
    parser.add_argument("--replay", default="", help="OFFSET:BYTES, as told: this one, again and again")
    parser.add_argument("--raw", type=Path, default=None, help="where a line a mutation goes")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(1 << 31)
    with tempfile.TemporaryDirectory() as folder:
        args.client = Path(folder, "client")
        subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", args.client, HERE / "programs/client.c"], check=True)
        sink = args.raw.open("a") if args.raw else sys.stdout
        victims = range(len(VICTIMS)) if args.victim is None else [args.victim]
        results = []
        for victim in victims:
            part = run(victim, -(-args.count // len(victims)), seed, args, sink)
            table(part, f"seed {seed}, {VICTIMS[victim][0]} ({victim})")
            results += part
    for kind in KINDS:
        table([r for r in results if r.kind == kind], f"seed {seed}, {kind}")
    active, survived, recovered = table(results, f"seed {seed}, all")
    return 0 if active and survived >= args.survive and recovered >= args.recover else 1


if __name__ == "__main__":
    sys.exit(main())
