#!/usr/bin/env python3
"""The installation of many packages, side by side: bsdtar without any sync, pkg, dpkg.

  pkg/tests/speed.py PKG FILE.deb... [--count 70] [--rounds 3]

The first COUNT packages without maintainer scripts (which an empty root could not run) go into an
empty root each, with each tool in turn; the rounds are mixed, and each tool's best round counts, by the
clock and, which a busy machine changes less, by processor time. The page cache is warm for all. A
measurement, not a test: it fails for nothing.
"""

import argparse
import itertools
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

SCRIPTS = {"./preinst", "./postinst", "./prerm", "./postrm"}


def has_scripts(deb: str) -> bool:
    control = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb], capture_output=True, check=True).stdout
    names = subprocess.run(["tar", "t"], input=control, capture_output=True, check=True).stdout
    return bool(SCRIPTS & set(names.decode().split()))


def with_bsdtar(root: pathlib.Path, debs: list[str]) -> None:
    for deb in debs:
        member = next(m for m in subprocess.run(["ar", "t", deb], capture_output=True, text=True).stdout.split()
                      if m.startswith("data.tar"))
        outer = subprocess.Popen(["bsdtar", "-xOf", deb, member], stdout=subprocess.PIPE)
        subprocess.run(["bsdtar", "-xpf", "-", "-C", str(root)], stdin=outer.stdout, check=True)
        outer.wait()


def processor_time() -> float:
    """Seconds, of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("pkg")
    parser.add_argument("debs", nargs="+")
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", help="where the roots are made; its file system is what is measured")
    args = parser.parse_args()
    if os.geteuid() or not shutil.which("bsdtar"):
        print("needs root's rights, dpkg and bsdtar (libarchive-tools)")
        return 77
    debs = list(itertools.islice((d for d in sorted(args.debs) if not has_scripts(d)), args.count))
    size = sum(os.stat(d).st_size for d in debs)
    print(f"{len(debs)} packages, {size / 1e6:.0f} MB")

    def install_with(command: list[str]):
        def run(root: pathlib.Path, files: list[str]) -> None:
            made = root / "var/lib/dpkg"
            for d in ("info", "updates", "triggers"):
                (made / d).mkdir(parents=True)
            (made / "status").touch()
            (made / "available").touch()
            done = subprocess.run([command[0], f"--root={root}", *command[1:], *files], capture_output=True,
                                  text=True)
            if done.returncode:
                sys.exit(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return run

    tools = {"bsdtar, no sync": with_bsdtar,
             "pkg install": install_with([args.pkg, "--force-depends", "install"]),
             "dpkg -i": install_with(["dpkg", "--force-all", "-i"])}
    best: dict[str, float] = {}
    work: dict[str, float] = {}
    # Nothing is deleted before the end: for minutes ext4 gives the inodes of deleted files to nobody, and
    # looks at each of them again for each new file, which can take half of a run. A file system on which
    # others delete files is no place to measure; --dir can name a fresh one.
    with tempfile.TemporaryDirectory(dir=args.dir) as roots:
        for turn in range(args.rounds):
            for name, tool in tools.items():
                root = pathlib.Path(roots) / f"{name[:3]}{turn}"
                root.mkdir()
                os.sync()
                before, began = processor_time(), time.monotonic()
                tool(root, debs)
                best[name] = min(best.get(name, 1e9), time.monotonic() - began)
                work[name] = min(work.get(name, 1e9), processor_time() - before)
    floor, least = best["bsdtar, no sync"], work["bsdtar, no sync"]
    for name, seconds in best.items():
        print(f"{name:16} {seconds:6.2f} s  {seconds / floor:5.2f} of bsdtar;"
              f" processor {work[name]:6.2f} s  {work[name] / least:5.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
