"""Network interfaces: what programs see of one, and of its driver's going and coming again."""

import re
import tempfile
import unittest

from machine import LONG, Case, compile_program, key_values, main, script

CYCLES = 500 if LONG else 100


class Interfaces(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.programs = [*compile_program(cls.folder.name, "frames"), *compile_program(cls.folder.name, "tap")]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_net(self, *arguments: str):
        done = script("net.sh", *arguments, options=["--smp", "2", *self.programs], timeout=600)
        self.alive(done)
        self.assertTrue(done.stdout.endswith("done\n"), done.stdout)
        self.assertNotIn("leaked", done.log)
        return done

    def frames(self, done):
        """What each run of the program says; and the line after it, of the interface."""
        lines = done.stdout.splitlines()
        for i, line in enumerate(lines):
            if not line.startswith("frames"):
                continue
            values = key_values(line.partition(" ")[2])
            for key in ("errors", "disorder", "wrong", "index"):
                self.assertEqual(values[key], 0, line)
            self.assertGreater(values["received"], 100, line)
            yield values, lines[i + 1] if i + 1 < len(lines) else ""

    def test_a_program_uses_it_and_nothing_is_left(self):
        done = self.run_net("use", str(CYCLES))
        # Sender and receiver both hear of it; who is first says so, and a sender may come too late.
        self.assertRegex(done.stdout, "recv: Network is down|"
                                      "send: (Network is down|No such device or address)")
        lines = [line for line in done.stdout.splitlines() if not line.startswith("frames")]
        runs = 0
        for line in done.stdout.splitlines():
            if line.startswith("frames") and " errors=0 " in line:
                runs += 1
                self.assertRegex(line, r" disorder=0 wrong=0 index=0 ")
                gaps, overflow = (int(re.search(f" {k}=(\\d+)", line)[1]) for k in ("gaps", "overflow"))
                self.assertEqual(gaps, overflow, line)
        self.assertEqual(runs, 6, lines)
        thrown, sent = done.values("thrown_away"), done.values("thrown")
        self.assertEqual(sent["received"], 0)
        self.assertEqual(thrown["packets"], sent["sent"])
        self.assertEqual(thrown["dropped"], 0)
        # A socket that watches and does not read holds up nobody.
        self.assertEqual(done.values("tap"), {"sent": 100, "seen": 100})
        self.nothing_left(done.values("before"), done.values("after"), pages=CYCLES // 2, objects=CYCLES // 2)

    def lost_are_counted(self, done, holds):
        """What never came was in the driver's hands, or did not fit into the socket."""
        for (values, line), wanted in zip(self.frames(done), holds, strict=True):
            name, _, numbers = line.partition(" ")
            interface = key_values(numbers)
            print(name, {k: values[k] for k in ("sent", "gaps", "overflow", "longest_us")}, interface)
            self.assertEqual(interface["holds"], wanted, line)
            self.assertEqual(interface["lost"], interface["dropped"], line)
            self.assertEqual(values["sent"], interface["packets"] + interface["dropped"], line)
            self.assertEqual(values["gaps"], values["overflow"] + interface["lost"], line)

    def test_the_driver_goes_and_comes_again(self):
        done = self.run_net("hold")
        self.lost_are_counted(done, [5, 5, 5])
        self.assertIn("null_net did not come back: the interface is gone", done.log)
        self.assertIn("comes back as another device", done.log)

    def test_a_hot_update_and_a_restart_are_a_pause(self):
        done = self.run_net("again")
        self.lost_are_counted(done, [5, 5, 5, 3, 3])
        for pause in re.findall(r"module null_net: updated from version .*", done.log):
            print(pause)


if __name__ == "__main__":
    main()
