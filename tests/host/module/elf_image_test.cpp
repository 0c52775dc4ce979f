#include "core/module/elf_image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "loader_entry.h"
#include "sample.h"

namespace tenon::module::test {
namespace {

std::string refusal(const std::vector<u64>& file) {
    Loaded loaded = load_for_test(view(file));
    EXPECT_FALSE(loaded.result);
    return loaded.why_text;
}
Elf64_Ehdr& header(std::vector<u64>& file) {
    return *reinterpret_cast<Elf64_Ehdr*>(file.data());
}
Elf64_Shdr& section(std::vector<u64>& file, usize index) {
    return reinterpret_cast<Elf64_Shdr*>(reinterpret_cast<u8*>(file.data()) +
                                         header(file).e_shoff)[index];
}

TEST(ElfImage, takes_an_ordinary_object) {
    auto file = ordinary().file();
    Loaded loaded = load_for_test(view(file));
    EXPECT_TRUE(loaded.result) << loaded.why_text;
}

TEST(ElfImage, says_what_is_wrong_with_a_header) {
    std::vector<u64> garbage(20, 0x4141414141414141);
    EXPECT_EQ(refusal(garbage), "not an ELF file");
    EXPECT_EQ(refusal({0x464c457f}), "8 bytes are too few for an ELF file");
    auto file = ordinary().file();
    header(file).e_machine = EM_AARCH64;
    EXPECT_EQ(refusal(file), "built for machine 183 (ELF e_machine), this one is 62");
    header(file).e_machine = EM_X86_64;
    header(file).e_type = ET_DYN;
    EXPECT_EQ(refusal(file), "ELF type 3 is not a relocatable file");
}

TEST(ElfImage, refuses_every_truncation) {
    const auto file = ordinary().file();
    const auto whole = view(file);
    for (usize n = 0; n + 8 < whole.size(); ++n) {
        std::vector<u64> cut((n + 7) / 8 + 1);
        std::memcpy(cut.data(), whole.data(), n);
        Loaded loaded = load_for_test({reinterpret_cast<const u8*>(cut.data()), n});
        EXPECT_FALSE(loaded.result) << n;
        EXPECT_NE(std::strlen(loaded.why_text), 0u) << n;
    }
}

TEST(ElfImage, refuses_constructors_and_percpu) {
    Sample s = ordinary();
    s.add({.name = ".init_array",
           .type = SHT_INIT_ARRAY,
           .flags = SHF_ALLOC | SHF_WRITE,
           .bytes = std::vector<u8>(8),
           .alignment = 8});
    EXPECT_NE(refusal(s.file()).find("global constructors"), std::string::npos);
    s = ordinary();
    s.add({.name = ".percpu", .flags = SHF_ALLOC | SHF_WRITE, .bytes = std::vector<u8>(8)});
    EXPECT_NE(refusal(s.file()).find(".percpu"), std::string::npos);
}

TEST(ElfImage, refuses_writable_code_and_foreign_symbols) {
    Sample s = ordinary();
    s.sections[0].flags |= SHF_WRITE;
    EXPECT_EQ(refusal(s.file()), "section .text is writable and executable");
    s = ordinary();
    s.symbols[1].st_value = 17;
    EXPECT_EQ(refusal(s.file()), "symbol object [0x11, +0x0) is outside its section");
    s = ordinary();
    s.symbols[0].st_shndx = 99;
    EXPECT_NE(refusal(s.file()).find("is in section 99 of"), std::string::npos);
}

TEST(ElfImage, refuses_section_outside_file) {
    auto file = ordinary().file();
    section(file, 1).sh_size = u64{1} << 40;
    EXPECT_NE(refusal(file).find("truncated: section .text"), std::string::npos);
    file = ordinary().file();
    section(file, 1).sh_offset = ~u64{0};
    EXPECT_NE(refusal(file).find("truncated: section .text"), std::string::npos);
}

TEST(ElfImage, refuses_names_that_would_take_for_ever) {
    Sample s = ordinary();
    s.symbol(std::string(ElfImage::kMaxNameBytes, 'x'), 1, 0);
    EXPECT_EQ(refusal(s.file()), "symbol 5: its name is longer than 4096");
    s = ordinary();
    s.sections[0].name = std::string(ElfImage::kMaxNameBytes, 'x');
    EXPECT_EQ(refusal(s.file()), "section 1: its name is longer than 4096");
    // 2^13 symbols with one name of 4095 bytes: 2^25 bytes of names to keep.
    s = ordinary();
    s.symbol(std::string(ElfImage::kMaxNameBytes - 1, 'x'), 1, 0);
    s.repeat_last_symbol = 1u << 13;
    EXPECT_NE(refusal(s.file()).find("bytes of names, more than 16777216"), std::string::npos);
    s = ordinary();
    s.repeat_last_symbol = ElfImage::kMaxSymbols;
    EXPECT_NE(refusal(s.file()).find("symbols; at most 131072 are read"), std::string::npos);
}

TEST(Records, a_table_in_another_order_does_not_take_for_ever) {
    constexpr u32 kCount = 1 << 14;
    std::vector<u8> section(8 + kCount * sizeof(SymbolRecord) + 1);
    std::memcpy(section.data(), &kCount, 4);
    RecordReader records(section);
    SymbolRecord record;
    for (u32 i = 0; i < kCount; ++i) EXPECT_FALSE(records.find(1, record));
}

// ASan and UBSan are the judges.
TEST(ElfImage, survives_mutation) {
    const auto original = ordinary().file();
    const u32 seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 30000; ++round) {
        auto file = original;
        auto* bytes = reinterpret_cast<u8*>(file.data());
        const int changes = 1 + static_cast<int>(random() % 4);
        for (int i = 0; i < changes; ++i) {
            const usize at = random() % (file.size() * 8);
            switch (random() % 3) {
                case 0:
                    bytes[at] = static_cast<u8>(random());
                    break;
                case 1:
                    bytes[at] ^= static_cast<u8>(1u << random() % 8);
                    break;
                default:
                    file[at / 8] = random() % 2 ? ~u64{0} : u64{random()} << 32 | random();
            }
        }
        load_for_test(view(file));
    }
}

TEST(Modinfo, finds_values_by_key) {
    const std::string text("name=a\0alias=x\0alias=y\0empty=\0broken", 36);
    Modinfo info(text);
    EXPECT_EQ(info.get("name"), "a");
    EXPECT_EQ(info.get("nam"), "");
    std::string all;
    info.for_each("alias", [&](std::string_view v) {
        all += v;
        return true;
    });
    EXPECT_EQ(all, "xy");
}

}  // namespace
}  // namespace tenon::module::test
