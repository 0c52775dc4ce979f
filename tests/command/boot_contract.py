#!/usr/bin/env python3
"""What ./tenon run promises to scripts, tried on a booted machine of either kernel.

    python3 tests/command/boot_contract.py --kernel linux|tenon [--preset P] [unittest arguments]
"""

import fcntl
import hashlib
import os
import pty
import random
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from tenon import run as run_verb  # noqa: E402
from tenon.agent import Command  # noqa: E402
from tenon.guest import DEFAULT_ENV, Guest  # noqa: E402
from tenon.options import Options  # noqa: E402
from tenon.protocol import STDOUT  # noqa: E402

KERNEL = "linux"
PRESET = "release"
DIRECT = True


def command_line(*arguments, log=None):
    log = log or f"{tempfile.gettempdir()}/tenon-contract.{os.getpid()}.log"
    line = [str(ROOT / "tenon"), "run", "--kernel", KERNEL, "--preset", PRESET, "--log", log]
    return line + (["--direct"] if DIRECT else []) + list(arguments)


def tenon(*arguments, input=b"", timeout=240, **more):
    return subprocess.run(command_line(*arguments), input=input, capture_output=True,
                          timeout=timeout, **more)


def children_named(name: str, parent: int) -> list[int]:
    """Processes below `parent` whose program is `name`."""
    found, parents = [], {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            program = stat[stat.index("(") + 1:stat.rindex(")")]
            parents[int(entry.name)] = (int(stat[stat.rindex(")") + 2:].split()[1]), program)
    for pid, (above, program) in parents.items():
        chain = above
        while chain in parents and chain != parent:
            chain = parents[chain][0]
        if chain == parent and program.startswith(name):
            found.append(pid)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class OneRun(unittest.TestCase):
    def test_one_line_and_status_zero(self):
        result = tenon("--", "uname", "-a")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count(b"\n"), 1)
        self.assertTrue(result.stdout.startswith(b"Linux "))
        self.assertEqual(result.stderr, b"")

    def test_three_channels(self):
        result = tenon("--", "sh", "-c", "tr a-z A-Z; echo err >&2; exit 7", input=b"abc\n")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (7, b"ABC\n", b"err\n"))

    def test_time_out(self):
        began = time.monotonic()
        result = tenon("--timeout", "20", "--", "sleep", "1000")
        self.assertEqual(result.returncode, 124, result.stderr)
        self.assertLess(time.monotonic() - began, 60)

    def test_a_guest_that_powers_off_early(self):
        result = tenon("--", "sh", "-c", "poweroff -f; sleep 100")
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"the machine stopped", result.stderr)
        self.assertIn(b"last lines of", result.stderr)

    def test_a_root_without_init(self):
        with tempfile.TemporaryDirectory() as directory:
            bad = Path(directory, "init.conf")
            bad.write_text("agent /dev/null\n")
            result = tenon("--file", f"{bad}:/etc/tenon/init.conf", "--timeout", "60", "--", "true")
        self.assertIn(result.returncode, (124, 125), result.stderr)

    def test_a_module_that_does_not_load(self):
        with tempfile.NamedTemporaryFile(suffix=".ko") as bad:
            bad.write(b"no module")
            bad.flush()
            result = tenon("--module", bad.name, "--", "echo", "no")
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertIn(b"cannot load module", result.stderr)

    def test_interrupt_before_and_during_the_command(self):
        for delay in (0.8, 25):
            process = subprocess.Popen(command_line("--", "sleep", "1000"),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(delay)
            machines = children_named("qemu-system", process.pid)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(30), 130)
            self.assertEqual([m for m in machines if alive(m)], [])

    def test_killed_command_leaves_no_machine(self):
        process = subprocess.Popen(command_line("--", "sleep", "1000"), stdin=subprocess.DEVNULL)
        machines = []
        end = time.monotonic() + 60
        while not machines and time.monotonic() < end:
            time.sleep(0.3)
            machines = children_named("qemu-system", process.pid)
        process.kill()
        process.wait()
        time.sleep(1)
        self.assertTrue(machines)
        self.assertEqual([m for m in machines if alive(m)], [])

    def test_terminal(self):
        """A shell on a terminal: job control, window size, Ctrl-C, and the terminal as it was."""
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "vt100"
            os.execv(command_line()[0], command_line())
        fcntl.ioctl(master, termios.TIOCSWINSZ, b"\x1e\0\x64\0\0\0\0\0")  # 30 x 100
        before = termios.tcgetattr(master)
        seen = b""

        def expect(text: bytes, seconds: float = 120):
            nonlocal seen
            end = time.monotonic() + seconds
            while text not in seen:
                ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
                self.assertTrue(ready, f"no {text!r} in {seen[-800:]!r}")
                seen += os.read(master, 4096)
            seen = seen.split(text, 1)[1]

        def provoke(keys, answer):
            """Types `keys` until `answer` comes: the program that shall get them may not run yet."""
            for _ in range(30):
                os.write(master, keys)
                try:
                    return expect(answer, seconds=2)
                except AssertionError:
                    continue
            self.fail(f"no {answer!r} to {keys!r}")

        expect(b"# ")
        os.write(master, b"stty size; tty\r")
        expect(b"30 100")
        expect(b"/dev/pts/0")
        fcntl.ioctl(master, termios.TIOCSWINSZ, b"\x28\0\x50\0\0\0\0\0")
        os.kill(pid, signal.SIGWINCH)
        time.sleep(1)
        os.write(master, b"stty size\r")
        expect(b"40 80")
        expect(b"# ")
        os.write(master, b"sleep 500\r")
        provoke(b"\x03", b"# ")
        os.write(master, b"echo status=$?\r")
        expect(b"status=130")
        os.write(master, b"cat\r")
        provoke(b"one\r", b"one\r\none\r\n")  # the echo, and what cat says
        os.write(master, b"\x1a")
        expect(b"topped")
        expect(b"# ")
        os.write(master, b"fg\r")
        provoke(b"two\r", b"two\r\ntwo\r\n")
        provoke(b"\x03", b"# ")
        os.write(master, b"exit 9\r")
        end = time.monotonic() + 60
        done = (0, 0)
        while done[0] == 0 and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    os.read(master, 4096)
                except OSError:
                    pass
            done = os.waitpid(pid, os.WNOHANG)
        self.assertNotEqual(done[0], 0, "the shell did not end")
        self.assertEqual(os.waitstatus_to_exitcode(done[1]), 9)
        self.assertEqual(termios.tcgetattr(master)[:4], before[:4])
        os.close(master)


class OneBoot(unittest.TestCase):
    """Many commands in one machine: the agent itself."""

    @classmethod
    def setUpClass(cls):
        options = Options(kernel=KERNEL, preset=PRESET, direct=True, smp=2,
                          log=Path(tempfile.gettempdir()) / f"tenon-contract-g.{os.getpid()}.log")
        cls.guest = Guest(run_verb.prepare(options))
        cls.guest.start(time.monotonic() + 120)

    @classmethod
    def tearDownClass(cls):
        if not cls.guest.close():
            raise AssertionError("the guest did not power off by itself")

    def run_(self, *argv, **more):
        return self.guest.run(list(argv), timeout=120, **more)

    def test_statuses(self):
        self.assertEqual([self.run_("sh", "-c", f"exit {n}").status for n in (0, 1, 7, 255)],
                         [0, 1, 7, 255])
        self.assertEqual(self.run_("sh", "-c", "kill -TERM $$").status, 143)
        self.assertEqual(self.run_("sh", "-c", "kill -KILL $$").status, 137)
        self.assertEqual(self.run_("no-such-program").status, 127)
        self.assertEqual(self.run_("/etc/passwd").status, 126)
        self.assertEqual(self.run_("/etc/passwd/x").status, 126)

    def test_binary_round_trip(self):
        data = random.Random(3).randbytes(100_000)
        result = self.run_("cat", input=data)
        self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(data).digest())

    def test_both_outputs_at_once(self):
        script = "i=0; while [ $i -lt 300 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
        result = self.run_("sh", "-c", script)
        self.assertEqual(result.stdout, b"".join(b"o%d\n" % i for i in range(300)))
        self.assertEqual(result.stderr, b"".join(b"e%d\n" % i for i in range(300)))

    def test_end_of_input_and_unread_input(self):
        self.assertEqual(self.run_("wc", "-c", input=b"").stdout.strip(), b"0")
        result = self.run_("head", "-c", "5", input=b"x" * 200_000)
        self.assertEqual((result.status, result.stdout), (0, b"xxxxx"))

    def test_background_process_does_not_keep_the_run(self):
        began = time.monotonic()
        result = self.run_("sh", "-c", "sleep 300 & echo started")
        self.assertEqual(result.stdout, b"started\n")
        self.assertLess(time.monotonic() - began, 60)

    def test_credit_that_comes_after_the_end(self):
        connection = self.guest.connection
        command = Command(["sh", "-c", "sleep 300 & echo started"], env=DEFAULT_ENV)
        connection.start(command)
        credits = [connection._queue.pop(), connection._queue.pop()]
        began = time.monotonic()
        while time.monotonic() - began < 3:
            self.guest.step()
        self.assertFalse(command.done)
        connection._queue.extend(credits)
        while not command.done:
            self.guest.step(began + 60)
        self.assertEqual((command.status(), bytes(command.outputs[STDOUT].sink.data)),
                         (0, b"started\n"))

    def test_arguments_and_environment_arrive_exactly(self):
        words = ["", " ", "a b", "*", "$HOME", "'\"\\", "\n", "ä", "x" * 5000]
        script = 'for w; do printf "<%s>" "$w"; done; printf "%s" "$T"'
        result = self.run_("sh", "-c", script, "sh", *words, env={"T": "a=b c"})
        want = "".join(f"<{w}>" for w in words) + "a=b c"
        self.assertEqual(result.stdout.decode(), want)

    def test_terminal_request(self):
        result = self.run_("sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all",
                           tty=True)
        self.assertEqual(result.stdout.split(), [b"/dev/pts/0", b"all"])

    def test_a_script_without_interpreter_line(self):
        self.guest.put("/tmp/script", b"echo script $1\n", 0o755)
        self.assertEqual(self.run_("/tmp/script", "x").stdout, b"script x\n")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    while len(arguments) >= 2 and arguments[0] in ("--kernel", "--preset"):
        globals()[arguments[0][2:].upper()] = arguments[1]
        arguments = arguments[2:]
    unittest.main(argv=[sys.argv[0], *arguments], verbosity=2)
