// Spec: System V ABI, AMD64 supplement, section 4.4 (relocation). Every narrow type is checked: a
// silent truncation would be a jump into nowhere. Also built on the host, for tests and the fuzzer.
#include <elf.h>
#include <tenon/arch/relocate.h>

#include <cstring>

namespace tenon::arch {

namespace {

template <typename T>
RelocateStatus store(const Relocation& r, T value) {
    if (r.space_bytes < sizeof(T)) return RelocateStatus::outside_section;
    std::memcpy(r.place, &value, sizeof(T));
    return RelocateStatus::ok;
}

RelocateStatus store_signed32(const Relocation& r, u64 value) {
    const i64 wide = static_cast<i64>(value);
    if (wide != static_cast<i32>(wide)) return RelocateStatus::out_of_range;
    return store(r, static_cast<u32>(value));
}

}  // namespace

u16 elf_machine() {
    return EM_X86_64;
}

bool relocation_wants_got(u32 type) {
    return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX ||
           type == R_X86_64_REX_GOTPCRELX;
}

RelocateStatus relocate(const Relocation& r) {
    const u64 value = r.symbol + static_cast<u64>(r.addend);
    switch (r.type) {
        case R_X86_64_NONE:
            return RelocateStatus::ok;
        case R_X86_64_64:
            return store(r, value);
        case R_X86_64_32:
            if (value > 0xffff'ffff) return RelocateStatus::out_of_range;
            return store(r, static_cast<u32>(value));
        case R_X86_64_32S:
            return store_signed32(r, value);
        case R_X86_64_PC32:
        case R_X86_64_PLT32:  // every symbol is bound: no procedure table is needed
            return store_signed32(r, value - r.place_address);
        case R_X86_64_PC64:
            return store(r, value - r.place_address);
        case R_X86_64_GOTPCREL:
        case R_X86_64_GOTPCRELX:
        case R_X86_64_REX_GOTPCRELX:
            if (r.got_entry == nullptr) return RelocateStatus::unknown_type;
            *r.got_entry = r.symbol;
            return store_signed32(r, r.got_slot + static_cast<u64>(r.addend) - r.place_address);
        default:
            return RelocateStatus::unknown_type;
    }
}

const char* relocation_name(u32 type) {
    switch (type) {
        case R_X86_64_64:
            return "64";
        case R_X86_64_PC32:
            return "PC32";
        case R_X86_64_PLT32:
            return "PLT32";
        case R_X86_64_32:
            return "32";
        case R_X86_64_32S:
            return "32S";
        case R_X86_64_PC64:
            return "PC64";
        case R_X86_64_GOTPCREL:
            return "GOTPCREL";
        case R_X86_64_GOTPCRELX:
            return "GOTPCRELX";
        case R_X86_64_REX_GOTPCRELX:
            return "REX_GOTPCRELX";
        default:
            return "?";
    }
}

}  // namespace tenon::arch
