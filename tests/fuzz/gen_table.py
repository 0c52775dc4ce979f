#!/usr/bin/env python3
"""Makes the fuzzer's table out of the personality's.

usage: gen_table.py SYSCALLS.TABLE OUT.cpp COMPILER
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "modules" / "personality" / "linux" / "tools"))
sys.dont_write_bytecode = True

import gen_syscalls  # noqa: E402

KINDS = {"int": "integer", "uint": "integer", "long": "integer", "ulong": "integer", "sig": "signal", "ptr": "pointer",
         "addr": "address", "off": "offset"}


def main() -> None:
    table, out, compiler = sys.argv[1:4]
    rows = []
    for number, name, arguments in gen_syscalls.parse(table, gen_syscalls.numbers(compiler)):
        listed = ", ".join(f'{{Kind::{KINDS.get(t, t)}, {gen_syscalls.CXX[t][1:]}, "{a}"}}' for t, a in arguments)
        rows.append(f'    {{{number}, "{name}", {len(arguments)}, {{{listed}}}}},\n')
    gen_syscalls.emit(out, "// Made from syscalls.table by gen_table.py.\n#include \"table.h\"\n\nnamespace fuzz {\n\n"
                      "constinit const Call kCalls[] = {\n" + "".join(rows) + "};\n"
                      "const size_t kCallCount = sizeof(kCalls) / sizeof(kCalls[0]);\n\n}  // namespace fuzz\n")


main()
