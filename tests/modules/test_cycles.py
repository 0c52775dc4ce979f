"""Load, use, unload: nothing is left, and what is in use stays."""

import unittest

from machine import BUILD, LONG, PRESET, Case, boot, main, script

COUNT = 1000 if LONG else 250


class Cycles(Case):
    def test_nothing_is_left(self):
        done = script("cycles.sh", str(COUNT), options=["--smp", "4"], timeout=900)
        self.alive(done)
        # Caches of a CPU fill and empty; what is lost each time shows as COUNT.
        self.nothing_left(done.values("before"), done.values("after"), pages=COUNT // 4, objects=COUNT // 4)
        self.assertNotIn("leaked", done.log)

    def test_one_that_is_needed_or_open_stays(self):
        done = script("held.sh", options=["--smp", "2"])
        self.alive(done)
        self.assertIn("symbols_provider", done.stdout)
        self.assertIn("symbols_user", done.stdout)
        self.assertIn("720", done.stdout)
        self.assertIn("symbols_provider: not unloaded: held by symbols_user", done.log)
        self.assertRegex(done.log, r"edu: not unloaded: 1 open files or mounts use it")

    @unittest.skipIf(PRESET == "kasan", "objects carry no caller there")
    def test_forgotten_memory_is_named(self):
        done = boot("sh", "-c", "insmod /tests/ktest_victim.ko forget=3 && rmmod ktest_victim && "
                                "insmod /tests/ktest_victim.ko && rmmod ktest_victim",
                    options=["--file", f"{BUILD}/ktest/ktest_victim.ko:/tests/ktest_victim.ko"])
        self.alive(done)
        # Once: the second load is charged with nothing of the first.
        self.assertEqual(done.log.count("leaked"), 2, done.log)
        self.assertIn("module ktest_victim: leaked 3 objects, 384 bytes", done.log)
        self.assertRegex(done.log, r"module ktest_victim: leaked memory acquired at "
                                   r"\S+\+0x[0-9a-f]+ \[ktest_victim\]")


if __name__ == "__main__":
    main()
