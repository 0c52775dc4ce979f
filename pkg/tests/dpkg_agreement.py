#!/usr/bin/env python3
"""Do pkg and dpkg leave the same root and the same database behind, with real Debian packages?

  dpkg_agreement.py PKG --cache DIR [--count 300] [--seed N] [--from I] [--to J] [--only NAME...]
  dpkg_agreement.py PKG --cache DIR --archives DIR   with what .debs DIR holds, and no network

Each package goes through its life in two roots, once with each tool: an older version is installed (the
one of another suite where there are two, else one that is made of the package itself), the administrator
changes a configuration file, the version of the index replaces it, files are damaged and looked for with
--verify, the package is removed, then purged. After each step everything that differs from the common base root
is compared: names, types, modes, owners, link targets, devices, hard links, contents, times, and dpkg's
database, byte by byte; exit statuses, too. Maintainer scripts run, in a chroot of namespaces of its own.

What two runs of dpkg itself disagree on (random keys, times in files that scripts write) is told and
not judged. Exit status 77 when this machine cannot do it.
"""

import argparse
import difflib
import hashlib
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from agreement import packages, roots  # noqa: E402

SEED = 1993
STEPS = ("install", "upgrade", "verify", "remove", "purge")
# The root's packages beside the essential ones, for scripts to have what most of them call.
LONG_BASE = ["adduser", "ca-certificates", "debconf", "init-system-helpers", "install-info", "man-db",
             "openssl", "perl", "python3", "systemd", "ucf", "usr-is-merged"]
SMALL_BASE = ["usr-is-merged", "init-system-helpers", "debconf", "mawk"]

# What cannot be the same in both roots, each with its reason; a directory stands for all in it.
EXCLUDED = {
    "/var/log": "lines with the time of day",
    "/var/lib/dpkg/status-old": "status before the last fold; pkg folds once a checkpoint",
    "/var/lib/dpkg/lock": "a lock, empty",
    "/var/lib/dpkg/lock-frontend": "a lock, empty",
    "/var/lib/dpkg/triggers/Lock": "a lock, empty",
    "/var/lib/pkg": "pkg's own",
    "/var/cache/ldconfig/aux-cache": "inode numbers and times of change",
    "/proc": "a mount point of ours",
}


def excluded(path: str) -> bool:
    return any(path == e or path.startswith(e + "/") for e in EXCLUDED)


class Life:
    """One package's five steps with one tool."""

    def __init__(self, tool: str, program: str, base: Path, work: Path, plan: dict):
        self.tool, self.program, self.plan = tool, program, plan
        self.overlay = roots.Overlay(base, work, tool)
        self.began = time.time() - 1
        self.status: dict[str, int] = {}
        self.said: dict[str, str] = {}
        self.views: dict[str, dict[str, str]] = {}
        self.databases: dict[str, str] = {}
        self.refused = False
        try:
            for step in STEPS:
                self._step(step)
                if step == "install" and self.status[step] and self._refused():
                    break
        finally:
            self.overlay.close()

    def _step(self, step: str) -> None:
        name, root = self.plan["name"], self.overlay.root
        if step == "verify":
            self._damage()
        if step == "purge" and f"\nPackage: {name}\n" not in "\n" + self._database():
            # Nothing was left to purge, so it goes from what is installed.
            self._run("install", [self.plan["new"]])
        files = {"install": [self.plan["old"]], "upgrade": [self.plan["new"]]}
        if step == "remove":
            self._block()
        self.status[step], self.said[step] = self._run(step, files.get(step, [name]))
        if self.plan["tamper"] and self.tool == "pkg" and step == "install":
            (root / "usr/share/doc").chmod(0o750)
        self.views[step] = self.overlay.changed(self.began)
        self.databases[step] = self._database()
        if step in ("remove", "purge") and self.status[step]:
            self._forget_wish(step)
        if step == "install":
            self._administer(root)

    def _forget_wish(self, step: str) -> None:
        """Of a package that has to be installed again before it may go: dpkg notes the wish, then refuses; pkg refuses."""
        marked = rf"(Package: {re.escape(self.plan['name'])}\nStatus: )\S+ (reinstreq )"
        text = re.sub(marked, r"\1deinstall \2", self.databases[step])
        if re.search(marked, text):
            self.views[step]["/var/lib/dpkg/status"] = hashlib.sha256(text.encode()).hexdigest()

    def _refused(self) -> bool:
        """Whether a conflict kept the package out altogether. What dpkg leaves of it then is dropped: it notes the wish
        before it looks, pkg looks at all before it notes anything."""
        stanzas = self.databases["install"].split("\n\n")
        ours = [s for s in stanzas if s.lstrip().startswith(f"Package: {self.plan['name']}\n")]
        if any(not re.search(r"^Status: .* not-installed$", s, re.MULTILINE) for s in ours):
            return False
        left = "\n\n".join(s for s in stanzas if s not in ours)
        self.views["install"]["/var/lib/dpkg/status"] = hashlib.sha256(left.strip().encode()).hexdigest()
        self.refused = True
        return True

    def _database(self) -> str:
        return (self.overlay.root / "var/lib/dpkg/status").read_text()

    def _run(self, step: str, words: list) -> tuple[int, str]:
        theirs = {"install": "-i", "upgrade": "-i", "verify": "-V", "remove": "-r", "purge": "-P"}
        ours = {"install": ["install"], "upgrade": ["install"], "verify": ["verify"], "remove": ["remove"],
                "purge": ["--purge", "remove"]}
        force = ["--force-depends"]
        if step in ("install", "upgrade"):
            force.append(f"--force-conf{self.plan['conffiles']}")
        root = f"--root={self.overlay.root}"
        if self.tool == "pkg":
            return roots.run([self.program, root, *force, *ours[step], *words])
        return roots.run(["dpkg", root, *force, "--force-unsafe-io", theirs[step], *words])

    def _administer(self, root: Path) -> None:
        """What the user does between the versions; the same in each root."""
        choose = random.Random(self.plan["seed"])
        there = [c for c in self.plan["conffiles_old"] if (root / c[1:]).is_file()]
        if not there:
            return
        path = root / choose.choice(there)[1:]
        what = choose.choice(("nothing", "edit", "edit", "mode", "delete"))
        if what == "edit":
            with open(path, "ab") as f:
                f.write(b"# here\n")
        elif what == "mode":
            path.chmod(0o600)
        elif what == "delete":
            path.unlink()

    def _damage(self) -> None:
        """Deletes, writes to, chmods and replaces files of the package."""
        choose = random.Random(self.plan["seed"] + " damage")
        lists = sorted((self.overlay.root / "var/lib/dpkg/info").glob(f"{self.plan['name']}[.:]*list"))
        paths = lists[0].read_text().splitlines() if lists else []
        files = [self.overlay.root / p[1:] for p in paths]
        files = sorted(f for f in files if f.is_file() and not f.is_symlink())
        choose.shuffle(files)
        for f in files[:1]:
            f.unlink()
        for f in files[1:3]:
            with open(f, "ab") as out:
                out.write(b"damaged\n")
        for f in files[3:4]:
            f.chmod(0o640)
        for f in files[4:5]:
            f.unlink()
            f.symlink_to("nowhere")
        for f in files[5:6]:
            f.rename(f"{f}.aside")
            f.symlink_to(f"{f.name}.aside")


    def _block(self) -> None:
        """A directory in the place of a file; dpkg's --verify ends at one."""
        lists = sorted((self.overlay.root / "var/lib/dpkg/info").glob(f"{self.plan['name']}[.:]*list"))
        files = [self.overlay.root / p[1:] for p in (lists[0].read_text().splitlines() if lists else [])]
        files = sorted(f for f in files if f.is_file() and not f.is_symlink())
        if files:
            path = random.Random(self.plan["seed"] + " block").choice(files)
            path.unlink()
            path.mkdir()


def differences(a: Life, b: Life, base: Path, step: str) -> dict[str, tuple[str, str]]:
    """Path to what it is in either root. Exit statuses and verify's lines are paths of their own kind."""
    out = {}
    if step not in a.views or step not in b.views:
        return {} if a.refused and b.refused else {"refused": (str(a.refused), str(b.refused))}
    first, second = a.views[step], b.views[step]
    for path in first.keys() | second.keys():
        if excluded(path):
            continue
        one, two = (v[path] if path in v else roots.describe_base(base, path, a.began)
                    for v in (first, second))
        if one != two:
            out[path] = (one, two)
    # dpkg --verify ends well whatever it finds; pkg verify fails when it finds something.
    if a.status[step] != b.status[step] and step != "verify":
        out["exit status"] = (str(a.status[step]), str(b.status[step]))
    if step == "verify":
        lines = [sorted(l for l in x.said[step].splitlines() if " /" in l and not l.startswith(("pkg:", "dpkg")))
                 for x in (a, b)]
        if lines[0] != lines[1]:
            out["lines of verify"] = (str(lines[0]), str(lines[1]))
    return out


def explain(found: dict[str, tuple[str, str]], ours: Life, theirs: Life, step: str) -> None:
    for path, (one, two) in sorted(found.items())[:12]:
        print(f"    {path}\n      pkg  {one}\n      dpkg {two}")
    if "/var/lib/dpkg/status" in found and step in ours.databases and step in theirs.databases:
        lines = difflib.unified_diff(theirs.databases[step].splitlines(), ours.databases[step].splitlines(),
                                     "dpkg", "pkg", lineterm="", n=2)
        print("\n".join("      " + l for l in list(lines)[:40]))
    if "exit status" in found:
        print("      pkg:  " + ours.said[step][-700:].replace("\n", "\n        "))
        print("      dpkg: " + theirs.said[step][-700:].replace("\n", "\n        "))


def reason(said: str) -> str:
    """The last line that is pkg's own."""
    return next((l for l in reversed(said.splitlines()) if l.startswith("pkg: ")), "")[5:200]


def plan_of(name: str, debs: list[Path], work: Path, seed: int) -> dict:
    """Which two versions, and what is done between them."""
    new = debs[-1]
    older = packages.Older(new, work, f"{seed} {name}")
    conffiles = older.conffiles()
    old, kind = (debs[0], "suites") if len(debs) > 1 else (older.make(), "made")
    if kind == "made":
        conffiles = [*conffiles, f"/etc/{name}.older.conf"]
    choose = random.Random(f"{seed} {name} policy")
    return {"name": name, "old": old, "new": new, "kind": kind, "seed": f"{seed} {name}",
            "conffiles_old": conffiles, "conffiles": choose.choice(("old", "new"))}


def compare(plan: dict, program: str, base: Path, work: Path, tally: Counter, verbose: bool) -> bool:
    theirs = Life("dpkg", program, base, work, plan)
    ours = Life("pkg", program, base, work, plan)
    found = {step: differences(ours, theirs, base, step) for step in STEPS}
    if any(found.values()):
        again = Life("dpkg", program, base, work, plan)
        for step in STEPS:
            for path in differences(again, theirs, base, step):
                if found[step].pop(path, None):
                    tally["disagreements of dpkg with itself"] += 1
                    print(f"  {plan['name']}: {step}: dpkg itself: {path}")
    good = True
    for step in STEPS:
        if step not in ours.status or step not in theirs.status:
            tally["refused by both: a conflict with the base"] += step == STEPS[-1]
        elif ours.status[step] and theirs.status[step] and step != "verify":
            tally[f"{step}: failed with both tools (a script, an overwritten file)"] += 1
            print(f"  {plan['name']}: {step} fails with both: {reason(ours.said[step])}")
        if not found[step]:
            tally[f"{step}: equal"] += 1
            continue
        good = False
        print(f"  {plan['name']}: {step}: {len(found[step])} differences")
        explain(found[step], ours, theirs, step)
    if verbose:
        for step in ours.status.keys() & theirs.status.keys():
            print(f"--- {step}: pkg {ours.status[step]}\n{ours.said[step]}"
                  f"--- {step}: dpkg {theirs.status[step]}\n{theirs.said[step]}")
    tally["packages"] += 1
    tally[f"older version {plan['kind']}"] += 1
    return good


def small_draw(archives: Path, count: int, seed: int) -> tuple[list[Path], list[tuple[str, list[Path]]]] | None:
    """The base's files and the packages, of what is there: no network is asked."""
    there = {packages.control(d, "Package"): d for d in sorted(archives.glob("*.deb"))}
    # Essential, and what these need, by their own fields.
    wanted = list(SMALL_BASE) + [n for n, d in there.items() if packages.control(d, "Essential") == "yes"]
    base: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in base:
            continue
        if name not in there:
            return None
        base.add(name)
        for field in ("Depends", "Pre-Depends"):
            for group in packages.control(there[name], field).split(","):
                names = [a.split()[0].split(":")[0] for a in group.split("|") if a.strip()]
                if names and not set(names) & base:
                    wanted += [n for n in names if n in there][:1]
    size = {n: d.stat().st_size for n, d in there.items()}
    names = sorted(n for n in there if n not in base and size[n] < 1 << 20)
    random.Random(seed).shuffle(names)
    return [there[n] for n in sorted(base)], [(n, [there[n]]) for n in names[:count]]


def long_draw(cache: Path, count: int, seed: int) -> tuple[list[Path], list[tuple[str, list[Path]]]] | None:
    known = packages.index()
    if not known:
        return None
    essential = packages.closure([*LONG_BASE, *(n for n, e in known.items() if e["essential"])], cache / "base")
    without = {packages.control(d, "Package") for d in essential}
    names = packages.draw(known, count, seed, without)
    packages.fetch(cache / "drawn", [(n, v) for n in names for v in known[n]["versions"][-2:]])
    chosen = []
    for name in names:
        files = [packages.stored(cache / "drawn", name, v) for v in known[name]["versions"][-2:]]
        chosen.append((name, [f for f in files if f]))
    return essential, chosen


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cache", type=Path, required=True, help="where packages and the base root are kept")
    parser.add_argument("--archives", type=Path, help="a directory of .debs to draw from")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--from", type=int, default=0, dest="first", help="of the draw, from this number on")
    parser.add_argument("--to", type=int, help="and before this one")
    parser.add_argument("--only", nargs="*", help="of the draw, these")
    parser.add_argument("--tamper", action="store_true", help="spoil pkg's roots: has to be seen")
    parser.add_argument("--verbose", action="store_true", help="what the tools say")
    args = parser.parse_args()
    if not roots.possible():
        print("needs root's rights, unshare, setpriv, dpkg and apt-get")
        return 77
    args.cache = args.cache.absolute()  # apt takes other names to be below its own directories
    args.cache.mkdir(parents=True, exist_ok=True)
    drawn = (small_draw(args.archives, args.count, args.seed) if args.archives
             else long_draw(args.cache, args.count, args.seed)) if not roots.enclosed() else roots.passed_on()
    if not drawn:
        print("the packages are not there")
        return 77
    roots.enclose(drawn)
    essential, chosen = drawn
    tally: Counter = Counter()
    failed = []
    with roots.in_memory() as work:
        base = roots.make_base(args.cache / ("small" if args.archives else "long"), essential)
        for number, (package, debs) in enumerate(chosen):
            if number < args.first or (args.to is not None and number >= args.to):
                continue
            if args.only and package not in args.only:
                continue
            if not debs:
                tally["could not be downloaded"] += 1
                print(f"  {package} could not be downloaded")
                continue
            plan = plan_of(package, debs, work, args.seed) | {"tamper": args.tamper}
            if not compare(plan, args.program, base, work, tally, args.verbose):
                failed.append(package)
            if plan["kind"] == "made":
                plan["old"].unlink()
            sys.stdout.flush()
    for what, number in sorted(tally.items()):
        print(f"{number:5} {what}")
    if failed:
        print(f"different: {' '.join(failed)}")
    return 1 if failed or not tally["packages"] else 0


if __name__ == "__main__":
    sys.exit(main())
