"""Builds modules against the packed SDK, in an empty folder. See README.md."""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def run(*command, cwd=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


class Place:
    """An empty folder with the SDK unpacked in it."""

    def __init__(self, sdk: Path, root: Path):
        self.root = root
        archive = next(sdk.glob("tenon-module-sdk-*.tar.xz"), None)
        if archive is None:
            sys.exit("no packed SDK: build the target sdk first")
        with tarfile.open(archive) as tar:
            tar.extractall(root)
        self.sdk = root / archive.name.removesuffix(".tar.xz")

    def project(self, name: str, source: str = "", uses: str = "", template: str = "char") -> Path:
        folder = self.root / name
        folder.mkdir()
        for file in (self.sdk / "share/tenon/template" / template).iterdir():
            text = file.read_text().replace("@NAME@", name).replace("@SDK@", str(self.sdk))
            (folder / file.name.replace("NAME", name)).write_text(text)
        if source:
            (folder / f"{name}.cpp").write_text(source)
            (folder / f"{name}_test.cpp").unlink()
        if uses:
            lists = folder / "CMakeLists.txt"
            lists.write_text(lists.read_text().replace(f"{name}.cpp TEST", f"{name}.cpp USES {uses} TEST"))
        return folder

    def build(self, folder: Path, *options: str):
        code, out = run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", *options)
        if code != 0:
            return code, out
        return run("ninja", "-C", folder / "build")

    def must_build(self, folder: Path, *options: str) -> Path:
        code, out = self.build(folder, *options)
        if code != 0:
            sys.exit(f"{folder.name} does not build:\n{out}")
        return folder / "build/ko" / f"{folder.name}.ko"

    def must_refuse(self, folder: Path, pattern: str) -> None:
        code, out = self.build(folder)
        if code == 0:
            sys.exit(f"{folder.name} builds, but must be refused")
        if not re.search(pattern, out):
            sys.exit(f"{folder.name}: the refusal does not say /{pattern}/:\n{out}")


MODULE = """
#include <tenon/module/module.h>
using namespace tenon;
{body}
class Instance final : public module::Instance {{
  public:
    static Result<std::unique_ptr<Instance>> create(module::Context&) {{
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        if (!self) return Err(Error::nomem);
        {statement}
        return self;
    }}
}};
TENON_MODULE(Instance, {{.name = "{name}"}});
"""


def template(place: Place, _source: Path) -> None:
    module = place.must_build(place.project("sample"))
    code, out = run("/sbin/modinfo", module)
    if code != 0 or not re.search(r"^vermagic: +6\.1\.0-tenon ", out, re.M):
        sys.exit(f"modinfo does not read it:\n{out}")


def templates(place: Place, _source: Path) -> None:
    """Each builds against the packed SDK, and passes its own test on the mock core, which the first builds for all."""
    options: list[str] = []
    for folder in sorted((place.sdk / "share/tenon/template").iterdir()):
        project = place.project(f"my_{folder.name}", template=folder.name)
        place.must_build(project, *options)
        code, out = run("ninja", "-C", project / "build", "check")
        options = options or [f"-DTENON_MOCK_LIBRARY={project}/build/libtenon_mock_core.a"]
        if code != 0 or "100% tests passed" not in out:
            sys.exit(f"the test of the template {folder.name} fails:\n{out}")


def guide(place: Place, source: Path) -> None:
    text = (source / "docs/module-guide.md").read_text()
    code = re.search(r"^```cpp\n(.*?)^```", text, re.M | re.S).group(1)
    place.must_build(place.project("fact", code, uses="pci"))


def changed_type(place: Place, _source: Path) -> None:
    header = place.sdk / "include/tenon/device/device.h"
    text = header.read_text()
    changed = text.replace("u32 mode = 0444;", "u32 mode = 0444;\n    u32 added = 0;", 1)
    assert changed != text
    header.write_text(changed)
    place.must_refuse(place.project("sample"),
                      r"type tenon::device::AttributeInfo is [0-9a-f]{8} here, core was built with "
                      r"[0-9a-f]{8}: its header was changed")


def unknown_symbol(place: Place, _source: Path) -> None:
    source = MODULE.format(name="lost", body="void elsewhere(int);", statement="elsewhere(1);")
    place.must_refuse(place.project("lost", source), r"modpost: lost: nobody exports elsewhere\(int\)")


def constructor(place: Place, _source: Path) -> None:
    body = "int compute(); struct Early { Early() { value = compute(); } int value; } early;"
    source = MODULE.format(name="early", body=body + " int compute() { return 3; }",
                           statement="asm volatile(\"\" ::\"r\"(&early));")
    place.must_refuse(place.project("early", source), r"section \.init_array: a global object has a")


def reproducible(place: Place, _source: Path) -> None:
    first = place.must_build(place.project("sample")).read_bytes()
    run("rm", "-rf", place.root / "sample")
    second = place.must_build(place.project("sample")).read_bytes()
    if first != second:
        sys.exit("two builds of the same sources differ")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sdk", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("case")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        globals()[args.case](Place(args.sdk, Path(root)), args.source)


if __name__ == "__main__":
    main()
