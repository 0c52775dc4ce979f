"""Projects outside the tree, built in an empty folder against the packed SDK."""

import subprocess
import sys
import tarfile
from pathlib import Path

from machine import BUILD, PRESET, ROOT


class Sdk:
    def __init__(self, folder: Path):
        subprocess.run([ROOT / "tenon", "build", "--preset", PRESET], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", BUILD, "--target", "tenon_sdk"], check=True,
                       stdout=subprocess.DEVNULL)
        archive = next((BUILD / "sdk").glob("tenon-module-sdk-*.tar.xz"))
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        self.root = folder / archive.name.removesuffix(".tar.xz")

    def project(self, folder: Path, name: str, source: str | None = None,
                template: str = "char") -> Path:
        """What `./tenon module new` writes, but for this SDK."""
        folder.mkdir()
        for file in (self.root / "share/tenon/template" / template).iterdir():
            text = file.read_text().replace("@NAME@", name).replace("@SDK@", str(self.root))
            (folder / file.name.replace("NAME", name)).write_text(text)
        if source is not None:
            (folder / f"{name}.cpp").write_text(source)
        return folder


def build(folder: Path, *options: str) -> tuple[int, str]:
    out = ""
    for command in (["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", *options],
                    ["ninja", "-C", folder / "build"]):
        done = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        out += done.stdout
        if done.returncode != 0:
            return done.returncode, out
    return 0, out


def must_build(folder: Path, *options: str) -> Path:
    status, out = build(folder, *options)
    if status != 0:
        sys.exit(f"{folder.name} does not build:\n{out}")
    return next((folder / "build/ko").glob("*.ko"))
