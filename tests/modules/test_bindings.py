"""Bind and unbind with a descriptor held open: it answers ENODEV, and nothing is left."""

from machine import LONG, Case, main, script

COUNT = 10000 if LONG else 200


class Bindings(Case):
    def test_a_descriptor_outlives_its_device(self):
        done = script("bindings.sh", str(COUNT), options=["--smp", "2"], timeout=3000 if LONG else 300)
        self.alive(done)
        # What one cycle loses shows as COUNT.
        self.nothing_left(done.values("before"), done.values("after"), pages=COUNT // 2, objects=COUNT // 2)
        self.assertNotIn("leaked", done.log)

    def test_the_device_of_a_failed_driver_reaches_no_memory(self):
        done = script("silence.sh", options=["--smp", "2"], timeout=300)
        self.alive(done)
        self.assertEqual(done.stdout.split(), ["done"])


if __name__ == "__main__":
    main()
