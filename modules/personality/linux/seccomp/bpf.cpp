#include "personality/linux/seccomp/bpf.h"

namespace tenon::personality::bpf {

namespace {

constexpr u32 kDataBytes = sizeof(uapi::seccomp_data);

bool is_arithmetic(u16 operation) {
    switch (operation) {
        case BPF_ADD:
        case BPF_SUB:
        case BPF_MUL:
        case BPF_DIV:
        case BPF_AND:
        case BPF_OR:
        case BPF_XOR:
        case BPF_LSH:
        case BPF_RSH:
            return true;
        default:
            return false;
    }
}

bool valid_arithmetic(const Instruction& i) {
    if (i.code == (BPF_ALU | BPF_NEG)) return true;
    if ((i.code & ~(BPF_OP(0xff) | BPF_X)) != BPF_ALU || !is_arithmetic(BPF_OP(i.code)))
        return false;
    if (BPF_SRC(i.code) == BPF_X) return true;
    if (BPF_OP(i.code) == BPF_DIV) return i.k != 0;
    if (BPF_OP(i.code) == BPF_LSH || BPF_OP(i.code) == BPF_RSH) return i.k < 32;
    return true;
}

// `left`: instructions after this one.
bool valid_jump(const Instruction& i, usize left) {
    if (i.code == (BPF_JMP | BPF_JA)) return i.k < left;
    switch (i.code & ~BPF_X) {
        case BPF_JMP | BPF_JEQ:
        case BPF_JMP | BPF_JGE:
        case BPF_JMP | BPF_JGT:
        case BPF_JMP | BPF_JSET:
            return i.jt < left && i.jf < left;
        default:
            return false;
    }
}

bool valid(const Instruction& i, usize left) {
    switch (i.code) {
        case BPF_LD | BPF_W | BPF_ABS:
            return i.k < kDataBytes && i.k % sizeof(u32) == 0;
        case BPF_LD | BPF_W | BPF_LEN:
        case BPF_LDX | BPF_W | BPF_LEN:
        case BPF_LD | BPF_IMM:
        case BPF_LDX | BPF_IMM:
        case BPF_RET | BPF_K:
        case BPF_RET | BPF_A:
        case BPF_MISC | BPF_TAX:
        case BPF_MISC | BPF_TXA:
            return true;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
        case BPF_ST:
        case BPF_STX:
            return i.k < BPF_MEMWORDS;
        default:
            return valid_arithmetic(i) || (BPF_CLASS(i.code) == BPF_JMP && valid_jump(i, left));
    }
}

// Each scratch word must be written on every way to its reader. `reach[n]` collects what all jumps
// to n have written.
Result<void> check_scratch(std::span<const Instruction> program) {
    std::unique_ptr<u16[]> reach(new (std::nothrow) u16[program.size()]);
    if (!reach) return Err(Error::nomem);
    std::memset(reach.get(), 0xff, program.size() * sizeof(u16));
    u16 written = 0;
    for (usize at = 0; at < program.size(); ++at) {
        const Instruction& i = program[at];
        written &= reach[at];
        switch (i.code) {
            case BPF_ST:
            case BPF_STX:
                written |= static_cast<u16>(1u << i.k);
                break;
            case BPF_LD | BPF_MEM:
            case BPF_LDX | BPF_MEM:
                if ((written & (1u << i.k)) == 0) return Err(Error::inval);
                break;
            case BPF_JMP | BPF_JA:
                reach[at + 1 + i.k] &= written;
                written = 0xffff;
                break;
            default:
                if (BPF_CLASS(i.code) != BPF_JMP) break;
                reach[at + 1 + i.jt] &= written;
                reach[at + 1 + i.jf] &= written;
                written = 0xffff;
                break;
        }
    }
    return {};
}

u32 compute(u16 operation, u32 a, u32 b) {
    switch (operation) {
        case BPF_ADD:
            return a + b;
        case BPF_SUB:
            return a - b;
        case BPF_MUL:
            return a * b;
        case BPF_DIV:
            return a / b;
        case BPF_AND:
            return a & b;
        case BPF_OR:
            return a | b;
        case BPF_XOR:
            return a ^ b;
        // Counts from X are not checked beforehand; the machine takes them modulo 32.
        case BPF_LSH:
            return a << (b % 32);
        default:
            return a >> (b % 32);
    }
}

bool holds(u16 condition, u32 a, u32 b) {
    switch (condition) {
        case BPF_JEQ:
            return a == b;
        case BPF_JGT:
            return a > b;
        case BPF_JGE:
            return a >= b;
        default:
            return (a & b) != 0;
    }
}

}  // namespace

Result<void> check(std::span<const Instruction> program) {
    for (usize at = 0; at < program.size(); ++at)
        if (!valid(program[at], program.size() - at - 1)) return Err(Error::inval);
    if (BPF_CLASS(program.back().code) != BPF_RET) return Err(Error::inval);
    return check_scratch(program);
}

u32 run(std::span<const Instruction> program, std::span<const u32> data) {
    u32 a = 0, x = 0, scratch[BPF_MEMWORDS] = {};
    for (usize at = 0;; ++at) {
        const Instruction& i = program[at];
        const u32 operand = BPF_SRC(i.code) == BPF_X ? x : i.k;
        switch (i.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                a = data[i.k / sizeof(u32)];
                break;
            case BPF_LD | BPF_W | BPF_LEN:
                a = kDataBytes;
                break;
            case BPF_LDX | BPF_W | BPF_LEN:
                x = kDataBytes;
                break;
            case BPF_LD | BPF_IMM:
                a = i.k;
                break;
            case BPF_LDX | BPF_IMM:
                x = i.k;
                break;
            case BPF_LD | BPF_MEM:
                a = scratch[i.k];
                break;
            case BPF_LDX | BPF_MEM:
                x = scratch[i.k];
                break;
            case BPF_ST:
                scratch[i.k] = a;
                break;
            case BPF_STX:
                scratch[i.k] = x;
                break;
            case BPF_MISC | BPF_TAX:
                x = a;
                break;
            case BPF_MISC | BPF_TXA:
                a = x;
                break;
            case BPF_RET | BPF_K:
                return i.k;
            case BPF_RET | BPF_A:
                return a;
            case BPF_JMP | BPF_JA:
                at += i.k;
                break;
            case BPF_ALU | BPF_NEG:
                a = 0 - a;
                break;
            default:
                if (BPF_CLASS(i.code) == BPF_JMP) {
                    at += holds(BPF_OP(i.code), a, operand) ? i.jt : i.jf;
                } else {
                    // A division by zero ends the program with 0: the strictest answer.
                    if (BPF_OP(i.code) == BPF_DIV && operand == 0) return 0;
                    a = compute(BPF_OP(i.code), a, operand);
                }
                break;
        }
    }
}

}  // namespace tenon::personality::bpf
