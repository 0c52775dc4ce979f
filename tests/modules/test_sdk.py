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

    def test_namespaces_are_checked_at_the_link(self):
        folder = self.sdk.project(self.folder / "spaces", "spaces", """
#include <symbols/provider.h>
#include <tenon/mm/fail.h>
#include <tenon/module/module.h>
class Instance final : public tenon::module::Instance {
  public:
    static tenon::Result<std::unique_ptr<Instance>> create(tenon::module::Context&) {
        if (tenon::mm::testing::fail_here() || tenon::symbols::tickets_taken() != 0)
            return tenon::Err(tenon::Error::io);
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        if (!self) return tenon::Err(tenon::Error::nomem);
        return self;
    }
};
TENON_MODULE(Instance, {.name = "spaces", .needs = {"symbols_provider"}});
""")
        lists = folder / "CMakeLists.txt"
        lists.write_text(lists.read_text().replace("spaces.cpp", "spaces.cpp USES symbols_provider"))
        status, out = sdk.build(folder)
        self.assertNotEqual(status, 0)
        self.assertIn("modpost: spaces: tenon::mm::testing::fail_here() is in namespace tenon::mm::testing, which "
                      "core 6.1.0-tenon gives to ktest_* only: do without it, or have spaces added there", out)
        self.assertIn("modpost: spaces: symbols_provider 1.0 exports tenon::symbols::tickets_taken() in namespace "
                      'tenon::symbols: say .imports = {"tenon::symbols"} in TENON_MODULE()', out)

    def test_a_key_of_ones_own(self):
        key = self.folder / "own.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        sign = self.sdk.root / "bin/sign-module"
        public = subprocess.run([sign, "public", key], check=True, capture_output=True, text=True).stdout.strip()
        folder = self.sdk.project(self.folder / "mine", "mine")
        module = sdk.must_build(folder, f"-DTENON_SIGNING_KEY={key}")
        shown = subprocess.run(["/usr/sbin/modinfo", module], check=True, capture_output=True, text=True).stdout
        self.assertRegex(shown, r"(?m)^signer: +Tenon module key$")
        for parameters, word in (("module.sig=enforce", "refused"),
                                 (f"module.sig=enforce module.key={public}", "loaded")):
            done = boot("sh", "-c", "insmod /tests/mine.ko && echo loaded || echo refused",
                        options=["--append", parameters, "--file", f"{module}:/tests/mine.ko"])
            self.alive(done)
            self.assertEqual(done.stdout, word + "\n")
            self.assertEqual("is signed by Tenon module key with key" in done.log, word == "refused")

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
