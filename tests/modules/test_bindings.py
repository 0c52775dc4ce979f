"""Bind and unbind with a descriptor held open: it answers ENODEV, and nothing is left."""

from machine import LONG, Case, main, script

COUNT = 10000 if LONG else 50


class Bindings(Case):
    def test_a_descriptor_outlives_its_device(self):
        done = script("bindings.sh", str(COUNT), options=["--smp", "2"], timeout=3000 if LONG else 300)
        self.alive(done)
        before, after = done.values("before"), done.values("after")
        print({k: after[k] - before[k] for k in before})
        for key in before:
            slack = max(64, COUNT // 4) if key in ("pages", "objects") else 0
            self.assertLessEqual(after[key] - before[key], slack, key)
        self.assertNotIn("leaked", done.log)

    def test_the_device_of_a_failed_driver_reaches_no_memory(self):
        done = script("silence.sh", options=["--smp", "2"], timeout=300)
        self.alive(done)
        self.assertEqual(done.stdout.split(), ["done"])


if __name__ == "__main__":
    main()
