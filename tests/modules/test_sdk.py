"""A module built outside the tree runs by --module, by insmod and by modprobe; one that was built against
other structures is refused when it is loaded, with both sides named."""

import re
import subprocess
import tempfile
from pathlib import Path

import sdk
from machine import PRESET, ROOT, Case, boot, main, script


class OutOfTree(Case):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.sdk = sdk.Sdk(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_module_new_runs_by_option(self):
        folder = self.folder / "by-option"
        subprocess.run([ROOT / "tenon", "module", "new", "sample", folder, "--preset", PRESET],
                       check=True, stdout=subprocess.DEVNULL)
        module = sdk.must_build(folder)
        done = boot("sh", "-c", "echo kept >/dev/sample; cat /dev/sample; lsmod",
                    options=["--module", f"{module} limit=3"])
        self.alive(done)
        self.assertTrue(done.stdout.startswith("kep"), done.stdout)
        self.assertIn("sample: loaded", done.log)

    def test_packed_sdk_runs_by_insmod_and_modprobe(self):
        module = sdk.must_build(self.sdk.project(self.folder / "sample", "sample"))
        done = script("sample.sh", options=["--file", f"{module}:/tests/sample.ko"])
        self.alive(done)
        self.assertIn("done", done.stdout)

    def refused(self, module: Path, name: str, pattern: str) -> None:
        done = script("refused.sh", name, options=["--file", f"{module}:/tests/{name}.ko"])
        self.alive(done)
        self.assertIn("refused", done.stdout)
        # busybox tries init_module() after finit_module().
        self.assertGreaterEqual(len(re.findall(pattern, done.log)), 2, done.log[-2000:])

    def test_changed_structure_is_refused_by_the_kernel(self):
        # The SDK of a kernel in which a structure differs: its header, and the checksums that
        # modpost made of it. The link there succeeds; only the loader can tell.
        other = sdk.Sdk(self.folder / "other")
        header = other.root / "include/tenon/device/device.h"
        text = header.read_text()
        changed = text.replace("u32 mode = 0444;", "u32 mode = 0444;\n    u32 added = 0;", 1)
        self.assertNotEqual(changed, text)
        header.write_text(changed)
        folder = other.project(self.folder / "changed", "changed")
        status, out = sdk.build(folder)
        self.assertNotEqual(status, 0)
        types = dict(re.findall(r"type (\S+) is ([0-9a-f]{8}) here, core", out))
        self.assertIn("tenon::device::AttributeInfo", types, out)
        exports = next(other.root.rglob("core.exports"))
        lines = []
        for line in exports.read_text().splitlines():
            kind, number, *name = line.split(" ", 2)
            if kind == "T" and name and name[0] in types:
                number = types[name[0]]
            if kind == "S" and name[0].startswith("_ZN5tenon6device6Device6create"):
                number = f"{int(number, 16) ^ 0x5a5a5a5a:08x}"
            lines.append(" ".join([kind, number, *name]))
        exports.write_text("\n".join(lines) + "\n")
        module = sdk.must_build(folder)
        self.refused(module, "changed",
                     r"module changed: needs tenon::device::Device::create\(\S+ of core with types "
                     r"[0-9a-f]{8}; loaded core 6\.1\.0-tenon exports it with types [0-9a-f]{8}: "
                     r"rebuild it")

    def test_changed_inline_code_is_refused_by_the_kernel(self):
        # No type differs, but a constant does.
        other = sdk.Sdk(self.folder / "inline")
        header = other.root / "include/tenon/module/parameter.h"
        header.write_text(header.read_text().replace("kMaxText = 64", "kMaxText = 65 - 1", 1))
        module = sdk.must_build(other.project(self.folder / "constant", "constant"))
        self.refused(module, "constant",
                     r"module constant: built with SDK headers [0-9a-f]{8}, this kernel's are "
                     r"[0-9a-f]{8}: rebuild it")


if __name__ == "__main__":
    main()
