// Memory that only the core may write: protection keys for supervisor pages.
//
// Two keys: 0 is everybody's, 1 the core's. While code of a module that can fail runs, this CPU's
// rights forbid writes to key 1: arch::guarded_call() takes them away, an import stub gives them
// back for the time of a call into the core, and every trap runs with all of them. On by
// `module.keys=on`, where the CPU has such keys; `module.keys=report` tells of a violation and lets
// it pass.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

extern "C" {
// Fixed at boot.
extern u8 tenon_keys_on;
}
inline bool keys_on() {
    return tenon_keys_on != 0;
}

// Gives whole pages to the core, or back to everybody: those of [start, start + length_bytes), and
// their alias in the direct map. Nothing without keys. Any context; other CPUs may go by the old
// key for a while.
void set_core_only(const void* start, usize length_bytes, bool core_only);
bool is_core_only(uptr address);

// A stub by which module text calls `target`, which runs with the core's rights. Needed for core
// text but the memory copies, which run with their caller's.
inline constexpr usize kImportStubBytes = 32;
inline constexpr usize kStubLanding = 15;  // where in it the core returns to
bool wants_import_stub(u64 target);
bool is_copy_text(uptr ip);
void write_import_stub(u8* memory, u64 address, u64 target);

// What such a call leaves with the innermost crossing: where its return address is on the stack,
// and what that was. Zero `slot`: no call is out; guarded_call() starts with that. Without keys it
// is not looked at.
struct CallOut {
    uptr slot;     // where the return address lies
    uptr address;  // what it was
};

}  // namespace tenon::arch
