#!/usr/bin/env python3
"""The arrows of the house: who may include whom, where assembly may stand, what the core may name.

    modules -> core/include/tenon only      (and interface headers that another module installs)
    core    -> no module, no Linux structure
    only core/arch holds assembly and machine names
    pkg, userland -> neither core nor modules;   tests -> anything;   nothing -> tests
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
ASSEMBLY = re.compile(r"\b(?:asm|__asm__|__asm)\b\s*(?:volatile|goto|inline)?\s*\(")
MACHINE = re.compile(r"\b(?:x86_64|aarch64|cpuid|rdmsr|wrmsr|lapic|ioapic)\b", re.IGNORECASE)
LINUX_HEADER = re.compile(r"^(?:linux|asm|asm-generic|sys|bits)/")
# Interface headers that a providing module installs for others live in a folder of this name.
INTERFACE = re.compile(r"^modules/.+/include/")
CORE_LINES = 25000  # where core/ shall come to
CORE_LINES_NOW = 35889  # a ratchet: what it may not pass meanwhile; lower it with each step


def sources() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split()
    return [Path(n) for n in names if n.endswith((".h", ".cpp", ".S")) and (ROOT / n).exists()]


def layer(path: Path) -> str:
    parts = path.parts
    if parts[:2] == ("core", "arch"):
        return "arch"
    return parts[0]


def strip_comments(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def check(path: Path) -> list[str]:
    found = []
    where = layer(path)
    code = strip_comments((ROOT / path).read_text(errors="replace"))
    for number, line in enumerate(code.splitlines(), 1):
        def complain(what: str) -> None:
            found.append(f"{path}:{number}: {what}")

        match = INCLUDE.match(line)
        target = match.group(1) if match else ""
        if target.startswith("tests/") and where != "tests":
            complain("nothing includes tests")
        if where in ("core", "arch"):
            if target.startswith("modules/"):
                complain("the core names no module")
            if LINUX_HEADER.match(target):
                complain("no Linux header in the core")
        if where == "core" and target.startswith("core/arch/"):
            complain("generic code reaches the machine through <tenon/arch/...> only")
        if where == "core" and not str(path).startswith("core/include/tenon/arch") and MACHINE.search(line) \
                and "Spec:" not in line:
            complain("a machine name outside core/arch")
        if where == "modules":
            if target.startswith("core/"):
                complain("a module includes <tenon/...> only")
            # Terminals get their ioctls raw; key codes are those that virtio's input devices send.
            if LINUX_HEADER.match(target) and not str(path).startswith(
                    ("modules/personality/linux", "modules/tty", "modules/input")):
                complain("Linux structures belong to modules/personality/linux")
        if where in ("pkg", "userland") and target.startswith(("tenon/", "core/", "modules/")):
            complain("a program does not include the kernel")
        if where in ("core", "modules") and path.suffix != ".S" and ASSEMBLY.search(line):
            complain("assembly outside core/arch")
    return found


def main() -> int:
    files = sources()
    problems = [p for f in files for p in check(f)]
    core = sum(len((ROOT / f).read_text(errors="replace").splitlines()) for f in files if f.parts[0] == "core")
    if core > CORE_LINES_NOW:
        problems.append(f"core/ has {core} lines; it had {CORE_LINES_NOW}, and shall come to {CORE_LINES}")
    for p in problems:
        print(p)
    print(f"{len(files)} files, core {core} lines (shall come to {CORE_LINES}), {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
