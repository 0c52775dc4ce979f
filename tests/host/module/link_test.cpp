#include <gtest/gtest.h>

#include <cstring>

#include "loader_entry.h"
#include "sample.h"

namespace tenon::module::test {
namespace {

template <typename T>
T at(const Loaded& l, u64 offset) {
    T value;
    std::memcpy(&value, l.kept.data() + offset, sizeof value);
    return value;
}

TEST(Link, applies_each_relocation) {
    auto file = ordinary().file();
    Loaded l = load_for_test(view(file));
    ASSERT_TRUE(l.result) << l.why_text;
    const u64 text = l.layout.section_offset[1], data = l.layout.section_offset[3],
              bss = l.layout.section_offset[4];
    const auto place = [&](u64 offset) { return kKeptAddress + text + offset; };
    EXPECT_EQ(place(1) + static_cast<u64>(i64{at<i32>(l, text + 1)}) + 4, kImportAddress);
    EXPECT_EQ(place(8) + static_cast<u64>(i64{at<i32>(l, text + 8)}) + 4, kKeptAddress + data + 4);
    EXPECT_EQ(static_cast<u64>(i64{at<i32>(l, text + 16)}), kKeptAddress + bss);
    const u64 slot = place(24) + static_cast<u64>(i64{at<i32>(l, text + 24)}) + 4 - kKeptAddress;
    EXPECT_EQ(slot, l.layout.got.offset);
    EXPECT_EQ(at<u64>(l, slot), kImportAddress);
    EXPECT_EQ(at<u64>(l, text + 32), kKeptAddress + data + 6);
    EXPECT_EQ(at<u64>(l, text + 40), kKeptAddress + text + 8 - place(40));
}

TEST(Link, keeps_regions_on_pages_of_their_own) {
    auto file = ordinary().file();
    Loaded l = load_for_test(view(file));
    ASSERT_TRUE(l.result);
    EXPECT_EQ(region_of({.sh_flags = SHF_ALLOC | SHF_EXECINSTR}, ".init.text"), Region::init_text);
    EXPECT_NE(l.layout.section_offset[1] / kPageSize, l.layout.section_offset[2] / kPageSize);
    EXPECT_NE(l.layout.section_offset[2] / kPageSize, l.layout.section_offset[3] / kPageSize);
    EXPECT_EQ(l.layout.section_offset[4] % 32, 0u);
    EXPECT_FALSE(l.layout.is_loaded(5));  // .modinfo
}

std::string refused(u32 type, u64 offset, i64 addend) {
    Sample s = ordinary();
    s.relocate(1, {{offset, ELF64_R_INFO(4, type), addend}});
    auto file = s.file();
    Loaded l = load_for_test(view(file));
    EXPECT_FALSE(l.result);
    return l.why_text;
}

TEST(Link, checks_the_range_of_narrow_relocations) {
    EXPECT_EQ(refused(R_X86_64_32, 0, 0),
              "relocation 32 (10) at .text+0x0 against import is out of range");
    EXPECT_EQ(refused(R_X86_64_PC32, 0, i64{1} << 32),
              "relocation PC32 (2) at .text+0x0 against import is out of range");
    EXPECT_EQ(refused(R_X86_64_32S, 0, i64{1} << 33),
              "relocation 32S (11) at .text+0x0 against import is out of range");
}

// Whether a relocation whose result is to be `value` is taken, and gives that.
bool gives(u32 type, u64 value) {
    const auto file_with = [&](i64 addend) {
        Sample s = ordinary();
        s.relocate(1, {{16, ELF64_R_INFO(4, type), addend}});
        return s.file();
    };
    // What the addend counts from: the place, the slot in the table, or nothing.
    auto probe_file = file_with(0);
    const Loaded probe = load_for_test(view(probe_file));
    u64 base = 0;
    const u64 place = kKeptAddress + probe.layout.section_offset[1] + 16;
    switch (type) {
        case R_X86_64_PC32:
        case R_X86_64_PLT32:
        case R_X86_64_PC64:
            base = kImportAddress - place;
            break;
        case R_X86_64_GOTPCREL:
        case R_X86_64_GOTPCRELX:
        case R_X86_64_REX_GOTPCRELX:
            // The sample's own relocation has the first slot.
            base = kKeptAddress + probe.layout.got.offset + 8 - place;
            break;
        default:
            base = kImportAddress;
    }
    auto file = file_with(static_cast<i64>(value - base));
    const Loaded l = load_for_test(view(file));
    if (!l.result) return false;
    const bool wide = type == R_X86_64_64 || type == R_X86_64_PC64;
    const u64 offset = l.layout.section_offset[1] + 16;
    if (wide) return at<u64>(l, offset) == value;
    return type == R_X86_64_32 ? at<u32>(l, offset) == value
                               : static_cast<u64>(i64{at<i32>(l, offset)}) == value;
}

TEST(Link, takes_each_type_to_the_end_of_its_range_and_no_further) {
    constexpr u64 kHigh = 0x7fffffff, kLow = 0xffffffff80000000;
    for (u32 type : {R_X86_64_32S, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_GOTPCREL,
                     R_X86_64_GOTPCRELX, R_X86_64_REX_GOTPCRELX}) {
        SCOPED_TRACE(arch::relocation_name(type));
        for (u64 value : {kHigh, kLow, u64{0}, ~u64{0}}) EXPECT_TRUE(gives(type, value)) << value;
        for (u64 value : {kHigh + 1, kLow - 1, u64{1} << 32, u64{1} << 63})
            EXPECT_FALSE(gives(type, value)) << value;
    }
    for (u64 value : {u64{0}, u64{0xffffffff}}) EXPECT_TRUE(gives(R_X86_64_32, value));
    for (u64 value : {u64{1} << 32, ~u64{0}}) EXPECT_FALSE(gives(R_X86_64_32, value));
    for (u32 type : {R_X86_64_64, R_X86_64_PC64})
        for (u64 value : {u64{0}, kHigh + 1, u64{1} << 63, ~u64{0}})
            EXPECT_TRUE(gives(type, value)) << value;
}

TEST(Link, refuses_places_outside_the_section_and_unknown_types) {
    EXPECT_EQ(refused(R_X86_64_64, 57, 0),
              "relocation 64 (1) at .text+0x39 against import is outside its section");
    EXPECT_EQ(
        refused(R_X86_64_64, ~u64{0}, 0),
        "relocation 64 (1) at .text+0xffffffffffffffff against import is outside its section");
    EXPECT_EQ(refused(R_X86_64_TPOFF32, 0, 0),
              "relocation ? (23) at .text+0x0 against import is of unknown type");
}

}  // namespace
}  // namespace tenon::module::test
