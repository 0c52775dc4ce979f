// Relocation of loaded code, machine by machine.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::arch {

// The ELF e_machine that this kernel loads.
u16 elf_machine();

struct Relocation {
    u32 type;
    u8* place;          // where the bytes are now
    u64 space_bytes;    // how many bytes from `place` to the end of the section
    u64 place_address;  // where they will run
    u64 symbol;         // S
    i64 addend;         // A
    u64 got_slot;       // run-time address of this relocation's slot, if it wants_got
    u64* got_entry;     // the slot itself
};

enum class RelocateStatus : u8 { ok, unknown_type, out_of_range, outside_section };
// Pure: touches only the place and the slot.
RelocateStatus relocate(const Relocation& relocation);
// True for the types that go through a table slot holding the symbol's address.
bool relocation_wants_got(u32 type);
const char* relocation_name(u32 type);

}  // namespace tenon::arch
