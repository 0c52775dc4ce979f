"""Devices that come and go in a PCI Express slot, in order and by surprise, while they are used."""

import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from machine import LONG, PRESET, ROOT, Case, Outcome, key_values, main, script_files

CYCLES = int(os.environ.get("TENON_CYCLES", 500 if LONG else 10))
MACHINE = ("-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
           "-device pcie-root-port,id=rp0,chassis=1,slot=1")


class Monitor:
    """QEMU's machine protocol."""

    def __init__(self, path: Path):
        deadline = time.monotonic() + 120
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._socket.settimeout(60)
        self._lines = self._socket.makefile("r")
        self.events: list[str] = []
        self._lines.readline()
        self.run("qmp_capabilities")

    def run(self, command: str, **arguments) -> dict:
        self._socket.sendall((json.dumps({"execute": command, "arguments": arguments}) + "\n").encode())
        while True:
            answer = json.loads(self._lines.readline())
            if "event" in answer:
                self.events.append(answer["event"])
            elif "error" in answer:
                raise AssertionError(answer["error"]["desc"])
            else:
                return answer["return"]

    def ask_out(self, device: str) -> None:
        """device_del: presses the button. Refused while the slot's indicator blinks, for the driver has the
        device before the slot says that it is done."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self.run("device_del", id=device)
                return
            except AssertionError as e:
                if "guest is busy" not in str(e) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def wait(self, event: str) -> None:
        while event not in self.events:
            self.events.append(json.loads(self._lines.readline()).get("event", ""))
        self.events.clear()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Session:
    """A script inside that takes a line and answers with one, and the monitor outside."""

    def __init__(self, name: str, folder: str, machine: str):
        self.log_path = Path(folder, "console.log")
        monitor = Path(folder, "monitor")
        self.process = subprocess.Popen(
            [ROOT / "tenon", "run", "--preset", PRESET, "--direct", "--smp", "2", "--log", self.log_path,
             "--timeout", "3000" if LONG else "900", *script_files(name),
             "--qemu", f"{machine} -qmp unix:{monitor},server=on,wait=off", "--", "sh", f"/tests/{name}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.monitor = Monitor(monitor)

    def ask(self, line: str) -> str:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer.split(" ", 1)[0] != "ok":
            raise AssertionError(f"{line}: {answer!r}\n{self.log()[-3000:]}")
        return answer[3:]

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def close(self) -> int:
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        self.monitor.close()
        return status


def figures(log: str, pattern: str) -> str:
    values = sorted(int(v) / 1000 for v in re.findall(pattern, log))
    if not values:
        return "none"
    return (f"{len(values)} times, median {statistics.median(values):.1f} ms, "
            f"most {values[-1]:.1f} ms")


class HotPlug(Case):
    def test_devices_come_and_go(self):
        with tempfile.TemporaryDirectory() as folder:
            session = Session("hotplug.sh", folder, MACHINE)
            before = None
            session.ask("msix")
            session.ask("unload")
            for cycle in range(CYCLES + 2):
                session.monitor.run("device_add", driver="edu", bus="rp0", id="e1")
                session.ask("bound" if cycle else "loaded")
                session.ask("work")
                if cycle % 2 == 0:
                    session.monitor.ask_out("e1")
                    session.ask("gone")
                else:
                    session.ask("surprise")
                session.monitor.wait("DEVICE_DELETED")
                session.ask("dead")
                if cycle == 1:
                    session.ask("count")  # fills caches by itself
                    before = key_values(session.ask("count"))
            after = key_values(session.ask("count"))
            status = session.close()
            log = session.log()
        self.alive(Outcome(status, "", "", log))
        self.assertNotIn("leaked", log, log[-3000:])
        slack = max(64, CYCLES // 2)
        self.nothing_left(before, after, pages=slack, objects=slack)
        surprises = len(re.findall(r"removed by surprise", log))
        self.assertEqual(surprises, (CYCLES + 2) // 2)
        print("added to bound:", figures(log, r"functions added in (\d+) us"))
        print("removed in order:", figures(log, r"removed in order in (\d+) us"))
        print("removed by surprise:", figures(log, r"removed by surprise in (\d+) us"))


if __name__ == "__main__":
    main()
