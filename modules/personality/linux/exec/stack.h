// The first stack of a program: strings, auxiliary vector, pointers, argc.
#pragma once

#include "personality/linux/exec/arguments.h"
#include "personality/linux/exec/elf.h"

namespace tenon::personality::elf {

struct StackInput {
    const ArgumentBlock& arguments;
    std::string_view path;
    const Image& image;
    const Placement& program;
    u64 interpreter_base;
    u64 stack_top;
    bool secure;  // AT_SECURE
};
// Writes it into the calling task's new space; the initial stack pointer. Fills layout.arg_*, env_*
// and aux. Error::fault, toobig, nomem.
Result<u64> build_stack(mm::AddressSpace& space, const StackInput& input);

}  // namespace tenon::personality::elf
