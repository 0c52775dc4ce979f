"""Every module but the personality is restarted, under what uses it."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from machine import HERE, LONG, Case, main, script

ROUNDS = 20 if LONG else 2
# Those that stand on others come back with them. The bus takes all its drivers along.
MODULES = ("devfs", "mem", "procfs", "sysfs", "acpi", "fbcon", "net_unix", "net_core", "edu",
           "block_core", "null_block", "symbols_user", "symbols_provider", "virtio_rng", "virtio",
           "pty", "pci", "devfs")


class Restarts(Case):
    def test_all_come_back_and_are_well(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "local")
            subprocess.run(["gcc", "-O2", "-static", "-Wall", "-o", program,
                            HERE / "programs/local.c"], check=True)
            done = script("restarts.sh", str(ROUNDS), *MODULES, timeout=600,
                          options=["--smp", "2", "--file", f"{program}:/tests/local"])
        self.alive(done)
        self.assertTrue(done.stdout.endswith("done\n"), done.stdout)
        before, after = done.values("before"), done.values("after")
        print({k: after[k] - before[k] for k in before})
        # What a restart loses for good would show once for each.
        restarts = (ROUNDS - 1) * len(MODULES)
        self.assertLess(after["pages"] - before["pages"], restarts * 4)
        self.assertLess(after["objects"] - before["objects"], restarts * 4)

    def test_the_terminals_under_the_console_itself(self):
        done = script("restart_tty.sh", options=["--smp", "2"])
        self.alive(done)
        self.assertIn("restart_tty: all well", done.log)
        self.assertEqual(done.log.count("came back"), 5, done.log)


if __name__ == "__main__":
    main()
