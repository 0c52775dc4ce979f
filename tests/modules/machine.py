"""Boots a Tenon machine for one script; what all tests of this folder use."""

import os
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PRESET = os.environ.get("TENON_TEST_PRESET", "release")
BUILD = ROOT / "build" / PRESET
LONG = "TENON_LONG" in os.environ


def key_values(text: str) -> dict[str, int]:
    """The numbers of `key=number ...`."""
    return {k: int(v) for k, v in (w.split("=") for w in text.split())}


@dataclass
class Outcome:
    status: int
    stdout: str
    stderr: str
    log: str  # the kernel's, from the serial line

    def values(self, name: str) -> dict[str, int]:
        """The `NAME key=number ...` line of the output."""
        for line in self.stdout.splitlines():
            first, _, rest = line.partition(" ")
            if first == name:
                return key_values(rest)
        raise AssertionError(f"no line {name} in:\n{self.stdout}\n{self.stderr}")


def boot(*command: str, options: list[str] = (), timeout: int = 300, input: bytes = b"",
         direct: bool = True) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "console.log")
        line = [ROOT / "tenon", "run", "--preset", PRESET, "--log", log, "--timeout", str(timeout),
                *(["--direct"] if direct else []), *options, "--", *command]
        done = subprocess.run([str(word) for word in line], input=input, capture_output=True,
                              timeout=timeout + 120)
        text = log.read_text(errors="replace") if log.exists() else ""
    return Outcome(done.returncode, done.stdout.decode(errors="replace"),
                   done.stderr.decode(errors="replace"), text)


def script_files(name: str) -> list[str]:
    """What puts guest/NAME and what it shares with others into a machine."""
    return [w for f in (name, "common.sh") for w in ("--file", f"{HERE}/guest/{f}:/tests/{f}")]


def script(name: str, *arguments: str, options: list[str] = (), **more) -> Outcome:
    """Runs guest/NAME inside."""
    return boot("sh", f"/tests/{name}", *arguments, options=[*script_files(name), *options], **more)


def compile_program(folder: Path | str, name: str) -> list[str]:
    """Builds programs/NAME.c; what puts it into a machine as /tests/NAME."""
    program = Path(folder, name)
    subprocess.run(["gcc", "-O2", "-static", "-pthread", "-Wall", "-o", program, HERE / f"programs/{name}.c"],
                   check=True)
    return ["--file", f"{program}:/tests/{name}"]


class Case(unittest.TestCase):
    def nothing_left(self, before: dict[str, int], after: dict[str, int], **slack: int) -> None:
        """Of two snapshots: all is as it was, but what has a slack has grown by less than that."""
        growth = {k: after[k] - before[k] for k in before}
        print(growth)
        for key, more in growth.items():
            if key in slack:
                self.assertLess(more, slack[key], key)
            else:
                self.assertEqual(more, 0, key)

    def alive(self, outcome: Outcome, status: int | None = 0) -> None:
        """The machine came through: no panic, and the script's own status."""
        for word in ("panic", "assertion failed", "use after free", "double free"):
            self.assertNotIn(word, outcome.log, outcome.log[-3000:])
        if status is not None:
            self.assertEqual(outcome.status, status,
                             f"{outcome.stdout}\n{outcome.stderr}\n{outcome.log[-2000:]}")


def main() -> None:
    sys.path.insert(0, str(HERE))
    unittest.main(verbosity=2)
