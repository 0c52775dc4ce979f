// Instructions that may fault on a user address, and where to go on then.
//
// An entry is two distances, from the entry's own words to the instruction and to its continuation,
// so that it needs no relocation.
#pragma once

#include <tenon/lib/types.h>

#define TENON_FIXUP(from, to)                          \
    "\n\t.pushsection .fixups, \"a\"\n\t.balign 4\n\t" \
    ".long " from " - .\n\t.long " to " - .\n\t.popsection\n"

namespace tenon::arch::x86 {

// The continuation for a fault at `ip`, or 0.
u64 find_fixup(u64 ip);

}  // namespace tenon::arch::x86
