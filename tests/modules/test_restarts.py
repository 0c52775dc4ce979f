"""Every module but the personality is restarted, under what uses it."""

import os
import tempfile
import unittest

from machine import LONG, Case, compile_program, main, script

# A restart of pci sizes and places every BAR again. QEMU 7.2 itself crashes at times when one virtual
# CPU does that while another is inside a register access (docs/containment.md).
os.environ["TENON_ACCEL"] = "tcg-one-thread"
ROUNDS = 20 if LONG else 2
# Those that stand on others come back with them. The bus takes all its drivers along.
MODULES = ("devfs", "mem", "procfs", "sysfs", "acpi", "fbcon", "net_unix", "net_core", "edu",
           "block_core", "null_block", "symbols_user", "symbols_provider", "virtio_rng", "virtio",
           "pty", "pci", "devfs")


class Restarts(Case):
    def test_all_come_back_and_are_well(self):
        with tempfile.TemporaryDirectory() as folder:
            done = script("restarts.sh", str(ROUNDS), *MODULES, timeout=600,
                          options=["--smp", "2", *compile_program(folder, "local")])
        self.alive(done)
        self.assertTrue(done.stdout.endswith("done\n"), done.stdout)
        # What a restart loses for good would show once for each.
        restarts = (ROUNDS - 1) * len(MODULES)
        self.nothing_left(done.values("before"), done.values("after"), pages=restarts * 4, objects=restarts * 4)

    def test_the_terminals_under_the_console_itself(self):
        done = script("restart_tty.sh", options=["--smp", "2"])
        self.alive(done)
        self.assertIn("restart_tty: all well", done.log)
        self.assertEqual(done.log.count("came back"), 5, done.log)


if __name__ == "__main__":
    main()
