#!/usr/bin/env python3
"""The reference of the kernel API, made by Doxygen from the public headers; and a gate on it.

    ci/api_docs.py --out DIR          writes DIR/html
    ci/api_docs.py --out DIR --check  fails when a public name has no comment

The sources keep plain // comments. Doxygen reads them through this program (--filter FILE), by these rules: a
block of // lines directly above a declaration is its documentation, and that of the declarations which follow it
without a blank line or a comment of their own; a // behind a declaration is that one's; the block at the top of a
file is the file's. Namespaces called `detail`, private members, and what the language defines (constructors,
destructors, operators) need none.

Names that were there without a comment when the gate came are counted in ci/api_docs.allowed, by file: no number
may grow. `--count` prints the present ones.
"""

import argparse
import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = ROOT / "ci/api_docs.allowed"
COMMENT = re.compile(r"^(\s*)//(?!/)\s?(.*)$")
TRAILING = re.compile(r"^(\s*\S.*?[;,{})\w])\s+//(?!/)\s?(.*)$")
UNDOCUMENTED = re.compile(r"^(.*?):(\d+): warning: (.*) is not documented\.")

SETTINGS = """
PROJECT_NAME = "Tenon kernel API"
OUTPUT_DIRECTORY = "{out}"
INPUT = {inputs}
FILE_PATTERNS = *.h
RECURSIVE = YES
FULL_PATH_NAMES = YES
STRIP_FROM_PATH = {inputs}
INPUT_FILTER = "{python} {self} --filter"
FILTER_SOURCE_FILES = NO
EXCLUDE_PATTERNS = */impl/*
EXCLUDE_SYMBOLS = *::detail detail::* tenon_module_definition* *Hook* boost* SubtleInternal
EXTRACT_ALL = NO
EXTRACT_PRIVATE = NO
HIDE_FRIEND_COMPOUNDS = YES
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = "TENON_API=" "TENON_NONCOPYABLE(T)=" "TENON_CAPABILITY(x)=" "GUARDED_BY(x)=" "ACQUIRE(...)=" \\
    "RELEASE(...)=" "REQUIRES(...)=" "SCOPED_CAPABILITY=" "TENON_DEBUG=0"
HAVE_DOT = NO
CLASS_GRAPH = NO
GENERATE_HTML = {html}
GENERATE_LATEX = NO
GENERATE_XML = {xml}
QUIET = YES
WARNINGS = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = NO
WARN_IF_INCOMPLETE_DOC = NO
WARN_NO_PARAMDOC = NO
WARN_LOGFILE = "{out}/warnings.txt"
"""


def escape(text: str) -> str:
    """What Doxygen would take for a command, a tag or a link."""
    return re.sub(r"([@\\<>#%&$])", r"\\\1", text)


def filtered(text: str) -> str:
    lines = text.splitlines()
    out: list[str] = []
    at = 0
    head = True
    spoken: list[str] = []  # the comment that the present paragraph is under
    depth = 0               # of brackets left open by the declaration above
    while at < len(lines):
        block = []
        while at < len(lines) and (match := COMMENT.match(lines[at])):
            block.append(escape(match[2]))
            at += 1
        following = lines[at].strip() if at < len(lines) else ""
        if block and head:
            out += ["/// \\file", *(f"/// {line}" for line in block)]
            head = False
            continue
        head = False
        if block:
            if not following or following.startswith(("#", "}", "public:", "private:")):
                out += [f"// {line}" for line in block]
            else:
                spoken = block
                out += [f"/// {line}" for line in block]
                depth = 0
                fresh = True
        if at >= len(lines):
            break
        line = lines[at]
        at += 1
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "}", "namespace")):
            spoken = [] if not stripped else spoken
            depth = 0
            out.append(line)
            continue
        match = TRAILING.match(line)
        own = match is not None and "://" not in line
        starts = depth == 0 and not stripped.startswith((":", "?", "&&", "||", ")", "{"))
        if spoken and not block and starts and not own:
            out += [f"/// {text}" for text in spoken]
        code = match[1] if own else line
        out.append(f"{code}  ///< {escape(match[2])}" if own else line)
        bare = re.sub(r'"[^"]*"', "", code)
        depth += sum(bare.count(c) for c in "({[") - sum(bare.count(c) for c in ")}]")
        if depth == 0 and not re.search(r"[;},{]\s*$", bare):
            depth = 0
    return "\n".join(out) + "\n"


def inputs() -> list[Path]:
    return [ROOT / "core/include", *sorted(ROOT.glob("modules/**/include"))]


def generate(out: Path, html: bool) -> list[tuple[str, str]]:
    out.mkdir(parents=True, exist_ok=True)
    settings = SETTINGS.format(out=out, inputs=" ".join(str(i) for i in inputs()), xml="NO" if html
                               else "YES",
                               python=sys.executable, self=Path(__file__).resolve(),
                               html="YES" if html else "NO")
    (out / "Doxyfile").write_text(settings)
    subprocess.run(["doxygen", out / "Doxyfile"], check=True, stdout=subprocess.DEVNULL)
    missing = set()
    for line in (out / "warnings.txt").read_text().splitlines():
        if match := UNDOCUMENTED.match(line):
            path, what = Path(match[1]), match[3]
            name = re.sub(r"^(Member|Compound) ", "", re.sub(r" of (class|struct|union) .*", "", what))
            scope = re.search(r" of (?:class|struct) (?:.*::)?(\w+)", what)
            special = "operator" in name or name.startswith("~") or (
                scope and name.startswith((scope[1] + "(", f"~{scope[1]}")))
            if not special:
                missing.add((str(path.relative_to(ROOT)) if path.is_absolute() else match[1],
                             f"{match[2]}: {name}"))
    return sorted(missing)


def check(missing: list[tuple[str, str]]) -> int:
    allowed = {}
    for line in ALLOWED.read_text().splitlines():
        if line and not line.startswith("#"):
            path, number = line.split()
            allowed[path] = int(number)
    counts = collections.Counter(path for path, _ in missing)
    problems = 0
    for path in sorted(set(counts) | set(allowed)):
        have, may = counts[path], allowed.get(path, 0)
        if have > may:
            problems += 1
            print(f"{path}: {have} public names without a comment, {may} allowed:")
            for other, what in missing:
                if other == path:
                    print(f"  {path}:{what}")
        elif have < may:
            print(f"{path}: {have} names without a comment now: lower its line in {ALLOWED.name}")
    print(f"{sum(counts.values())} public names without a comment, {problems} problems")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--filter", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--count", action="store_true", help="print the lines of api_docs.allowed")
    args = parser.parse_args()
    if args.filter:
        sys.stdout.write(filtered(args.filter.read_text()))
        return 0
    missing = generate(args.out.resolve(), not args.check and not args.count)
    if args.count:
        for path, number in sorted(collections.Counter(p for p, _ in missing).items()):
            print(path, number)
        return 0
    return check(missing) if args.check else 0


if __name__ == "__main__":
    sys.exit(main())
