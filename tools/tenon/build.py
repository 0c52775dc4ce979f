"""Compiles: cmake presets and ninja, with one progress line."""

import os
import re
import subprocess

from . import deps, paths
from .errors import TenonError
from .progress import progress

PRESETS = ["release", "debug", "kasan", "ubsan", "analysis"]
PROGRESS_LINE = re.compile(r"^\[(\d+)/(\d+)\] (.*)")


def jobs() -> int:
    return int(os.environ.get("TENON_JOBS", 0)) or len(os.sched_getaffinity(0))


def configure(preset: str) -> None:
    deps.need(deps.BUILD, deps.ANALYSIS if preset == "analysis" else [])
    directory = paths.preset_dir(preset)
    if (directory / "build.ninja").exists():
        return  # ninja itself configures again when a CMakeLists.txt has changed
    _stream(["cmake", "--preset", preset, "-B", str(directory)], f"configuring {preset}")


def build(preset: str, targets: list[str] | None = None) -> None:
    configure(preset)
    _stream(["ninja", "-C", str(paths.preset_dir(preset)), f"-j{jobs()}", *(targets or [])],
            f"building {preset}")


def _stream(argv: list[str], what: str) -> None:
    progress.log("+ " + " ".join(argv))
    process = subprocess.Popen(argv, cwd=paths.ROOT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", env=dict(os.environ, NINJA_STATUS="[%f/%t] "))
    lines = []
    try:
        for line in process.stdout:
            line = line.rstrip()
            match = PROGRESS_LINE.match(line)
            if match:
                progress.show(f"{what} [{match[1]}/{match[2]}] {match[3]}")
            elif line and not line.startswith("ninja: "):
                lines.append(line if len(line) < 400 else line[:400] + " ...")
                progress.log(line)
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status != 0:
        raise TenonError(f"{what} failed", "\n".join(lines[-80:]))
    # Warnings of a build that works are for the person who works on it.
    warnings = [line for line in lines if "warning:" in line]
    if warnings and argv[0] == "ninja":
        progress.say("\n".join(warnings))
