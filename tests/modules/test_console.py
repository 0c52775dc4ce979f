"""Virtual consoles: keys that QEMU sends, drivers that go and come meanwhile, and what the screen shows."""

import re
import subprocess
import tempfile
from pathlib import Path

from machine import BUILD, PRESET, ROOT, Case, main, script_files
from test_hotplug import Monitor

CELL_WIDTH, CELL_HEIGHT = 8, 16


class Font:
    """The glyphs of the build, by their bytes."""

    def __init__(self) -> None:
        text = (BUILD / "modules/video/fbcon/font.S").read_text()
        glyphs = [bytes(int(v) for v in m.group(1).split(",")) for m in re.finditer(r"\.byte ([\d,]+)", text)]
        codes = [int(v) for v in re.findall(r"\.long (\d+)", text)]
        self.characters = {}
        for glyph, code in zip(glyphs, codes, strict=True):
            self.characters.setdefault(glyph, chr(code))


class Picture:
    """A screen dump in PPM's binary form."""

    def __init__(self, path: Path):
        magic, size, _, self._pixels = path.read_bytes().split(b"\n", 3)
        assert magic == b"P6"
        self.width, self.height = map(int, size.split())

    def pixel(self, x: int, y: int) -> bytes:
        at = (y * self.width + x) * 3
        return self._pixels[at:at + 3]

    def cell(self, column: int, row: int) -> bytes:
        """What differs from black, as the font has it."""
        rows = []
        for y in range(row * CELL_HEIGHT, (row + 1) * CELL_HEIGHT):
            bits = 0
            for x in range(column * CELL_WIDTH, (column + 1) * CELL_WIDTH):
                bits = bits << 1 | (self.pixel(x, y) != b"\0\0\0")
            rows.append(bits)
        return bytes(rows)

    def line(self, row: int, font: Font) -> str:
        cells = (self.cell(c, row) for c in range(self.width // CELL_WIDTH))
        return "".join(font.characters.get(c, "\ufffd") for c in cells).rstrip()


class Machine:
    def __init__(self, folder: str, drivers: list[str], devices: str, direct: bool):
        self.folder = Path(folder)
        monitor = self.folder / "monitor"
        line = [ROOT / "tenon", "run", "--preset", PRESET, "--log", self.folder / "log", "--timeout", "300",
                *(["--direct"] if direct else []), "--qemu", f"{devices} -qmp unix:{monitor},server,nowait",
                *script_files("console.sh"), "--", "sh", "/tests/console.sh", *drivers]
        self.process = subprocess.Popen([str(w) for w in line], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.output: list[str] = []
        self._path, self._monitor = monitor, None

    @property
    def monitor(self) -> Monitor:
        if self._monitor is None:
            self._monitor = Monitor(self._path)
        return self._monitor

    def key(self, name: str, down: bool) -> None:
        try:
            self.monitor.run("input-send-event", events=[
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}])
        except (ConnectionError, ValueError):
            pass  # the key ended the machine

    def press(self, *names: str) -> None:
        for name in names:
            self.key(name, True)
        for name in reversed(names):
            self.key(name, False)

    def tell(self) -> None:
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def steps(self):
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))
            yield line.split()
        self.process.wait(120)


class Console(Case):
    def drive(self, drivers: list[str], devices: str, direct: bool = True) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            machine = Machine(folder, drivers, devices, direct)
            try:
                for word, *rest in machine.steps():
                    self.step(machine, word, rest)
            finally:
                machine.close()
            self.assertIn("Restarting system", Path(folder, "log").read_text(errors="replace"))
        self.assertEqual(machine.output[-2:], ["DONE", "CAD last"], machine.output)
        self.assertEqual([l for l in machine.output if "failed" in l], [])
        self.assertIn("GOT first hi", machine.output)
        self.assertIn("GOT shifted A1", machine.output)
        for driver in drivers:
            self.assertIn(f"GOT again-{driver} k", machine.output)
        self.assertIn("ACTIVE tty2", machine.output)
        self.assertIn("GOT second 2", machine.output)
        self.assertEqual(machine.output.count("GOT interrupt"), 1)
        return machine.output

    # The controller's queue holds 16 bytes: no step sends more.
    def step(self, machine: Machine, word: str, rest: list[str]) -> None:
        if word == "TYPE" and rest[0] == "first":
            for key in ("h", "i", "ret"):
                machine.press(key)
        elif word == "TYPE" and rest[0] == "shifted":
            machine.press("shift", "a")
            machine.press("1")
            machine.press("ret")
        elif word == "TYPE" and rest[0] == "held":
            machine.key("x", True)
        elif word == "RELEASE":
            machine.key("x", False)
            machine.tell()
        elif word == "TYPE" and rest[0] == "second":
            machine.press("2")
            machine.press("ret")
        elif word == "TYPE":
            machine.press("k")
            machine.press("ret")
        elif word == "HOLD":
            machine.key("shift", True)
            machine.tell()
        elif word == "GONE":
            machine.key("shift", False)
            machine.tell()
        elif word == "SWITCH":
            machine.press("alt", "f2")
            machine.tell()
        elif word == "CAD":
            for key in ("ctrl", "alt", "delete"):
                machine.key(key, True)
            if rest[0] == "told":
                for key in ("delete", "alt", "ctrl"):
                    machine.key(key, False)
                machine.tell()
        elif word == "LOOK":
            self.look(machine)
            machine.tell()

    def look(self, machine: Machine) -> None:
        pass

    def test_ps2_keyboard(self) -> None:
        self.drive(["ps2"], "")

    def test_virtio_keyboard(self) -> None:
        output = self.drive(["virtio_input"], "-device virtio-keyboard-pci")
        self.assertIn("GOT held xxxx", output)


class Screen(Console):
    """The same on a machine with a screen."""

    def look(self, machine: Machine) -> None:
        dump = machine.folder / "screen.ppm"
        machine.monitor.run("screendump", filename=str(dump))
        picture, font = Picture(dump), Font()
        self.assertEqual(picture.line(2, font), "    This is tty2 of Tenon")
        self.assertEqual(picture.line(4, font)[:3], "\u250c\u2500\u2510")
        green = {picture.pixel(x, y) for x in range(12 * 8, 16 * 8) for y in range(32, 48)}
        self.assertEqual(green, {b"\0\0\0", b"\0\xaa\0"})
        self.looked = True

    def test_ps2_keyboard(self) -> None:
        self.drive(["ps2"], "-vga std", direct=False)
        self.assertTrue(self.looked)

    def test_virtio_keyboard(self) -> None:
        self.skipTest("without a screen is enough")


if __name__ == "__main__":
    main()
