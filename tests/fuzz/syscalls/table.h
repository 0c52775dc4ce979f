// What the fuzzer knows of the system calls. The generated half comes from the personality's one
// table.
#pragma once

#include <cstddef>
#include <string_view>

#include "random.h"

namespace fuzz {

enum class Kind : u8 {
    fd,
    integer,
    pid,
    flags,
    mode,
    signal,
    clock,
    size,
    pointer,
    address,
    path,
    offset
};

struct Argument {
    Kind kind;
    u8 bits;  // what the kernel takes of the register: 32 or 64
    std::string_view name;
};

struct Call {
    u16 number;
    std::string_view name;
    u8 count;
    Argument arguments[6];
};

extern const Call kCalls[];
extern const size_t kCallCount;

}  // namespace fuzz
