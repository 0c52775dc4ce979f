#!/usr/bin/env python3
"""Makes the prototypes, the dispatch table and the strace decoder from syscalls.table.

usage: gen_syscalls.py TABLE OUTPUT_DIR COMPILER

The numbers of <asm/unistd.h> come through the compiler's preprocessor: they name the calls that are
not there, and a line of the table whose number is not the header's fails the build.
"""
import os
import subprocess
import sys

CXX = {t: c for c, ts in {
    "i32": ("fd", "int", "pid"),
    "u32": ("uint", "mode", "flags", "sig", "clock"),
    "u64": ("ulong", "size", "ptr", "addr", "path"),
    "i64": ("long", "off"),
}.items() for t in ts}


def numbers(compiler):
    text = subprocess.run([compiler, "-x", "c", "-E", "-dM", "-"], input="#include <asm/unistd.h>\n",
                          capture_output=True, text=True, check=True).stdout
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1].startswith("__NR_") and words[2].isdigit():
            found[words[1][5:]] = int(words[2])
    return found


def parse(path, known):
    calls = []
    for row, line in enumerate(open(path), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        number, name, args = int(words[0]), words[1], [w.split(":") for w in words[2:]]
        if known.get(name) != number:
            sys.exit(f"{path}:{row}: {name} is {known.get(name)} in <asm/unistd.h>, not {number}")
        if any(len(a) != 2 or a[0] not in CXX for a in args) or len(args) > 6:
            sys.exit(f"{path}:{row}: bad argument of {name}")
        if calls and number <= calls[-1][0]:
            sys.exit(f"{path}:{row}: not sorted by number")
        calls.append((number, name, args))
    return calls


def emit(path, text):
    if os.path.exists(path) and open(path).read() == text:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)


def main():
    table, directory, compiler = sys.argv[1:4]
    known = numbers(compiler)
    calls = parse(table, known)
    note = "// Made from syscalls.table by gen_syscalls.py.\n"

    head = [note, "#pragma once\n\n#include <tenon/arch/user_regs.h>\n#include <tenon/lib/result.h>\n\n",
            "namespace tenon::personality {\n\n"]
    for _, name, args in calls:
        head.append(f"Result<i64> sys_{name}({', '.join(CXX[t] + ' ' + a for t, a in args)});\n")
    head.append("\n}  // namespace tenon::personality\n")
    emit(os.path.join(directory, "personality/linux/generated/syscalls.h"), "".join(head))

    count = max(n for n in known.values() if n < 1024) + 1
    body = [note, '#include "personality/linux/dispatch.h"\n'
            '#include "personality/linux/generated/syscalls.h"\n\n'
            "namespace tenon::personality {\n\nnamespace {\n\n"]
    for _, name, args in calls:
        parameter = "const arch::UserRegs& regs" if args else "const arch::UserRegs&"
        casts = ", ".join(f"static_cast<{CXX[t]}>(regs.syscall_arg({i}))" for i, (t, _) in enumerate(args))
        body.append(f"Result<i64> call_{name}({parameter}) {{\n    return sys_{name}({casts});\n}}\n")
    body.append("\n}  // namespace\n\n")
    body.append(f"constinit const SyscallHandler kSyscalls[kSyscallCount] = {{\n")
    by_number = {n: name for n, name, _ in calls}
    for n in range(count):
        body.append(f"    call_{by_number[n]},\n" if n in by_number else "    missing_syscall,\n")
    body.append("};\n\nconstinit const SyscallInfo kSyscallInfos[kSyscallCount] = {\n")
    all_names = {n: name for name, n in known.items()}
    arguments = {n: args for n, _, args in calls}
    for n in range(count):
        args = arguments.get(n, [])
        listed = ", ".join(f'{{ArgType::{t}_, "{a}"}}' for t, a in args)
        body.append(f'    {{"{all_names.get(n, "")}", {len(args)}, {"true" if n in by_number else "false"}, {{{listed}}}}},\n')
    body.append("};\n\n}  // namespace tenon::personality\n")
    emit(os.path.join(directory, "personality/linux/generated/dispatch.cpp"), "".join(body))
    emit(os.path.join(directory, "personality/linux/generated/syscall_count.h"),
         note + "#pragma once\n\n#include <tenon/lib/types.h>\n\nnamespace tenon::personality {\n\n"
         f"inline constexpr u32 kSyscallCount = {count};\n\n}}  // namespace tenon::personality\n")


if __name__ == "__main__":
    main()
