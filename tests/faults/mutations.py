"""Class B: one wrong instruction in a module's text, in the ways that Nooks and MINIX 3 found drivers to be wrong.

Pure: takes the bytes of an instruction, gives others of the same length. Spec: Intel SDM 2A chapter 2 (formats).
"""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PREFIXES = frozenset((0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0xF0))
PADDING = ("nop", "data16", "xchg   %ax,%ax", "int3", "cs nop")
# Those of one byte that have a ModRM byte.
MODRM = frozenset([op for low in range(0, 0x40, 8) for op in range(low, low + 4)]
                  + [0x62, 0x63, 0x69, 0x6B, *range(0x80, 0x90), 0xC0, 0xC1, 0xC4, 0xC5, 0xC6, 0xC7,
                     *range(0xD0, 0xD4), *range(0xD8, 0xE0), 0xF6, 0xF7, 0xFE, 0xFF])
NO_MODRM_0F = frozenset([0x05, 0x06, 0x08, 0x09, 0x0B, *range(0x30, 0x38), 0x77, *range(0x80, 0x90),
                         0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA, *range(0xC8, 0xD0)])
IMMEDIATE_8 = frozenset([0x6A, 0x6B, 0x80, 0x83, 0xC0, 0xC1, 0xC6, 0xA8, *range(0x04, 0x40, 8), *range(0xB0, 0xB8)])
IMMEDIATE_32 = frozenset([0x68, 0x69, 0x81, 0xC7, 0xA9, *range(0x05, 0x40, 8), *range(0xB8, 0xC0)])
# rdi, rsi, rdx, rcx: what a called function is given.
ARGUMENTS = ("di", "si", "dx", "cx")


@dataclass
class Instruction:
    offset: int
    code: bytes
    text: str
    opcode: int = 0       # 0x0fxx for those of two bytes
    modrm: int = -1       # where it is
    rex: int = -1
    immediate: int = 0    # bytes, at the end

    def __post_init__(self):
        at = 0
        while at < len(self.code) - 1 and self.code[at] in PREFIXES:
            at += 1
        if 0x40 <= self.code[at] < 0x50:
            self.rex, at = at, at + 1
        self.opcode = self.code[at]
        at += 1
        if self.opcode == 0x0F:
            self.opcode = 0x0F00 | self.code[at]
            at += 1
            has = (self.opcode & 0xFF) not in NO_MODRM_0F
            if self.opcode in (0x0F38, 0x0F3A):
                has = False
        else:
            has = self.opcode in MODRM
            wide = self.rex >= 0 and self.code[self.rex] & 8
            if self.opcode in IMMEDIATE_8:
                self.immediate = 1
            elif self.opcode in IMMEDIATE_32:
                self.immediate = 8 if wide and 0xB8 <= self.opcode < 0xC0 else 2 if 0x66 in self.code[:2] else 4
        if has and at < len(self.code):
            self.modrm = at

    @property
    def mod(self) -> int:
        return self.code[self.modrm] >> 6

    @property
    def has_memory(self) -> bool:
        """A memory operand with a base register."""
        if self.modrm < 0 or self.mod == 3:
            return False
        low = self.code[self.modrm] & 7
        if low == 4 and self.modrm + 1 < len(self.code):
            return not (self.mod == 0 and self.code[self.modrm + 1] & 7 == 5)
        return not (self.mod == 0 and low == 5)

    @property
    def is_condition(self) -> bool:
        return 0x70 <= self.opcode < 0x80 or 0x0F80 <= self.opcode < 0x0F90

    @property
    def is_move(self) -> bool:
        """Of two operands, whose ModRM says reg and r/m."""
        return self.modrm >= 0 and (self.opcode < 0x40 or 0x88 <= self.opcode <= 0x8D or self.opcode == 0x63
                                    or self.opcode in (0x84, 0x85, 0x0FB6, 0x0FB7, 0x0FBE, 0x0FBF, 0x0FAF)
                                    or 0x0F40 <= self.opcode < 0x0F50)

    @property
    def reg_is_source(self) -> bool:
        return self.opcode in (0x84, 0x85) or (self.opcode < 0x100 and self.opcode not in (0x63, 0x8D)
                                               and self.opcode & 2 == 0)


def instructions(module: Path) -> list[Instruction]:
    """Those of .text, without padding."""
    listing = subprocess.run(["objdump", "-d", "-w", "-j", ".text", "--insn-width=16", module], check=True,
                             capture_output=True, text=True).stdout
    found = []
    for offset, code, text in re.findall(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.*)$", listing, re.M):
        if not text.startswith(PADDING):
            found.append(Instruction(int(offset, 16), bytes.fromhex(code), text))
    return found


def other(value: int, count: int, rng: random.Random) -> int:
    return (value + rng.randrange(1, count)) % count


def set_bits(code: bytes, at: int, mask: int, value: int) -> bytes:
    return code[:at] + bytes([(code[at] & ~mask) | (value & mask)]) + code[at + 1:]


def change_reg(i: Instruction, code: bytes, rng) -> bytes:
    return set_bits(code, i.modrm, 0x38, other(code[i.modrm] >> 3 & 7, 8, rng) << 3)


def change_base(i: Instruction, code: bytes, rng) -> bytes:
    at = i.modrm
    if i.mod != 3 and code[at] & 7 == 4:
        at += 1
        return set_bits(code, at, 7, other(code[at] & 7, 8, rng))
    new = other(code[at] & 7, 8, rng)
    # 4 and, without a displacement, 5 would make it another length or another kind of operand.
    while i.mod != 3 and (new == 4 or (i.mod == 0 and new == 5) or new == code[at] & 7):
        new = other(new, 8, rng)
    return set_bits(code, at, 7, new)


def source(i: Instruction, code: bytes, rng) -> bytes:
    return change_reg(i, code, rng) if i.reg_is_source else change_base(i, code, rng)


def destination(i: Instruction, code: bytes, rng) -> bytes:
    return change_base(i, code, rng) if i.reg_is_source else change_reg(i, code, rng)


def invert(i: Instruction, code: bytes, rng) -> bytes:
    at = code.index(i.opcode & 0xFF) if i.opcode < 0x100 else code.index(0x0F) + 1
    return set_bits(code, at, 1, ~code[at])


def delete(i: Instruction, code: bytes, rng) -> bytes:
    return b"\x90" * len(code)


def off_by_one(i: Instruction, code: bytes, rng) -> bytes:
    value = int.from_bytes(code[-i.immediate:], "little") + rng.choice((-1, 1))
    return code[:-i.immediate] + (value % (1 << 8 * i.immediate)).to_bytes(i.immediate, "little")


def flip(i: Instruction, code: bytes, rng) -> bytes:
    bit = rng.randrange(8 * len(code))
    return set_bits(code, bit // 8, 1 << bit % 8, ~code[bit // 8])


# Which instructions it may strike, and how.
KINDS = {
    "source": (lambda i: i.is_move, source),
    "destination": (lambda i: i.is_move, destination),
    "pointer": (lambda i: i.has_memory, change_base),
    "interface": (lambda i: i.loads_argument, delete),
    "branch": (lambda i: i.is_condition, invert),
    "immediate": (lambda i: i.immediate > 0, off_by_one),
    "delete": (lambda i: True, delete),
    "flip": (lambda i: True, flip),
}


class Mutator:
    """Draws mutations of one module. The live bytes differ from the file's where relocations are."""

    def __init__(self, module: Path):
        self.all = instructions(module)
        for n, i in enumerate(self.all):
            # What a call behind it in the same run of instructions is given.
            i.loads_argument = i.text.startswith(("mov ", "lea ", "movzbl", "xor ")) and i.text.rstrip().endswith(
                ARGUMENTS) and any(j.text.startswith("call") for j in self.all[n + 1:n + 5])
        self.by_kind = {kind: [i for i in self.all if may(i)] for kind, (may, _) in KINDS.items()}

    def draw(self, rng: random.Random) -> tuple[str, Instruction]:
        kind = rng.choice([k for k, where in self.by_kind.items() if where])
        return kind, rng.choice(self.by_kind[kind])


def mutate(kind: str, instruction: Instruction, live: bytes, rng: random.Random) -> bytes:
    return KINDS[kind][1](instruction, live, rng)
