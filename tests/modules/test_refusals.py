"""Every refusal, word for word: refusals.golden. Each names both sides and what to do. One boot, in which only
signed modules load; the damaged ones are signed again, so that it is their damage that is refused.

TENON_GOLDEN=write makes the golden file anew."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import koedit
from machine import BUILD, HERE, Case, main, script
from koedit import Module

GOLDEN = HERE / "refusals.golden"
USER, PROVIDER = BUILD / "ko/symbols_user.ko", BUILD / "ko/symbols_provider.ko"
TAKE = "_ZN5tenon7symbols11take_ticketEj"
NEW = "_ZnwmRKSt9nothrow_t"
NEED = "requires=symbols_provider>=1.0,<2"
WHERE = "usr/lib/modules/6.1.0-tenon"


def user() -> Module:
    return Module(USER)


def renamed(name: str, need: str) -> Module:
    """A module that needs one thing, by name only."""
    return user().name("symbols_user", name).info(NEED, f"requires={need}") \
        .info("depends=symbols_provider", "depends=")


def neutral(log: str) -> str:
    """Without what differs from build to build."""
    found, keep = [], False
    for line in log.splitlines():
        line = re.sub(r"^\[ *[\d.]+\] ", "", line)
        if line.startswith("== "):
            keep = "end" not in line
            if keep:
                found.append("\n" + line[3:])
        elif keep and "module" in line:
            line = re.sub(r"\b[0-9a-f]{16}\b", "KEY", line)
            line = re.sub(r"\b[0-9a-f]{8}\b", "SUM", line)
            line = re.sub(r"(gcc|clang)-\d+ \w+", "COMPILER PRESET", line)
            if found[-1] != line:  # busybox tries init_module() after finit_module()
                found.append(line)
        elif not keep and re.search(r"module (ring_a|lonely|choosy|absent|ring_b): ", line):
            found.append(line)
    return "\n".join(found) + "\n"


class Refusals(Case):
    def test_each_says_both_sides_and_what_to_do(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            foreign = folder / "foreign.pem"
            koedit.sign.openssl("genpkey", "-algorithm", "ed25519", "-out", foreign)
            modules = {
                "plain": user(), "provider": Module(PROVIDER),
                "version": user().info(NEED, "requires=symbols_provider>=3.0,<4"),
                "checksum": user().record(TAKE, checksum=0x12345678),
                "missing": user().record(TAKE, rename=TAKE[:-2] + "Xj"),
                "missing_in_core": user().record(NEW, rename=NEW[:-1] + "X"),
                "namespace": user().info("import_ns=tenon::symbols", "import_ns=tenon::symbolx"),
                "importer": Module(BUILD / "ktest/ktest_chain_3.ko").name("ktest_chain_3", "xtest_chain_3"),
                "vermagic": user().raw(b"SMP preempt", b"SMP PREEMPT"),
                "headers": user(), "unsigned": user(), "altered": user(), "foreign_key": user(),
                "exports_twice": Module(PROVIDER).name("symbols_provider", "symbols_copy"),
                "ring_a": renamed("ring_a", "ring_b"), "ring_b": renamed("ring_b", "ring_a"),
                "lonely": renamed("lonely", "nowhere>=2"), "choosy": renamed("choosy", "pci>=7"),
            }
            self.change_headers(modules["headers"])
            options = ["--append", "module.sig=enforce"]
            for key, module in modules.items():
                file = module.save(folder / f"{key}.ko",
                                   None if key == "unsigned" else foreign if key == "foreign_key" else koedit.KEY,
                                   "somebody" if key == "foreign_key" else "Tenon build key")
                if key == "altered":
                    data = bytearray(file.read_bytes())
                    data[data.index(b"Takes tickets")] ^= 0x20
                    file.write_bytes(data)
                listed = key in ("ring_a", "ring_b", "lonely", "choosy")
                options += ["--file", f"{file}:/{WHERE}/{key}.ko" if listed else f"{file}:/tests/m/{key}.ko"]
            manifest = folder / "manifest"
            manifest.write_text("".join(f"module {m}\n" for m in (
                "linux", "devfs", "mem", "procfs", "sysfs", "serial", "pty", "acpi", "pci", "absent", "ring_a",
                "lonely", "choosy")) + "init /usr/lib/tenon/init\n")
            options += ["--file", f"{manifest}:/boot/tenon.manifest"]
            done = script("refusals.sh", options=options)
        self.alive(done)
        self.assertEqual(done.stdout, "0\n", done.stdout + done.stderr)
        text = neutral(done.log)
        if os.environ.get("TENON_GOLDEN") == "write":
            GOLDEN.write_text(text)
        self.assertEqual(text, GOLDEN.read_text())

    @staticmethod
    def change_headers(module: Module) -> None:
        """.tenon.abi holds the checksum of the SDK's headers."""
        with tempfile.NamedTemporaryFile() as section:
            subprocess.run(["objcopy", "-O", "binary", "--only-section=.tenon.abi", "--set-section-flags",
                            ".tenon.abi=alloc", USER, section.name], check=True)
            checksum = Path(section.name).read_bytes()[:4]
        at = module.data.rfind(checksum)
        module.data[at:at + 4] = bytes(b ^ 0x5a for b in checksum)


class Parameters(Case):
    def test_writes_are_checked(self):
        victim = BUILD / "ktest/ktest_victim.ko"
        done = script("parameters.sh", options=["--file", f"{victim}:/tests/victim.ko"])
        self.alive(done)
        self.assertEqual(done.stdout, (HERE / "parameters.golden").read_text())


if __name__ == "__main__":
    main()
