#!/usr/bin/env python3
"""Makes a C++ array of a file's bytes. usage: embed.py FILE OUT.cpp NAMESPACE NAME"""
import sys

data = open(sys.argv[1], "rb").read()
namespace, name = sys.argv[3:5]
rows = "\n".join("    " + " ".join(f"{b}," for b in data[i:i + 24]) for i in range(0, len(data), 24))
open(sys.argv[2], "w").write(
    f"namespace {namespace} {{\n\n"
    f"extern const unsigned char {name}[];\nextern const unsigned long {name}_bytes;\n"
    f"alignas(4096) constinit const unsigned char {name}[] = {{\n{rows}\n}};\n"
    f"constinit const unsigned long {name}_bytes = {len(data)};\n\n}}  // namespace {namespace}\n")
