// Weights of the nice levels: each is worth about 1.25 of the next, so that one level shifts about
// ten per cent of a CPU between two tasks.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::sched {

inline constexpr u32 kNiceZeroWeight = 1024;
inline constexpr u32 kIdleWeight = 3;

// Index 0 is nice -20. The values are those of Linux, because programs' tests know the ratios.
inline constexpr u32 kNiceWeights[40] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};

constexpr u32 weight_of_nice(i32 nice) {
    return kNiceWeights[nice + 20];
}

}  // namespace tenon::sched
