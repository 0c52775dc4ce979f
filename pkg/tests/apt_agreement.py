#!/usr/bin/env python3
"""Do pkg and apt agree on what can be installed?

Draws packages at random from the machine's own apt lists and asks both, on an empty root. They must
agree whether each can be installed; how often they choose the same set is told, too, and judged by
nobody. Exit status 77 when the machine has no lists.

    apt_agreement.py PKG [--count N] [--seed S] [--together K]
"""

import argparse
import glob
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CAT = ["/usr/lib/apt/apt-helper", "cat-file"]
LISTS = "/var/lib/apt/lists"


def make_root(work: Path) -> list[str]:
    """A root whose sources hold what apt's lists hold. The names of all packages."""
    names = set()
    lines = []
    for number, file in enumerate(sorted(glob.glob(f"{LISTS}/*_binary-amd64_Packages*"))):
        folder = work / f"repository{number}"
        folder.mkdir()
        text = subprocess.run([*CAT, file], stdout=subprocess.PIPE, check=True).stdout
        (folder / "Packages").write_bytes(text)
        names.update(re.findall(rb"^Package: (\S+)$", text, re.MULTILINE))
        lines.append(f"deb [trusted=yes] file:{folder} ./\n")
    (work / "root/etc/apt").mkdir(parents=True)
    (work / "root/etc/apt/sources.list").write_text("".join(lines))
    return sorted(n.decode() for n in names)


def apt(work: Path, wanted: list[str]) -> tuple[bool, set[str], str]:
    (work / "apt/archives/partial").mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    settings = {"Dir::State::status": work / "status", "Dir::Cache": work / "apt",
                "Dir::State::extended_states": work / "extended", "Debug::NoLocking": "1",
                "APT::Sandbox::User": "", "APT::Architecture": "amd64",
                "APT::Install-Recommends": "1", "Dir::Etc::preferences": "/dev/null",
                "Dir::Etc::preferencesparts": "/dev/null"}
    argv = ["apt-get", "-s", "-q", "install"]
    for key, value in settings.items():
        argv += ["-o", f"{key}={value}"]
    result = subprocess.run([*argv, *wanted], capture_output=True, text=True,
                            env=dict(os.environ, LC_ALL="C"))
    chosen = set(re.findall(r"^Inst (\S+) \((\S+)", result.stdout, re.MULTILINE))
    return result.returncode == 0, {f"{n} {v}" for n, v in chosen}, result.stdout + result.stderr


def pkg(program: str, work: Path, wanted: list[str]) -> tuple[bool, set[str], str]:
    result = subprocess.run([program, "--root", work / "root", "--dry-run", "install", *wanted],
                            capture_output=True, text=True)
    chosen = set()
    for line in result.stdout.splitlines():
        if line.startswith("To install: "):
            chosen = set(line.removeprefix("To install: ").split(", "))
    return result.returncode == 0, chosen, result.stdout + result.stderr


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--together", type=int, default=1, help="so many packages a question")
    options = parser.parse_args()
    if not glob.glob(f"{LISTS}/*_binary-amd64_Packages*") or not os.path.exists(CAT[0]):
        print("this machine has no apt lists")
        return 77
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    generator = random.Random(seed)
    differ = same = impossible = 0
    seconds = {"apt": 0.0, "pkg": 0.0}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        names = make_root(work)
        subprocess.run([options.program, "--root", work / "root", "update"], check=True,
                       stdout=subprocess.DEVNULL)
        for asked in range(options.count):
            if asked and asked % 20 == 0:
                print(f"{asked} asked, {differ} differ, {impossible} impossible", flush=True)
            wanted = generator.sample(names, options.together)
            began = time.monotonic()
            theirs = apt(work, wanted)
            middle = time.monotonic()
            ours = pkg(options.program, work, wanted)
            seconds["apt"] += middle - began
            seconds["pkg"] += time.monotonic() - middle
            if theirs[0] != ours[0]:
                differ += 1
                print(f"{wanted}: apt says {theirs[0]}, pkg says {ours[0]}")
                print(theirs[2][-1500:], ours[2][-1500:], sep="\n---\n", flush=True)
            elif not theirs[0]:
                impossible += 1
            elif theirs[1] == ours[1]:
                same += 1
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{options.count} questions: {differ} answered differently; {impossible} impossible, "
          f"{same} with the same set; apt {seconds['apt']:.1f} s, pkg {seconds['pkg']:.1f} s; "
          f"peak memory of either {peak_kib >> 10} MiB")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
