"""An apt repository of Debian packages for the root, made and signed on the build machine.

The archives are those that apt fetches here (tools/tenon/apt.py); lists, digests and the key are made by this file.
The key lives as long as the making of one repository.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tenon import apt, debian, paths
from tenon.qemu import short_hash

PLACE = "/repository"  # in the root
SOURCE = f"deb [signed-by={PLACE}/key.gpg] file:{PLACE} test main\n"
FORMAT = "1"  # changes when this file makes another repository of the same packages


def made(names: list[str]) -> Path:
    """A folder with the packages `names` and all they need beyond the debian profile; kept in build/cache."""
    base = {deb.name for deb in apt.resolve(debian.BASE)}
    debs = [deb for deb in apt.resolve(debian.BASE + names) if deb.name not in base]
    cache = paths.ensure(paths.CACHE / "repositories")
    folder = cache / short_hash(FORMAT, *sorted(deb.name for deb in debs))
    if not folder.exists():
        for old in cache.iterdir():
            if old.stat().st_mtime < time.time() - 30 * 86400:
                shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _make(Path(work) / "new", debs)
            os.replace(Path(work) / "new", folder)
    os.utime(folder)
    return folder


def _stanza(deb: Path) -> bytes:
    control = subprocess.run(["dpkg-deb", "-f", deb], stdout=subprocess.PIPE, check=True).stdout
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return control + f"Filename: pool/{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n".encode()


def _make(folder: Path, debs: list[Path]) -> None:
    lists, pool = folder / "dists/test/main/binary-amd64", folder / "pool"
    lists.mkdir(parents=True)
    pool.mkdir()
    for deb in debs:
        os.link(deb, pool / deb.name)
    packages = b"".join(_stanza(deb) for deb in debs)
    (lists / "Packages").write_bytes(packages)
    date = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime())
    (folder / "dists/test/Release").write_text(
        f"Origin: Test\nSuite: test\nCodename: test\nDate: {date}\nArchitectures: amd64\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(packages).hexdigest()} {len(packages)} main/binary-amd64/Packages\n")
    _sign(folder)
    (folder / "test.list").write_text(SOURCE)


def _sign(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]
        subprocess.run([*gpg, "--quick-generate-key", "repository of a test", "rsa3072", "sign", "never"], check=True)
        subprocess.run([*gpg, "--clearsign", "-o", folder / "dists/test/InRelease", folder / "dists/test/Release"],
                       check=True)
        subprocess.run([*gpg, "--export", "-o", folder / "key.gpg"], check=True)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
