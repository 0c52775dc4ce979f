"""Disks: what programs see of one, and nothing of its driver's going and coming again."""

import os
import re
import subprocess
import tempfile
import unittest

from machine import LONG, Case, compile_program, main, script

TOOLS = ("/sbin/mke2fs", "/sbin/e2fsck", "/sbin/debugfs", "/sbin/blockdev", "/sbin/blkdiscard",
         "/bin/lsblk")
CYCLES = 500 if LONG else 100


class Disks(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.programs = compile_program(cls.folder.name, "stamps")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_disk(self, *arguments: str):
        done = script("disk.sh", *arguments, options=["--smp", "2", *self.programs], timeout=600)
        self.alive(done)
        self.assertTrue(done.stdout.endswith("done\n"), done.stdout)
        self.assertNotIn("leaked", done.log)
        for line in done.stdout.splitlines():
            if line.startswith("stamps"):
                self.assertRegex(line, r" errors=0 wrong=0 ")
                self.assertRegex(line, r"writes=[1-9]\d{2}")
        return done

    def test_a_program_uses_it_and_nothing_is_left(self):
        done = self.run_disk("use", str(CYCLES))
        self.assertIn("null_block: not unloaded: 1 open files or mounts use it", done.log)
        self.nothing_left(done.values("before"), done.values("after"), pages=CYCLES // 2, objects=CYCLES // 2)

    def test_the_driver_goes_and_comes_again(self):
        done = self.run_disk("hold")
        replayed = 0
        for mode in ("inline", "timer", "worker"):
            values = done.values(f"held_{mode}")
            print(mode, values)
            self.assertEqual(values["holds"], 5)
            self.assertEqual(values["refused"], 0)
            replayed += values["replayed"]
        self.assertGreater(replayed, 0)  # with a delay, some were in flight
        self.assertIn("null_block did not come back: the disk is gone", done.log)
        self.assertIn("comes back with another size or shape", done.log)

    @unittest.skipUnless(all(map(os.path.exists, TOOLS)), "without e2fsprogs on the host")
    def test_a_file_system_is_made_on_it_and_found_good(self):
        files = {*TOOLS}
        for tool in TOOLS:
            listed = subprocess.run(["ldd", tool], capture_output=True, text=True, check=True).stdout
            files |= set(re.findall(r"/\S+", listed))
        options = [w for f in files for w in ("--file", f"{os.path.realpath(f)}:{f}")]
        done = script("file_system.sh", options=["--smp", "2", *options])
        self.alive(done)
        self.assertIn("what the file holds\nchecked\n", done.stdout)
        self.assertRegex(done.stdout, r"rw +\d+ +512 +4096 +0 +33554432 +/dev/nullb0")
        self.assertRegex(done.stdout, r"nullb0 +259:0 +0 +32M +0 disk")
        self.assertIn("Operation not permitted", done.stdout)

    def test_a_hot_update_and_a_restart_are_a_pause(self):
        done = self.run_disk("again")
        for name in ("update_timer", "update_worker", "update_inline", "restart_timer"):
            values = done.values(name)
            print(name, values)
            self.assertEqual(values["holds"], 3 if name.startswith("restart") else 5)
        for pause in re.findall(r"module null_block: updated from version .*", done.log):
            print(pause)


if __name__ == "__main__":
    main()
