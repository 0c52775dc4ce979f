// What /sys/devices/system/cpu/cpuN tells of a CPU: its caches, and its place among the others.
#pragma once

#include <tenon/arch/cpu.h>

namespace tenon::sysfs {

struct Cache {
    enum class Type : u8 { data, instruction, unified };
    Type type = Type::data;
    u32 level = 0, size_kib = 0, line_bytes = 0, ways = 0, sets = 0, partitions = 1;
    u32 id = 0;      // the same for all that share it
    CpuMask shared;  // by whom, itself included
};

struct CpuFacts {
    static constexpr u32 kMaxCaches = 8;
    u32 package = 0, core = 0;
    CpuMask threads, siblings;  // of its core; of its package
    Cache caches[kMaxCaches];
    u32 cache_count = 0;
};

// Asks the CPUs themselves. Nothing but zeros for one that is not online.
CpuFacts cpu_facts(u32 cpu);

}  // namespace tenon::sysfs
