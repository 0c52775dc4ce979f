"""Lays the module SDK out in a folder and packs it, always to the same bytes.

pack.py --out DIR --name NAME --headers DIR... --exports DIR --interface NAME=DIR...
        --cmake FILE... --modpost FILE --sign FILE --template DIR --mock DIR
        --mock-core ROOT=FILE... --doc FILE...
"""

import argparse
import io
import lzma
import shutil
import tarfile
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def lay_out(args: argparse.Namespace, root: Path) -> None:
    for part in ("include", "exports", "interfaces", "lib", "bin", "share"):
        shutil.rmtree(root / part, ignore_errors=True)
    for folder in args.headers:
        for header in folder.rglob("*.h"):
            copy(header, root / "include" / header.relative_to(folder))
    for exports in args.exports.glob("*.exports"):
        copy(exports, root / "exports" / exports.name)
    for pair in args.interface:
        name, _, folder = pair.partition("=")
        for header in Path(folder).rglob("*.h"):
            copy(header, root / "interfaces" / name / header.relative_to(folder))
    for file in args.cmake:
        copy(file, root / "lib/cmake/TenonModule" / file.name)
    copy(args.modpost, root / "bin/modpost")
    copy(args.sign, root / "bin/sign-module")
    for file in args.template.rglob("*"):
        if file.is_file():
            copy(file, root / "share/tenon/template" / file.relative_to(args.template))
    for file in args.mock.rglob("*"):
        if file.is_file():
            copy(file, root / "share/tenon/mock" / file.relative_to(args.mock))
    for pair in args.mock_core:
        tree, _, name = pair.partition("=")
        copy(Path(tree, name), root / "share/tenon/mock" / name)
    for file in args.doc:
        copy(file, root / "share/doc/tenon" / file.name)


def pack(root: Path, name: str) -> Path:
    archive = root / f"{name}.tar.xz"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for part in ("bin", "exports", "include", "interfaces", "lib", "share"):
            for path in sorted((root / part).rglob("*")):
                if not path.is_file():
                    continue
                info = tarfile.TarInfo(f"{name}/{path.relative_to(root)}")
                info.size = path.stat().st_size
                info.mode = path.stat().st_mode & 0o777
                with path.open("rb") as content:
                    tar.addfile(info, content)
    archive.write_bytes(lzma.compress(raw.getvalue(), preset=6))
    return archive


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--headers", type=Path, action="append", default=[])
    parser.add_argument("--exports", type=Path, required=True)
    parser.add_argument("--interface", action="append", default=[])
    parser.add_argument("--cmake", type=Path, action="append", default=[])
    parser.add_argument("--modpost", type=Path, required=True)
    parser.add_argument("--sign", type=Path, required=True)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--mock", type=Path, required=True)
    parser.add_argument("--mock-core", action="append", default=[])
    parser.add_argument("--doc", type=Path, action="append", default=[])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lay_out(args, args.out)
    pack(args.out, args.name)


if __name__ == "__main__":
    main()
