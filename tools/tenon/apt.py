"""Which .deb files a set of names stands for, and those files: asked of the host's own apt.

apt works on a state of its own: an empty list of installed packages, so the answer does not depend
on what the host has; the host's sources, keys and package lists as they are.
"""

import glob
import json
import os
import re
import subprocess
from pathlib import Path

from . import deps, paths
from .errors import TenonError
from .progress import call, progress
from .qemu import file_key, short_hash

URI_LINE = re.compile(r"^'[^']+' (\S+) (\d+) ?(\S*)$", re.MULTILINE)


def _state() -> Path:
    state = paths.ensure(paths.CACHE / "apt")
    paths.ensure(state / "archives" / "partial")
    paths.ensure(state / "nothing" / "partial")
    (state / "status").touch()
    return state


def archives() -> Path:
    return _state() / "archives"


def _command(archives: str) -> list[str]:
    state = _state()
    settings = {
        "Dir::State::status": state / "status",
        "Dir::State::extended_states": state / "extended_states",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / archives,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
        "APT::Architecture": "amd64",
        "APT::Install-Recommends": "0",
        "Acquire::Retries": "3",
        "Dpkg::Use-Pty": "0",
    }
    argv = ["apt-get", "-y"]
    for key, value in settings.items():
        argv += ["-o", f"{key}={value}"]
    return argv


def _lists_key() -> str:
    """Changes when apt would give another answer."""
    lists = sorted(glob.glob("/var/lib/apt/lists/*Packages*"))
    return "\n".join(file_key(f) for f in lists)


def resolve(wanted: list[str]) -> list[Path]:
    """The .deb files of these names (or files) and of all they depend on, fetched."""
    local = [os.path.abspath(w) for w in wanted if _is_file(w)]
    names = [w for w in wanted if not _is_file(w)]
    for file in local:
        if not os.path.isfile(file):
            raise TenonError(f"--deb {file}: there is no such file")
    key = short_hash(_lists_key(), *sorted(names), *sorted(file_key(f) for f in local))
    known = _state() / f"resolved-{key}.json"
    if known.exists():
        files = [archives() / name for name in json.loads(known.read_text())]
        if all(f.exists() for f in files):
            return files + [Path(f) for f in local]
    progress.step("asking apt what " + " ".join(wanted) + " needs")
    answer = _ask(names + local)
    found = [(name, int(size)) for name, size, _ in URI_LINE.findall(answer)]
    local_names = {os.path.basename(f) for f in local}
    found = [f for f in found if f[0] not in local_names]
    if any(not _complete(archives() / name, size) for name, size in found):
        _download(names + local)
    files = [archives() / name for name, _ in found]
    missing = [f.name for f in files if not f.exists()]
    if missing:
        raise TenonError("apt did not fetch " + " ".join(missing))
    known.write_text(json.dumps([f.name for f in files]))
    return files + [Path(f) for f in local]


def source(name: str) -> Path:
    """The upstream tarball of a Debian source package, fetched from where the host's Debian packages come from."""
    state = paths.ensure(_state() / "sources")
    folder = state / name
    if not folder.exists():
        targets = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)",
                                  "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
        lines = sorted({line.partition(" ")[2] for line in targets.splitlines() if line.startswith("Debian")})
        (state / "list").write_text("".join(f"deb-src {line}\n" for line in lines))
        paths.ensure(state / "lists" / "partial")
        argv = _command("archives")
        for key, value in {"Etc::sourcelist": state / "list", "Etc::sourceparts": "-", "State::lists": state / "lists"}.items():
            argv += ["-o", f"Dir::{key}={value}"]
        call(argv + ["update"], "fetching the lists of source packages", env=_environment(), show_lines=True)
        part = paths.ensure(state / f"{name}.part")
        call(argv + ["source", "--download-only", "-q", name], f"fetching the source of {name}", env=_environment(),
             cwd=part, show_lines=True)
        part.rename(folder)
    found = [f for f in folder.glob("*.orig.tar.*") if f.suffix != ".asc"]
    if not found:
        raise TenonError(f"the source package {name} has no upstream tarball")
    return found[0]


def _is_file(word: str) -> bool:
    return "/" in word or word.endswith(".deb")


def _complete(file: Path, size: int) -> bool:
    return file.exists() and file.stat().st_size == size


def _ask(words: list[str]) -> str:
    for attempt in range(2):
        # apt does not name what it has already: so here it has nothing.
        result = subprocess.run(_command("nothing") + ["install", "--print-uris", "-qq", *words],
                                capture_output=True, text=True, env=_environment())
        if result.returncode == 0:
            return result.stdout
        if attempt == 0 and "Unable to locate" in result.stderr:
            _update()
    raise TenonError("apt cannot find " + " ".join(words), result.stderr.strip())


def _download(words: list[str]) -> None:
    argv = _command("archives") + ["install", "--download-only", "-q", *words]
    try:
        call(argv, "fetching packages", env=_environment(), show_lines=True)
    except TenonError:
        _update()  # the lists may name files that the mirror has replaced
        call(argv, "fetching packages", env=_environment(), show_lines=True)


def _update() -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    call(sudo + ["apt-get", "update"], "refreshing the package lists", show_lines=True)


def _environment() -> dict:
    return dict(deps.apt_environment(), LC_ALL="C.UTF-8")
