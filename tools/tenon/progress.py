"""Progress: one line that rewrites itself on a terminal; in a log file always."""

import os
import subprocess
import sys
import time

from . import paths
from .errors import TenonError


class Progress:
    def __init__(self):
        self._tty = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = False
        self._log = None

    def log(self, text: str) -> None:
        if self._log is None:
            paths.ensure(paths.RUN)
            self._log = open(paths.RUN / "tenon.log", "a", encoding="utf-8")
        self._log.write(f"{time.strftime('%H:%M:%S')} {os.getpid()} {text}\n")
        self._log.flush()

    def step(self, text: str) -> None:
        self.log(text)
        self.show(text)

    def show(self, text: str) -> None:
        if self._tty:
            width = os.get_terminal_size(2).columns - 1 if self._tty else 80
            sys.stderr.write("\r\x1b[K" + ("tenon: " + text)[: max(width, 20)])
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def say(self, text: str) -> None:
        """A line that stays."""
        self.log(text)
        self.clear()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


progress = Progress()


def call(argv: list, what: str, *, cwd=None, env=None, input=None, show_lines=False) -> bytes:
    """Runs a tool of the host with its output in the log; its failure is a TenonError that shows it."""
    progress.step(what)
    progress.log("+ " + " ".join(str(a) for a in argv))
    process = subprocess.Popen([str(a) for a in argv], cwd=cwd, env=env,
                               stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if input is not None:
        output = process.communicate(input)[0]
    else:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if show_lines:
                progress.show(f"{what}: {line.decode(errors='replace').strip()}")
        output = b"".join(lines)
    status = process.wait()
    text = output.decode(errors="replace")
    if text.strip():
        progress.log(text.rstrip())
    if status != 0:
        tail = "\n".join(text.rstrip().splitlines()[-40:])
        raise TenonError(f"{what} failed: {argv[0]} ended with status {status}", tail)
    return output
