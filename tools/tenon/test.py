"""`./tenon test`: every test through CTest, with one closing line.

A SUITE is a CTest label or a part of a test's name. Without one, all tests of the release build run,
then those of the debug build that boot Tenon.
"""

import os
import re
import subprocess
import time
import xml.etree.ElementTree

from . import build, deps, options, paths
from .errors import TenonError
from .progress import progress

# Host tests do not depend on the kernel's preset. "reference" marks those that boot and run in release only.
BOOTING = "system|kernel"
NOT_AGAIN = "reference"
LINE = re.compile(r"^\s*(\d+)/(\d+) Test\s+#\d+: (\S+) \.*\s*(.*)$")


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon test")
    parser.add_argument("suite", nargs="*", help="a label or a part of a name")
    parser.add_argument("--list", action="store_true", help="name the tests, run none")
    parser.add_argument("--long", action="store_true", help="also what takes hours")
    parser.add_argument("--preset", choices=build.PRESETS, help="this build only")
    args = parser.parse_args(argv)
    deps.need(deps.BUILD, deps.BOOT, deps.ISO, deps.UEFI, deps.TEST)
    if args.long:
        os.environ["TENON_LONG"] = "1"
    plan = [(args.preset or "release", None)]
    if not args.preset and not args.suite:
        plan.append(("debug", BOOTING))
    if args.list:
        return _list(plan[0][0], args)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for preset, labels in plan:
        # The SDK tests want it packed; the system tests want no network.
        build.build(preset, ["tenon_boot_tests"] if labels
                    else ["all", "tenon_sdk", "tenon_test_packages"])
        for key, value in _run(preset, labels, args).items():
            counts[key] += value
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}", flush=True)
    return 1 if counts["failed"] or not counts["passed"] else 0


def _labels(preset: str) -> set[str]:
    out = subprocess.run(["ctest", "--test-dir", str(paths.preset_dir(preset)), "--print-labels"],
                         capture_output=True, text=True).stdout
    return {line.strip() for line in out.splitlines() if line.startswith("  ")}


def _selections(preset: str, args, labels: str | None) -> list[list[str]]:
    known = _labels(preset)
    left_out = ([] if args.long else ["long"]) + ([NOT_AGAIN] if labels else [])
    base = (["-LE", f"^({'|'.join(left_out)})$"] if left_out else []) + \
        (["-L", labels] if labels else [])
    if not args.suite:
        return [base]
    return [base + (["-L", f"^{s}$"] if s in known else ["-R", re.escape(s)]) for s in args.suite]


def _list(preset: str, args) -> int:
    build.configure(preset)
    for selection in _selections(preset, args, None):
        out = subprocess.run(["ctest", "--test-dir", str(paths.preset_dir(preset)), "-N",
                              *selection], capture_output=True, text=True).stdout
        for line in out.splitlines():
            match = re.match(r"\s*Test\s+#\d+: (\S+)", line)
            if match:
                print(match[1])
    return 0


def _run(preset: str, labels: str | None, args) -> dict:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    report = paths.ensure(paths.RUN) / f"ctest-{preset}.{os.getpid()}.xml"
    for selection in _selections(preset, args, labels):
        argv = ["ctest", "--test-dir", str(paths.preset_dir(preset)), "-j", str(build.jobs()),
                "--output-on-failure", "--no-tests=ignore", "--output-junit", str(report),
                *selection]
        progress.log("+ " + " ".join(argv))
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            _show(process, preset)
            process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if report.exists():
            suite = xml.etree.ElementTree.parse(report).getroot()
            total = int(suite.get("tests", 0))
            failed = int(suite.get("failures", 0))
            skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
            counts["failed"] += failed
            counts["skipped"] += skipped
            counts["passed"] += total - failed - skipped
            report.unlink()
        elif process.returncode != 0:
            raise TenonError(f"ctest ended with status {process.returncode}")
    return counts


def _show(process, preset: str) -> None:
    """A line for each test that ends; the output of those that fail; the running one on a terminal."""
    began = time.monotonic()
    in_summary = False
    for line in process.stdout:
        line = line.rstrip()
        if line.startswith(("Test project", "    Start", "Internal ctest")):
            if line.startswith("    Start"):
                progress.show(f"{preset}: {line.split(':', 1)[-1].strip()} "
                              f"({time.monotonic() - began:.0f} s)")
            continue
        if re.match(r"^\d+% tests passed|^The following tests|^Label Time|^Total Test", line):
            in_summary = True
        if in_summary or not line:
            continue
        match = LINE.match(line)
        progress.clear()
        print(f"{preset} {match[3]} {match[4]}" if match else line, flush=True)
