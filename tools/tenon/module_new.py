"""`./tenon module new NAME DIR`: a module project outside this tree, ready to build.

The template is module-sdk/template; `@NAME@`, `@SDK@` and `@PRESET@` in its files and `NAME` in its
file names are filled in. The packed SDK of the preset is made if it is stale.
"""

import re
from pathlib import Path

from . import build, options, paths
from .errors import TenonError
from .progress import progress

TEMPLATE = paths.ROOT / "module-sdk" / "template"
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon module", usage="./tenon module new NAME DIR")
    parser.add_argument("action", choices=["new"])
    parser.add_argument("name")
    parser.add_argument("directory")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    args = parser.parse_args(argv)
    if not NAME.fullmatch(args.name):
        raise TenonError(f"{args.name!r} is no module name: lower-case letters, digits and _, "
                         "at most 31, a letter first")
    if not TEMPLATE.is_dir():
        raise TenonError("this tree has no module template (module-sdk/template)")
    directory = Path(args.directory)
    if directory.exists() and any(directory.iterdir()):
        raise TenonError(f"{directory} is not empty")
    build.build(args.preset, ["tenon_sdk"])
    sdk = paths.preset_dir(args.preset) / "sdk"
    values = {"@NAME@": args.name, "@SDK@": str(sdk), "@PRESET@": args.preset}
    for source in sorted(TEMPLATE.rglob("*")):
        if not source.is_file():
            continue
        target = directory / str(source.relative_to(TEMPLATE)).replace("NAME", args.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        for key, value in values.items():
            text = text.replace(key, value)
        target.write_text(text)
        target.chmod(source.stat().st_mode & 0o777)
    progress.say(f"{directory} holds the module {args.name}. Build and load it:\n"
                 f"  cmake -S {directory} -B {directory}/build -G Ninja && ninja -C {directory}/build\n"
                 f"  ./tenon run --module {directory}/build/ko/{args.name}.ko")
    return 0
