"""`./tenon module new NAME DIR`: a module project outside this tree, ready to build.

The templates are the folders of module-sdk/template; `@NAME@`, `@SDK@` and `@PRESET@` in their files and
`NAME` in their file names are filled in. The packed SDK of the preset is made if it is stale.
"""

import re
from pathlib import Path

from . import build, options, paths
from .errors import TenonError
from .progress import progress

TEMPLATES = paths.ROOT / "module-sdk" / "template"
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def main(argv: list[str]) -> int:
    parser = options.Parser(prog="./tenon module", usage="./tenon module new NAME DIR [--template T]")
    parser.add_argument("action", choices=["new"])
    parser.add_argument("name")
    parser.add_argument("directory")
    names = sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir())
    parser.add_argument("--template", choices=names, default="char", help="what kind of module")
    parser.add_argument("--preset", choices=build.PRESETS, default="release")
    args = parser.parse_args(argv)
    if not NAME.fullmatch(args.name):
        raise TenonError(f"{args.name!r} is no module name: lower-case letters, digits and _, "
                         "at most 31, a letter first")
    directory = Path(args.directory)
    if directory.exists() and any(directory.iterdir()):
        raise TenonError(f"{directory} is not empty")
    build.build(args.preset, ["tenon_sdk"])
    sdk = paths.preset_dir(args.preset) / "sdk"
    values = {"@NAME@": args.name, "@SDK@": str(sdk), "@PRESET@": args.preset}
    template = TEMPLATES / args.template
    for source in sorted(template.rglob("*")):
        if not source.is_file():
            continue
        target = directory / str(source.relative_to(template)).replace("NAME", args.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        for key, value in values.items():
            text = text.replace(key, value)
        target.write_text(text)
        target.chmod(source.stat().st_mode & 0o777)
    progress.say(f"{directory} holds the module {args.name}. Build and load it:\n"
                 f"  cmake -S {directory} -B {directory}/build -G Ninja && ninja -C {directory}/build\n"
                 f"  ninja -C {directory}/build check   # on the host, with sanitizers\n"
                 f"  ./tenon run --module {directory}/build/ko/{args.name}.ko")
    return 0
