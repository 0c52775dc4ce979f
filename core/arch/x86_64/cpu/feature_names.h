// CPU feature bits, in the words and under the names that /proc/cpuinfo on x86 uses.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {
void read_feature_words(u32 (&words)[24]);
}
