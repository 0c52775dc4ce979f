"""`./tenon gdb`: functions of modules by name, of those loaded before gdb came and of those loaded after."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from machine import PRESET, ROOT, Case, main

LOOP = """
echo ready
while :; do
    modprobe symbols_user && rmmod symbols_user && rmmod symbols_provider
    echo 5 >/dev/edu; cat /dev/edu >/dev/null
done
"""


class Gdb(Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = Path(self.folder.name, "console.log")
        self.machine = subprocess.Popen(
            [ROOT / "tenon", "run", "--direct", "--gdb", "--preset", PRESET, "--log", self.log,
             "--timeout", "240", "--", "sh", "-c", LOOP], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(self.machine.stdout.readline(), b"ready\n")

    def tearDown(self):
        self.machine.send_signal(signal.SIGINT)
        try:
            self.machine.wait(30)
        except subprocess.TimeoutExpired:
            self.machine.kill()
        self.machine.stdout.close()
        self.machine.stderr.close()
        self.folder.cleanup()

    def gdb(self, *commands: str) -> str:
        line = [ROOT / "tenon", "gdb", "--preset", PRESET, "--log", self.log, "-batch"]
        for command in commands:
            line += ["-ex", command]
        done = subprocess.run([str(w) for w in line], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150)
        return done.stdout

    def test_symbols_of_modules(self):
        out = self.gdb("tenon-modules", "info line tenon::edu::Edu::factorial",
                       "break tenon::edu::Edu::factorial", "continue", "bt 2", "print n",
                       "delete", "detach")
        for wanted in (r"(?m)^edu 0x[0-9a-f]+ ", r"(?m)^linux 0x[0-9a-f]+ ",
                       r"Breakpoint 1, .*Edu::factorial", r"(?m)^#1 .*write_number.*device_file\.cpp", r"\$1 = 5"):
            self.assertRegex(out, wanted, out)
        # A function of a module that is not there yet, or not there again.
        out = self.gdb("set breakpoint pending on", "break tenon::symbols::take_ticket", "continue",
                       "bt 3", "print holder", "info symbol $pc", "delete", "detach")
        # Which of the user's calls it is depends on where gdb stopped the machine: perhaps amid them.
        for wanted in (r"Breakpoint 1, .*take_ticket", r"(?m)^#1 .*user\.cpp",
                       r"(?s)take_ticket \(holder=(?:holder@entry=)?([0-2])\).*\$1 = \1",
                       r"take_ticket.* in section \.text of .*symbols_provider"):
            self.assertRegex(out, wanted, out)
        # The machine goes on without gdb.
        size = self.log.stat().st_size
        limit = time.monotonic() + 30
        while self.log.stat().st_size == size and time.monotonic() < limit:
            time.sleep(0.2)
        self.assertGreater(self.log.stat().st_size, size)
        self.assertNotIn("PANIC", self.log.read_text(errors="replace"))


if __name__ == "__main__":
    main()
