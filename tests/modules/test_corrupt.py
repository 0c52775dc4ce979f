"""Damaged input of every kind: a clear message, and the kernel goes on where it can."""

import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sdk
from machine import BUILD, LONG, PRESET, ROOT, Case, boot, compile_program, main, script

sys.path.insert(0, str(ROOT / "tools"))
from tenon import kernels, roots  # noqa: E402
from tenon.options import Options  # noqa: E402
from tenon.qemu import Machine, MachineConfig  # noqa: E402

MUTATIONS = 100000 if LONG else 4000

NEEDS = """
#include <tenon/module/module.h>
class Instance final : public tenon::module::Instance {{
  public:
    static tenon::Result<std::unique_ptr<Instance>> create(tenon::module::Context&) {{
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        if (!self) return tenon::Err(tenon::Error::nomem);
        return self;
    }}
}};
TENON_MODULE(Instance, {{.name = "{name}", .needs = {{"{need}"}}}});
"""


class Modules(Case):
    def test_thousands_of_damaged_modules(self):
        seed = os.environ.get("TENON_SEED") or str(random.randrange(1 << 31))
        with tempfile.TemporaryDirectory() as folder:
            done = script("hostile.sh", seed, str(MUTATIONS), timeout=900, options=[
                *compile_program(folder, "hostile"),
                "--file", f"{BUILD}/ktest/ktest_victim.ko:/tests/victim.ko"])
        self.alive(done)
        self.assertIn("status 0\n", done.stdout, f"seed {seed}\n{done.stdout}{done.stderr}")
        self.assertEqual(done.stderr, "", f"seed {seed}")
        self.assertIn("the whole file loads\nothers load\n", done.stdout)
        before, after = done.values("before"), done.values("after")
        self.assertLess(after["pages"] - before["pages"], 200, f"seed {seed}")
        self.assertLess(after["objects"] - before["objects"], 100, f"seed {seed}")
        self.assertEqual(after["modules"], before["modules"])

    def test_messages_name_what_is_wrong(self):
        victim = (BUILD / "ktest/ktest_victim.ko").read_bytes()
        arm = bytearray(victim)
        arm[18:20] = (183).to_bytes(2, "little")
        # More zeroed data than the machine has memory, though less than the loader's limit.
        vast = bytearray(victim)
        sections, = struct.unpack_from("<Q", vast, 40)
        at = next(at for at in range(sections, len(vast), 64)
                  if struct.unpack_from("<I", vast, at + 4)[0] == 8)  # SHT_NOBITS
        struct.pack_into("<Q", vast, at + 32, 900 << 20)
        with tempfile.TemporaryDirectory() as folder:
            options = []
            for name, data in (("arm", arm), ("cut", victim[:3000]), ("empty", b""),
                               ("text", b"#!/bin/sh\n"), ("vast", vast)):
                Path(folder, name).write_bytes(data)
                options += ["--file", f"{folder}/{name}:/tests/{name}.ko"]
            done = boot("sh", "-c", "for f in arm cut empty text vast; do insmod /tests/$f.ko && exit 1; "
                                    "done; echo alive", options=options)
        self.alive(done)
        self.assertIn("alive", done.stdout)
        for pattern in (r"module \S+: .*machine 183", r"module \S+: .*(ends|outside|truncated|behind)",
                        r"module \S+: .*ELF", r"module ktest_victim: nomem"):
            self.assertRegex(done.log, pattern)

    def test_circle_missing_and_absent_in_the_boot_list(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            kit = sdk.Sdk(folder)
            options, index = [], ""
            where = f"usr/lib/modules/{kernels.TENON_RELEASE}"
            for module, need in (("ring_a", "ring_b"), ("ring_b", "ring_a"),
                                 ("lonely", "nowhere>=2"), ("choosy", "pci>=7")):
                ko = sdk.must_build(kit.project(folder / module, module,
                                                NEEDS.format(name=module, need=need)))
                options += ["--file", f"{ko}:/{where}/kernel/{module}.ko"]
                index += f"kernel/{module}.ko:\n"
            roots.make(Options(preset=PRESET))  # makes the index of the kernel's own modules
            dep = folder / "modules.dep"
            dep.write_text((BUILD / "depmod" / where.removeprefix("usr/") / "modules.dep").read_text() + index)
            options += ["--file", f"{dep}:/{where}/modules.dep"]
            listed = "".join(f"module {m}\n" for m in (
                "linux", "devfs", "mem", "procfs", "sysfs", "absent", "serial", "pty", "acpi",
                "pci", "ring_a", "lonely", "choosy"))
            manifest = folder / "manifest"
            manifest.write_text(listed + f"init {kernels.INIT}\n")
            done = boot("sh", "-c", "insmod /lib/modules/$(uname -r)/kernel/ring_a.ko; "
                                    "grep -cE 'ring|lonely|choosy|absent' /proc/modules; "
                                    "grep -c pci /proc/modules",
                        options=[*options, "--file", f"{manifest}:/boot/tenon.manifest"])
        self.alive(done)
        self.assertRegex(done.stdout, r"^0\n[1-9]")
        for text in ("module absent: there is no module absent",
                     "ring_a -> ring_b -> ring_a",
                     "lonely needs nowhere>=2, and there is no such module",
                     "choosy 0 needs pci>=7; loaded pci is version 1.0",
                     "ring_a: needs ring_b, which is not loaded", "boot modules failed to load"):
            self.assertIn(text, done.log)


class Roots(Case):
    def machine(self, initrd: bytes, wanted: tuple[str, ...], seconds: float = 60,
                append: str = "") -> str:
        """Boots the kernel on these bytes until its log holds one of `wanted`; the log."""
        with tempfile.TemporaryDirectory() as folder:
            archive, log = Path(folder, "initrd"), Path(folder, "log")
            archive.write_bytes(initrd)
            machine = Machine(MachineConfig(memory_mb=256, cpus=1, kernel=kernels.tenon(PRESET),
                                            initrd=archive, append=append, log=log))
            machine.start()
            try:
                limit = time.monotonic() + seconds
                text = ""
                while time.monotonic() < limit and machine.running():
                    time.sleep(0.2)
                    text = log.read_text(errors="replace")
                    if any(w in text for w in wanted):
                        time.sleep(0.3)
                        break
                return log.read_text(errors="replace")
            finally:
                machine.kill()

    def test_a_truncated_initrd_is_named(self):
        whole = roots.make(Options(preset=PRESET)).read_bytes()
        random_places = random.Random(os.environ.get("TENON_SEED", "7"))
        cuts = [1, 50, 110, 4097, len(whole) // 3, len(whole) // 2, len(whole) - 4096,
                random_places.randrange(len(whole)), random_places.randrange(len(whole))]
        for cut in cuts:
            with self.subTest(cut=cut):
                log = self.machine(whole[:cut], ("no init found", "pci:", "edu:"))
                self.assertRegex(log, r"initrd: .* at byte \d+ of \d+: kept the \d+ entries", log)
                # Either what came before is enough to start, or the end says why it is not.
                if "no init found" not in log and "cannot open /dev/console" not in log:
                    self.assertNotIn("PANIC", log)

    def test_a_damaged_initrd_does_not_hang(self):
        whole = bytearray(roots.make(Options(preset=PRESET)).read_bytes())
        damage = random.Random(os.environ.get("TENON_SEED", "11"))
        for _ in range(3):
            copy = bytearray(whole)
            at = 0
            while (at := copy.find(b"070701", at + 1)) != -1:
                if damage.random() < 0.03:
                    copy[at + 6 + damage.randrange(104)] = damage.randrange(256)
            log = self.machine(bytes(copy), ("no init found", "edu:", "initrd:"))
            self.assertIn("initrd:", log)
            for line in log.splitlines():
                if "PANIC" in line and "end" not in line:
                    self.assertIn("no init found", line)

    def test_a_root_without_init_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "etc").mkdir()
            Path(folder, "etc/motd").write_text("nothing to run\n")
            archive = Path(folder, "empty.cpio")
            subprocess.run(["sh", "-c", f"cd {folder} && echo etc/motd | cpio -o -H newc --quiet "
                                        f">{archive}"], check=True)
            log = self.machine(archive.read_bytes(), ("TENON PANIC: end",))
        self.assertIn("no init found: the root has none of the usual programs", log)

    def test_a_shell_as_init_has_the_console(self):
        whole = roots.make(Options(preset=PRESET)).read_bytes()
        log = self.machine(whole, ("/ # ", "PANIC"), append="init=/bin/sh console=ttyS0")
        self.assertIn("/ # ", log)
        self.assertNotIn("PANIC", log)

    def test_a_garbage_initrd_says_so(self):
        log = self.machine(random.Random(3).randbytes(100000), ("no init found",))
        self.assertRegex(log, r"initrd: .* at byte")
        self.assertIn("no init found", log)


class Packages(Case):
    def test_a_corrupt_deb_is_refused_by_pkg(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tree = folder / "tree"
            (tree / "DEBIAN").mkdir(parents=True)
            (tree / "DEBIAN/control").write_text(
                "Package: frail\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\n"
                "Description: test\n")
            (tree / "usr/share/frail").mkdir(parents=True)
            (tree / "usr/share/frail/data").write_bytes(random.Random(5).randbytes(40000))
            deb = folder / "frail.deb"
            subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True,
                           stdout=subprocess.DEVNULL)
            whole = deb.read_bytes()
            files = {"empty": b"", "text": b"no package\n", "magic": b"!<arch>\n",
                     "half": whole[:len(whole) // 2], "tail": whole[:-100]}
            places = random.Random(9)
            for i in range(8):
                damaged = bytearray(whole)
                for _ in range(4):
                    damaged[places.randrange(len(whole))] ^= 1 << places.randrange(8)
                files[f"bits{i}"] = bytes(damaged)
            options = []
            for key, data in files.items():
                (folder / f"{key}.bin").write_bytes(data)
                options += ["--file", f"{folder}/{key}.bin:/tests/{key}.deb"]
            (folder / "whole.bin").write_bytes(whole)
            options += ["--file", f"{folder}/whole.bin:/tests/whole.deb"]
            done = boot("sh", "-c", """
                cd /tests
                for f in empty text magic half tail bits*; do
                    f=${f%.deb}
                    if pkg install /tests/$f.deb 2>/tmp/why; then echo "$f installs"; pkg remove frail
                    else echo "$f refused $?: $(head -c 200 /tmp/why | tr '\\n' ' ')"; fi
                    test -e /usr/share/frail/data && echo "$f leaves a file"
                done
                pkg list | grep frail && echo "still listed"
                pkg install /tests/whole.deb && cmp /usr/share/frail/data /usr/share/frail/data && echo whole""",
                        options=options)
        self.alive(done)
        for key in ("empty", "text", "magic", "half", "tail"):
            self.assertRegex(done.stdout, rf"(?m)^{key} refused [1-9]\d*: \S+")
        self.assertNotIn("leaves a file", done.stdout)
        self.assertNotIn("still listed", done.stdout)
        self.assertTrue(done.stdout.endswith("whole\n"))
        for line in done.stdout.splitlines():
            if " refused " in line:
                self.assertGreater(len(line.split(": ", 1)[1].strip()), 10, line)
                self.assertLess(int(line.split()[2].rstrip(":")), 126, line)


class SmallMemory(Case):
    def test_an_iso_with_64_mb(self):
        done = boot("sh", "-c", "free; modprobe symbols_user && rmmod symbols_user && uname -s",
                    options=["--mem", "64M"], direct=False)
        self.alive(done)
        self.assertTrue(done.stdout.endswith("Linux\n"), done.stdout)
        total, used, free = (int(w) for w in done.stdout.splitlines()[1].split()[1:4])
        self.assertLess(used, total)
        self.assertLess(free, total)

    def test_too_little_memory_ends_with_a_sentence(self):
        done = boot("true", options=["--mem", "8M"], timeout=60)
        self.assertIn(done.status, (124, 125))
        self.assertGreater(len(done.stderr + done.log), 20)


if __name__ == "__main__":
    main()
