"""Which packages are compared, where they come from, and older versions of them.

The draw takes the same packages each time: names of Debian's index are ordered by a digest of seed and
name, so that one more or less in the index moves no other.
"""

import glob
import hashlib
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

LISTS = "/var/lib/apt/lists"
CAT = ["/usr/lib/apt/apt-helper", "cat-file"]
SECTIONS = ("admin", "libs", "utils", "net", "interpreters", "editors")
# A package that unpacks to more is left out of the draw: the roots are in memory.
INSTALLED_KIB_MAX = 200 << 10
# A version that sorts directly before VERSION.
OLDER = "{}~older"
FIELD = re.compile(rb"^(Package|Section|Essential|Version|Installed-Size|Filename): (.*)$", re.MULTILINE)


def index() -> dict[str, dict]:
    """What apt's lists hold for this machine: name to section, size in KiB, versions (oldest list first)."""
    out: dict[str, dict] = {}
    for file in sorted(glob.glob(f"{LISTS}/*_binary-amd64_Packages*"), key=lambda f: "security" in f):
        text = subprocess.run([*CAT, file], stdout=subprocess.PIPE, check=True).stdout
        for stanza in text.split(b"\n\n"):
            field = {k.decode(): v.decode() for k, v in FIELD.findall(stanza)}
            if "Package" not in field or "Section" not in field:
                continue
            entry = out.setdefault(field["Package"], {"section": field["Section"], "kib": 0, "versions": [],
                                                       "essential": "Essential" in field})
            entry["kib"] = max(entry["kib"], int(field.get("Installed-Size", 0)))
            if field["Version"] not in entry["versions"]:
                entry["versions"].append(field["Version"])
    return out


def draw(known: dict[str, dict], count: int, seed: int, without: set[str]) -> list[str]:
    """`count` names, as many of each section; those in `without` are never drawn."""
    def place(name: str) -> str:
        return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
    out = []
    for number, section in enumerate(SECTIONS):
        names = [n for n, e in known.items()
                 if e["section"] == section and e["kib"] <= INSTALLED_KIB_MAX and n not in without]
        share = count * (number + 1) // len(SECTIONS) - count * number // len(SECTIONS)
        out += sorted(names, key=place)[:share]
    return out


def file_name(name: str, version: str) -> str:
    """The start of the name under which apt-get download stores it."""
    return f"{name}_{version.replace(':', '%3a')}_"


def stored(cache: Path, name: str, version: str) -> Path | None:
    return next(iter(sorted(cache.glob(glob.escape(file_name(name, version)) + "*.deb"))), None)


def fetch(cache: Path, wanted: list[tuple[str, str]]) -> None:
    """Downloads through apt what is not in `cache` yet. What cannot be had stays absent."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [(n, v) for n, v in wanted if not stored(cache, n, v)]
    for at in range(0, len(missing), 50):
        some = [f"{n}={v}" for n, v in missing[at:at + 50]]
        command = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root"]
        if subprocess.run([*command, *some], cwd=cache, capture_output=True).returncode == 0:
            continue
        # apt fetches nothing when one of them has gone from its lists.
        for one in some:
            subprocess.run([*command, one], cwd=cache, capture_output=True)


def closure(names: list[str], cache: Path) -> list[Path]:
    """Files of these packages and of all that they need in an empty root, downloaded where necessary."""
    (cache / "partial").mkdir(parents=True, exist_ok=True)
    status = cache / "status"
    status.touch()
    command = ["apt-get", "install", "-qq", "--no-install-recommends", "-o", f"Dir::State::status={status}",
               "-o", f"Dir::Cache::Archives={cache}", "-o", f"Dir::State::extended_states={cache}/extended",
               "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
    told = subprocess.run([*command, "-s", *names], capture_output=True, text=True, check=True).stdout
    chosen = re.findall(r"^Inst (\S+) \((\S+)", told, re.MULTILINE)
    subprocess.run([*command, "--download-only", "-y", *names], capture_output=True, check=True)
    files = [stored(cache, name.split(":")[0], version) for name, version in chosen]
    return [f for f in files if f]


def control(deb: Path, field: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", str(deb), field], capture_output=True, text=True,
                          check=True).stdout.strip()


class Older:
    """Makes an older version of a .deb: other contents, modes and names, other configuration files."""

    def __init__(self, deb: Path, work: Path, seed: str):
        self.random = random.Random(seed)
        self.top = work / "tree"
        self.began = time.time() - 3600
        shutil.rmtree(self.top, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-R", str(deb), str(self.top)], check=True)
        self.name = control(deb, "Package")
        self.out = work / f"older_{self.name}.deb"

    def conffiles(self) -> list[str]:
        path = self.top / "DEBIAN/conffiles"
        return [l for l in path.read_text().splitlines() if l.startswith("/")] if path.exists() else []

    def make(self) -> Path:
        files = sorted(p for p in self.top.rglob("*")
                       if p.is_file() and not p.is_symlink() and self.top / "DEBIAN" not in p.parents)
        conffiles = {self.top / c[1:] for c in self.conffiles()}
        plain = [p for p in files if p not in conffiles and p.lstat().st_nlink == 1]
        # Scripts may need the programs; documents and data may come and go.
        spare = [p for p in plain if "/usr/share/" in str(p) and not os.access(p, os.X_OK)]
        self.random.shuffle(plain)
        self.random.shuffle(spare)
        for p in plain[:3]:
            with open(p, "ab") as f:
                f.write(b"\n# older\n")
            self._date(p)
        for p in plain[3:5]:
            os.chmod(p, p.lstat().st_mode & 0o7777 ^ 0o020)
        for p in spare[:2]:
            p.unlink()
        for p in spare[2:3]:
            p.unlink()
            p.symlink_to("older-target")
        links = sorted(p for p in self.top.rglob("*") if p.is_symlink() and not p.resolve().is_dir()
                       and str(p).startswith(f"{self.top}/usr/share/"))
        for p in links[:1]:
            p.unlink()
            p.write_text("a file once\n")
        self._change_conffiles()
        self._add()
        self._control()
        # All of it is of long ago: what is new in a root was made there.
        for p in [*sorted(self.top.rglob("*")), self.top]:
            if p.lstat().st_mtime > self.began:
                self._date(p)
        how = self.random.choice((["-Znone"], ["-Zgzip", "-z1"], ["-Zxz", "-z0"], ["-Zzstd", "-z1"]))
        subprocess.run(["dpkg-deb", *how, "-b", str(self.top), str(self.out)], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(self.top)
        return self.out

    def _date(self, path: Path) -> None:
        os.utime(path, (980000000 + self.random.randrange(10 ** 7),) * 2, follow_symlinks=False)

    def _change_conffiles(self) -> None:
        """One has other contents, one is new in the newer version, and one is gone there."""
        listed = self.conffiles()
        there = [c for c in listed if (self.top / c[1:]).is_file()]
        self.random.shuffle(there)
        for c in there[:1]:
            with open(self.top / c[1:], "ab") as f:
                f.write(b"# older\n")
        for c in there[2:3]:
            (self.top / c[1:]).unlink()
            listed.remove(c)
        gone = f"/etc/{self.name}.older.conf"
        (self.top / "etc").mkdir(exist_ok=True)
        (self.top / gone[1:]).write_text("obsolete = yes\n")
        (self.top / "DEBIAN/conffiles").write_text("".join(f"{c}\n" for c in [*listed, gone]))

    def _add(self) -> None:
        folder = self.top / f"usr/share/{self.name}.older/empty"
        folder.mkdir(parents=True)
        one = folder.parent / "one"
        one.write_text("only in the older version\n")
        os.link(one, folder.parent / "two")
        (folder.parent / "link").symlink_to("one")
        self._date(one)
        os.chmod(one, 0o4711)
        os.chown(one, 1, 4)
        os.chmod(one, 0o4711)

    def _control(self) -> None:
        path = self.top / "DEBIAN/control"
        text = re.sub(r"^Version: (.*)$", lambda m: "Version: " + OLDER.format(m[1].strip()),
                      path.read_text(), flags=re.MULTILINE)
        path.write_text(text)
        sums = self.top / "DEBIAN/md5sums"
        if sums.exists():
            listed = {self.top / c[1:] for c in self.conffiles()}
            lines = [f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(self.top)}\n"
                     for p in sorted(self.top.rglob("*"))
                     if p.is_file() and not p.is_symlink() and p not in listed
                     and self.top / "DEBIAN" not in p.parents]
            sums.write_text("".join(lines))
