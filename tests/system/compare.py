#!/usr/bin/env python3
"""Runs shell cases and C programs under Linux and under Tenon and compares what they say."""

import argparse
import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))

from tenon import apt, debian, kernels, paths, roots, run as run_verb  # noqa: E402
from tenon.errors import TenonError  # noqa: E402
from tenon.guest import Guest, GuestTimeout  # noqa: E402
from tenon.options import Options, memory  # noqa: E402

import repository  # noqa: E402

PROGRAMS = "/usr/lib/tenon-tests"
CASE_TIMEOUT_S = 180
OWN_TIMEOUT = re.compile(r"^# timeout (\d+)$", re.M)  # seconds, in a case that takes longer
KEYS_ON = "modules cannot write core data"
CACHE = paths.ROOT / "build" / "cache" / "oracle"
# Tenon has four levels of page tables; so has Linux here, or user space would end elsewhere.
SAME_MACHINE = {"linux": "no5lvl", "tenon": ""}
CFLAGS = ["-O1", "-g0", "-static", "-pthread", "-w", "-D_GNU_SOURCE"]


class Case:
    """One thing to run: its name, what to type, and the text that decides whether a cached answer holds."""

    def __init__(self, name: str, argv: list[str], source: bytes, timeout_s: int = CASE_TIMEOUT_S):
        self.name, self.argv, self.source, self.timeout_s = name, argv, source, timeout_s


def compile_program(source: Path) -> Path:
    out = paths.ROOT / "build" / "tests" / "programs" / source.stem
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", *CFLAGS, "-o", str(out), str(source)], check=True)
    return out


def words(file: Path) -> list[str]:
    """The words of a list with comments; none when there is no such file."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [word for line in lines for word in line.partition("#")[0].split()]


def package_files(suite: str) -> list[str]:
    """`debs-in-root` names packages that lie in the root as /NAME.deb, to be installed by a case, `repository-in-root`
    those of a signed repository with all that they need, and `sources-in-root` Debian source packages, whose upstream
    tarball lies there as /NAME.orig.tar."""
    files = [f"{apt.source(name)}:/{name}.orig.tar" for name in words(HERE / "cases" / suite / "sources-in-root")]
    for name in words(HERE / "cases" / suite / "debs-in-root"):
        found = [f for f in apt.resolve([name]) if f.name.startswith(name + "_")]
        files.append(f"{found[0]}:/{name}.deb")
    if offered := words(HERE / "cases" / suite / "repository-in-root"):
        files.append(f"{repository.made(offered)}:{repository.PLACE}")
    return files


def corpus_files(suite: str) -> list[str] | None:
    """`corpora-in-root`: a file or folder of shared/corpora, and where it lies in the root. None: there are no corpora."""
    lines = words(HERE / "cases" / suite / "corpora-in-root")
    corpora = Path(os.environ.get("TENON_CORPORA", paths.ROOT.parent / "shared" / "corpora"))
    pairs = [line.split(":") for line in lines]
    return [f"{corpora / a}:{b}" for a, b in pairs] if all((corpora / a).exists() for a, _ in pairs) else None


def built_rpms(suite: str) -> list[str] | None:
    """`rpms-in-root`: SPEC:VERSION, a spec file beside it that rpmbuild gets VERSION for as %{wanted}; what comes of it lies
    in the root as /rpm/NAME-VERSION-RELEASE.ARCH.rpm. The same bytes each time. None: there is no rpmbuild."""
    wanted = words(HERE / "cases" / suite / "rpms-in-root")
    if wanted and not shutil.which("rpmbuild"):
        return None
    files = []
    for word in wanted:
        spec, _, version = word.partition(":")
        top = paths.ROOT / "build" / "tests" / "rpm" / suite / f"{Path(spec).stem}-{version}"
        shutil.rmtree(top, ignore_errors=True)
        defines = {"_topdir": top, "_sourcedir": HERE / "cases" / suite, "wanted": version, "_buildhost": "localhost",
                   "use_source_date_epoch_as_buildtime": 1, "clamp_mtime_to_source_date_epoch": 1}
        argv = ["rpmbuild", "-bb", "--quiet"]
        for name, value in defines.items():
            argv += ["--define", f"{name} {value}"]
        subprocess.run([*argv, str(HERE / "cases" / suite / spec)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"})
        files += [f"{rpm}:/rpm/{rpm.name}" for rpm in sorted(top.glob("RPMS/*/*.rpm"))]
    return files


def script_text(script: Path) -> str:
    """A case's script; a line `#include NAME.inc` stands for the file cases/NAME.inc, which cases share.

    A case may hold C: `#include <...>` and `#include "..."` stay as they are.
    """
    return re.sub(r"^#include (\w+\.inc)\n", lambda m: (HERE / "cases" / m[1]).read_text(), script.read_text(),
                  flags=re.M)


def collect(suite: str, shell: str, wanted: list[str]) -> tuple[list[Case], list[str]]:
    cases, files = [], package_files(suite)
    for script in sorted((HERE / "cases" / suite).glob("*.sh")):
        text = script_text(script)
        own = OWN_TIMEOUT.search(text)
        cases.append(Case(f"{suite}/{script.stem}", [shell, "-c", text], text.encode(),
                          int(own[1]) if own else CASE_TIMEOUT_S))
    each = HERE / "cases" / suite / "one.inc"
    for word in words(HERE / "cases" / suite / "modules"):
        name, _, seconds = word.partition(":")
        timeout_s = int(seconds or 900)
        text = f"module={name} seconds={timeout_s}\n{each.read_text()}"
        cases.append(Case(f"{suite}/{name}", [shell, "-c", text], text.encode(), timeout_s))
    if suite == "minimal":
        for source in sorted((HERE / "programs").glob("*.c")):
            cases.append(Case("c/" + source.stem, [f"{PROGRAMS}/{source.stem}"], source.read_bytes()))
    if wanted:
        cases = [c for c in cases if
                 any(fnmatch.fnmatch(c.name, w) or c.name == f"{suite}/{w}" for w in wanted)]
    for case in cases:
        if case.name.startswith("c/"):
            binary = compile_program(HERE / "programs" / (case.name[2:] + ".c"))
            files.append(f"{binary}:{case.argv[0]}")
    return cases, files


def deviations() -> list[tuple[str, re.Pattern]]:
    rules = []
    for line in (HERE / "deviations").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        case, pattern, reason = re.split(r"\s{2,}", line.strip(), maxsplit=2)
        if not reason.startswith("#"):
            raise SystemExit(f"deviations: {line!r} gives no reason")
        rules.append((case, re.compile(pattern.encode())))
    return rules


def pending() -> set[str]:
    lines = (HERE / "pending").read_text().splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def filtered(name: str, text: bytes, rules) -> bytes:
    drop = [p for glob, p in rules if fnmatch.fnmatch(name, glob)]
    return b"\n".join(l for l in text.split(b"\n") if not any(p.fullmatch(l) for p in drop))


class Runner:
    """Boots a kernel when the first case asks for it; boots again after one that killed or hung it."""

    def __init__(self, options: Options):
        self.options, self.guest = options, None
        self.config = None

    def answer(self, case: Case) -> dict:
        try:
            if self.guest is None:
                self.config = self.config or run_verb.prepare(self.options)
                self.guest = Guest(self.config)
                self.guest.start()
            r = self.guest.run(case.argv, timeout=case.timeout_s)
            return {"status": r.status, "stdout": r.stdout.hex(), "stderr": r.stderr.hex()}
        except (GuestTimeout, TenonError) as error:
            self.stop(clean=False)
            detail = getattr(error, "detail", "")
            return {"status": -1, "stdout": "", "stderr": f"{error}\n{detail}".encode().hex()}

    def stop(self, clean: bool = True) -> None:
        if self.guest is not None:
            self.guest.close(clean=clean)
        self.guest = None


def root_name(options: Options) -> str:
    base = roots.base_layer(options)
    return base.name if isinstance(base, Path) else ""  # a cached layer is named by its content


def oracle_key(options: Options, root: str, case: Case) -> str:
    text = json.dumps([options.profile, options.debs, root, options.smp, options.append,
                       kernels.linux().name, case.argv[:1]])
    return hashlib.sha256(text.encode() + case.source).hexdigest()[:32]


def show(label: str, answer: dict) -> str:
    out = bytes.fromhex(answer["stdout"]).decode(errors="replace")
    err = bytes.fromhex(answer["stderr"]).decode(errors="replace")
    return f"--- {label}: status {answer['status']}\n{out}" + (f"--- {label} stderr\n{err}" if err else "")


def difference(case: Case, linux: dict, tenon: dict, rules) -> str:
    if linux["status"] != tenon["status"]:
        tail = bytes.fromhex(tenon["stderr"]).decode(errors="replace")[-1500:]
        return f"status {tenon['status']}, Linux {linux['status']}\n{tail}"
    for stream in ("stdout", "stderr"):
        a = filtered(case.name, bytes.fromhex(linux[stream]), rules).split(b"\n")
        b = filtered(case.name, bytes.fromhex(tenon[stream]), rules).split(b"\n")
        for i in range(max(len(a), len(b))):
            left = a[i] if i < len(a) else b"(nothing)"
            right = b[i] if i < len(b) else b"(nothing)"
            if left != right:
                return (f"{stream} line {i + 1}:\n  linux: {left.decode(errors='replace')}\n"
                        f"  tenon: {right.decode(errors='replace')}")
    return ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=["minimal", "debian"], default="minimal")
    parser.add_argument("--suite", help="the folder of cases, if it is not named as the profile")
    parser.add_argument("--deb", action="append", default=[])
    parser.add_argument("--fetch", action="store_true", help="only fetch the packages it needs")
    parser.add_argument("--prepare", action="store_true", help="only build the root file systems")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="boot for each case, since they change the root")
    parser.add_argument("--mem", type=memory, help="of both machines, as 512M or 2G")
    parser.add_argument("--append", default="", help="more arguments for Tenon's kernel")
    parser.add_argument("--only", choices=["linux", "tenon"])
    parser.add_argument("--show", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()

    suite = args.suite or args.profile
    debs = args.deb + words(HERE / "cases" / suite / "packages")
    if args.fetch:
        apt.resolve((debian.BASE if args.profile == "debian" else []) + debs)
        package_files(suite)
        return 0
    cases, files = collect(suite, "bash" if args.profile == "debian" else "sh", args.names)
    if not cases:
        raise SystemExit("no such case")
    corpus = corpus_files(suite)
    if corpus is None:
        print("skipped: the corpora are not here")
        return 77
    files += corpus
    rpms = built_rpms(suite)
    if rpms is None:
        print("skipped: rpmbuild is not here")
        return 77
    files += rpms

    def options(kernel: str) -> Options:
        return Options(profile=args.profile, debs=debs, files=files, smp=args.smp,
                       mem_mb=args.mem, kernel=kernel, direct=True, preset=args.preset,
                       append=" ".join([SAME_MACHINE[kernel], args.append if kernel == "tenon" else ""]).strip(),
                       log=paths.RUN / f"compare-{suite}-{kernel}.log")

    if args.prepare:
        for kernel in ("linux", "tenon"):
            run_verb.prepare(options(kernel))
        return 0
    linux, tenon = Runner(options("linux")), Runner(options("tenon"))
    root = root_name(linux.options)
    CACHE.mkdir(parents=True, exist_ok=True)
    rules, known, passed, failed, skipped = deviations(), pending(), 0, 0, 0
    for case in cases:
        cached = CACHE / oracle_key(linux.options, root, case)
        if args.only == "tenon":
            expected = None
        elif cached.exists():
            expected = json.loads(cached.read_text())
        else:
            expected = linux.answer(case)
            if expected["status"] >= 0:
                cached.write_text(json.dumps(expected))
        got = tenon.answer(case) if args.only != "linux" else expected
        if args.show:
            print(show("linux", expected) if expected else "", show("tenon", got), sep="\n")
        if args.fresh:
            linux.stop()
            tenon.stop()
        why = difference(case, expected, got, rules) if expected else ""
        if why and case.name in known and got["status"] >= 0:  # a panic or a hang is never pending
            skipped += 1
            print(f"skip {case.name} (pending)\n{why}", flush=True)
            continue
        passed, failed = passed + (not why), failed + bool(why)
        print(f"{'ok' if not why else 'not ok'} {case.name}" + (f"\n{why}" if why else ""), flush=True)
    linux.stop()
    tenon.stop()
    if "module.keys=on" in args.append and KEYS_ON not in options("tenon").log.read_text(errors="replace"):
        failed += 1
        print("the machine ran without protection keys")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
