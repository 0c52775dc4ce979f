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
