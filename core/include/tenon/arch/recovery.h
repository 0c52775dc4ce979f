// Calls that can be given up: what containment stands on.
//
// guarded_call() leaves a mark on the stack; whoever gives the call up continues behind it, with
// the stack and the callee-saved registers as they were. What the call had built between (locks,
// wait entries) is the caller's to undo before. The way back is taken from the record of the call
// (module::Crossing), never from a register or a stack that the call could have changed.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

// Runs function(argument) on the stack that ends at `stack` (its low four bits are left out; 0: on
// the caller's, some way down). True when it returned, false when the call was given up. `mark` is
// valid meanwhile, and is that of the current task's innermost Crossing.
// With protection keys, the function cannot write what is the core's (<tenon/arch/keys.h>). Fixed
// at boot.
using GuardedCall = bool(void (*function)(void*), void* argument, uptr* mark, uptr stack);
extern GuardedCall* guarded_call;
// Gives up the call that left `mark`. Irqs as they are.
extern "C" [[noreturn]] void abandon_call(uptr mark);
// A return address for a frame of the call: gives up the current task's innermost call.
extern "C" void abandon_landing();

// True for routines of the core that hold and change nothing but what they were given (memory
// copies): what goes wrong in them is their caller's fault.
bool is_leaf_text(uptr ip);

// Whether the eight bytes there can be read: for pointers that nobody vouches for.
bool is_readable(uptr address);

// The first return-address slot, from the frame of `frame_pointer` up to `limit`, whose content
// `wanted` says yes to; null when there is none.
uptr* find_return_slot(uptr frame_pointer, uptr limit, bool (*wanted)(uptr address));
// The frame that left `mark`: where the way up goes on behind that limit.
uptr frame_of_mark(uptr mark);

}  // namespace tenon::arch
