#!/usr/bin/env python3
"""Do pkg and dnf choose the same packages?

Makes small rpm-md repositories at random (versions, virtual names, rich and weak relations,
conflicts, obsoletes) and asks both for each name, on an empty root. They must agree whether it can be
installed, and on the set of packages. Exit status 77 when there is no dnf 4 here; nobody installs it
for this.

    dnf_agreement.py PKG_FULL [--rounds N] [--seed S]
"""

import argparse
import gzip
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import dnf
except ImportError:
    sys.exit(77)

COMMON = "http://linux.duke.edu/metadata/common"
RPM = "http://linux.duke.edu/metadata/rpm"
REPO = "http://linux.duke.edu/metadata/repo"
FILELISTS = "http://linux.duke.edu/metadata/filelists"
COMPARISONS = ["EQ", "GE", "LE", "GT", "LT"]
VERSIONS = "123"

Relation = tuple[str, str, str]  # name, comparison or "", version or ""


def relation(draw: random.Random, names: list[str], rich: bool = True) -> Relation:
    kind = draw.random()
    if rich and kind < 0.16:
        operator = "or" if kind < 0.08 else "if" if kind < 0.13 else "and"
        first, second = draw.sample(names, 2)
        return f"({first} {operator} {second})", "", ""
    if kind < 0.45:
        return draw.choice(names), draw.choice(COMPARISONS), draw.choice(VERSIONS)
    return draw.choice(names), "", ""


def entries(draw: random.Random, tag: str, relations: list[Relation]) -> str:
    out = ""
    for name, comparison, version in relations:
        release = ' rel="1"' if comparison and draw.random() < 0.3 else ""
        about = f' flags="{comparison}" epoch="0" ver="{version}"{release}' if comparison else ""
        out += f'<rpm:entry name="{name}"{about}/>'
    return f"<rpm:{tag}>{out}</rpm:{tag}>" if out else ""


def some(draw: random.Random, targets: list[str], one_in: int, rich: bool = True) -> list[Relation]:
    return [relation(draw, targets, rich)] if draw.randrange(one_in) == 0 else []


def package(draw: random.Random, name: str, version: str, digest: str, names: list[str],
            targets: list[str], virtual: list[str]) -> str:
    provides: list[Relation] = [(name, "EQ", version)]
    for other in virtual:
        if draw.random() < 0.1:
            versioned = draw.random() < 0.5
            provides.append((other, "EQ", draw.choice(VERSIONS)) if versioned else (other, "", ""))
    body = entries(draw, "provides", provides)
    needs = [relation(draw, targets) for _ in range(draw.choice([0, 0, 1, 2, 3]))]
    body += entries(draw, "requires", needs)
    body += entries(draw, "conflicts", some(draw, targets, 7, rich=False))
    body += entries(draw, "obsoletes", some(draw, names, 13, rich=False))
    body += entries(draw, "recommends", some(draw, targets, 6))
    body += entries(draw, "supplements", some(draw, targets, 16, rich=False))
    return (f'<package type="rpm"><name>{name}</name><arch>noarch</arch>'
            f'<version epoch="0" ver="{version}" rel="1"/>'
            f'<checksum type="sha256" pkgid="YES">{digest}</checksum><summary>s</summary>'
            f'<description>d</description><packager/><url/><time file="1" build="1"/>'
            f'<size package="100" installed="1" archive="1"/>'
            f'<location href="{name}-{version}.rpm"/><format><rpm:license>x</rpm:license>'
            f"<rpm:sourcerpm>{name}-{version}-1.src.rpm</rpm:sourcerpm>{body}</format></package>\n")


def make_repository(draw: random.Random, folder: Path) -> list[str]:
    """Metadata of packages that nobody has. Their names."""
    names = [f"p{i}" for i in range(draw.randint(8, 30))]
    virtual = [f"v{i}" for i in range(4)]
    targets = names + virtual + (["ghost"] if draw.random() < 0.5 else [])
    primary, filelists, count = "", "", 0
    for name in names:
        for version in draw.sample(VERSIONS, draw.choice([1, 1, 2, 3])):
            digest = hashlib.sha256(f"{name}-{version}".encode()).hexdigest()
            primary += package(draw, name, version, digest, names, targets, virtual)
            filelists += (f'<package pkgid="{digest}" name="{name}" arch="noarch">'
                          f'<version epoch="0" ver="{version}" rel="1"/></package>\n')
            count += 1
    documents = {
        "primary": f'<metadata xmlns="{COMMON}" xmlns:rpm="{RPM}" packages="{count}">{primary}</metadata>',
        "filelists": f'<filelists xmlns="{FILELISTS}" packages="{count}">{filelists}</filelists>',
    }
    data = ""
    (folder / "repodata").mkdir(parents=True)
    for kind, text in documents.items():
        plain = ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode()
        packed = gzip.compress(plain, mtime=0)
        digest = hashlib.sha256(packed).hexdigest()
        (folder / f"repodata/{kind}.xml.gz").write_bytes(packed)
        data += (f'<data type="{kind}"><checksum type="sha256">{digest}</checksum>'
                 f'<open-checksum type="sha256">{hashlib.sha256(plain).hexdigest()}</open-checksum>'
                 f'<location href="repodata/{kind}.xml.gz"/><timestamp>1</timestamp>'
                 f"<size>{len(packed)}</size><open-size>{len(plain)}</open-size></data>")
    (folder / "repodata/repomd.xml").write_text(
        f'<?xml version="1.0"?><repomd xmlns="{REPO}" xmlns:rpm="{RPM}"><revision>1</revision>'
        f"{data}</repomd>")
    return names


def dnf_answer(folder: Path, root: Path, name: str, weak: bool) -> list[str] | None:
    base = dnf.Base()
    base.conf.installroot = str(root)
    base.conf.cachedir = str(root / "dnf")
    base.conf.install_weak_deps = weak
    base.conf.substitutions["releasever"] = "40"
    base.conf.gpgcheck = False
    base.conf.pluginpath = []
    base.conf.best = False  # dnf's own default
    base.repos.add_new_repo("test", base.conf, baseurl=[f"file://{folder}"])
    base.fill_sack(load_system_repo=False)
    try:
        base.install(name)
        base.resolve()
        return sorted(f"{p.name}-{p.version}" for p in base.transaction.install_set)
    except dnf.exceptions.Error:
        return None
    finally:
        base.close()


def pkg_answer(pkg: str, root: Path, name: str, weak: bool) -> list[str] | None:
    options = [] if weak else ["--no-recommends"]
    run = subprocess.run([pkg, "--root", root, "--json", "--dry-run", *options, "install", name],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    answer = json.loads(run.stdout)
    if not answer["ok"]:
        return None
    return sorted(f"{c['package']}-{c['after'].rsplit('-', 1)[0]}" for c in answer.get("plan", []))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pkg")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    asked = possible = different = 0
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as work:
            folder, root = Path(work) / "repository", Path(work) / "root"
            (root / "etc/yum.repos.d").mkdir(parents=True)
            (root / "etc/os-release").write_text("ID=fedora\nVERSION_ID=40\n")
            (root / "etc/yum.repos.d/test.repo").write_text(
                f"[test]\nbaseurl=file://{folder}\ngpgcheck=0\n")
            names = make_repository(draw, folder)
            subprocess.run([args.pkg, "--root", root, "update"], check=True,
                           stdout=subprocess.DEVNULL)
            for name in names:
                weak = draw.random() < 0.5
                theirs = dnf_answer(folder, root, name, weak)
                ours = pkg_answer(args.pkg, root, name, weak)
                asked += 1
                possible += theirs is not None
                if theirs != ours:
                    different += 1
                    print(f"round {number}, {name}, weak {weak}: dnf {theirs}, pkg {ours}")
    print(f"{asked} asked, {possible} can be installed, {different} answers differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
