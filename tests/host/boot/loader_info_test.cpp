// Both doors, with tables that lie.
#include "core/boot/loader_info.h"

#include <gtest/gtest.h>

#include "tests/host/boot/bytes.h"

namespace tenon::boot {

// Referenced by parameter(), which no test calls.
const BootInfo& boot_info() {
    static BootInfo info;
    return info;
}

namespace {

using test::Bytes;

// "Physical memory": pieces at addresses. Reads of anything else find nothing.
struct Piece {
    u64 start;
    std::span<const u8> bytes;
};
std::vector<Piece> g_memory;

std::span<const u8> read(u64 start, u64 length) {
    for (const Piece& p : g_memory)
        if (start >= p.start && start - p.start <= p.bytes.size() &&
            length <= p.bytes.size() - (start - p.start))
            return p.bytes.subspan(start - p.start, length);
    return {};
}

constexpr u64 kAt = 0x9000;

void tag(Bytes& b, u32 type, const Bytes& body_in) {
    Bytes body = body_in;
    b.put(type).put(static_cast<u32>(body.size() + 8));
    b.vector().insert(b.vector().end(), body.vector().begin(), body.vector().end());
    b.zeros(align_up(b.size(), 8) - b.size());
}

Bytes multiboot(u32 entry_size = 24) {
    Bytes b;
    b.put(u32{0}).put(u32{0});
    tag(b, 1, Bytes().text("quiet init=/bin/sh").put(u8{0}));
    tag(b, 3, Bytes().put(u32{0x400000}).put(u32{0x500000}).text("initrd").put(u8{0}));
    Bytes map;
    map.put(entry_size).put(u32{0});
    map.put(u64{0x100000}).put(u64{0x7f00000}).put(u32{1}).put(u32{0});
    map.put(u64{0x8000000}).put(u64{0x1000}).put(u32{3}).put(u32{0});
    tag(b, 6, map);
    tag(b, 8,
        Bytes()
            .put(u64{0xfd000000})
            .put(u32{4096})
            .put(u32{1024})
            .put(u32{768})
            .put(u8{32})
            .put(u8{1})
            .put(u16{0})
            .put(u8{16})
            .put(u8{8})
            .put(u8{8})
            .put(u8{8})
            .put(u8{0})
            .put(u8{8}));
    tag(b, 14, Bytes().text("RSD PTR ").zeros(12));
    tag(b, 0, {});
    b.set(0, static_cast<u32>(b.size()));
    return b;
}

bool parse_multiboot(std::span<const u8> bytes, BootInfo& info) {
    g_memory = {{kAt, bytes}};
    return read_multiboot2(kAt, read, info);
}

TEST(Multiboot2, reads_what_grub_hands_over) {
    Bytes b = multiboot();
    BootInfo info;
    ASSERT_TRUE(parse_multiboot(b.vector(), info));
    EXPECT_EQ(info.command_line(), "quiet init=/bin/sh");
    ASSERT_EQ(info.initrd().size(), 1u);
    EXPECT_EQ(info.initrd()[0].length_bytes, 0x100000u);
    ASSERT_EQ(info.memory().size(), 2u);
    EXPECT_EQ(info.memory()[0].kind, MemoryKind::usable);
    EXPECT_EQ(info.memory()[1].kind, MemoryKind::acpi_tables);
    EXPECT_EQ(info.framebuffer.width, 1024u);
    EXPECT_EQ(info.rsdp_copy[0], 'R');
    EXPECT_EQ(info.dropped, 0u);
}

TEST(Multiboot2, refuses_tags_that_end_before_they_begin_or_after_the_table) {
    for (u32 size : {0u, 7u, 0x1000u, 0x7fffffffu, 0xffffffffu, 0xfffffff9u}) {
        Bytes b = multiboot();
        b.set(12, size);  // the first tag's
        BootInfo info;
        EXPECT_FALSE(parse_multiboot(test::Exact(b.vector()).span(), info));
        EXPECT_EQ(info.dropped, 1u);
    }
}

TEST(Multiboot2, refuses_memory_maps_whose_entries_are_too_small) {
    for (u32 entry_size : {0u, 8u, 23u}) {
        BootInfo info;
        EXPECT_FALSE(parse_multiboot(multiboot(entry_size).vector(), info));
        EXPECT_EQ(info.dropped, 1u);
    }
    BootInfo info;  // an entry as large as four GiB: only the first is read
    EXPECT_TRUE(parse_multiboot(multiboot(0xffffffff).vector(), info));
    EXPECT_EQ(info.memory().size(), 1u);
}

TEST(Multiboot2, refuses_tables_of_impossible_size) {
    for (u32 total : {0u, 8u, 15u, 0x100001u, 0xffffffffu}) {
        Bytes b = multiboot();
        b.set(0, total);
        BootInfo info;
        EXPECT_FALSE(parse_multiboot(b.vector(), info));
    }
    g_memory.clear();
    BootInfo info;
    EXPECT_FALSE(read_multiboot2(kAt, read, info));
}

TEST(Multiboot2, survives_every_cut_and_every_bad_byte) {
    test::for_each_damage(multiboot().vector(), [](std::span<const u8> bytes) {
        BootInfo info;
        (void)parse_multiboot(bytes, info);
        EXPECT_LE(info.memory_count, info.memory_storage.size());
        EXPECT_LE(info.initrd_count, info.initrd_storage.size());
        EXPECT_LT(info.command_line_length, sizeof(info.command_line_storage));
    });
}

TEST(Multiboot2, cuts_a_command_line_that_is_too_long_and_counts_modules_that_do_not_fit) {
    Bytes b;
    b.put(u32{0}).put(u32{0});
    tag(b, 1, Bytes().text(std::string(5000, 'x')));  // and no NUL
    for (u32 i = 0; i < 20; ++i) tag(b, 3, Bytes().put(0x1000 * (i + 1)).put(0x1000 * (i + 2)));
    tag(b, 3, Bytes().put(u32{0x5000}).put(u32{0x4000}));  // ends before it begins
    tag(b, 0, {});
    b.set(0, static_cast<u32>(b.size()));
    BootInfo info;
    EXPECT_FALSE(parse_multiboot(b.vector(), info));  // no memory map
    EXPECT_EQ(info.command_line_length, sizeof(info.command_line_storage) - 1);
    EXPECT_EQ(info.initrd_count, info.initrd_storage.size());
    EXPECT_EQ(info.dropped, 1u + 12 + 1);
}

Bytes pvh() {
    Bytes b;
    b.put(kPvhMagic).put(u32{1}).put(u32{0}).put(u32{1});  // one module
    b.put(u64{kAt + 0x100}).put(u64{kAt + 0x200}).put(u64{0xe0000});
    b.put(u64{kAt + 0x180}).put(u32{2}).put(u32{0});
    b.zeros(0x100 - b.size());
    b.put(u64{0x400000}).put(u64{0x10000}).put(u64{0}).put(u64{0});
    b.zeros(0x180 - b.size());
    b.put(u64{0x100000}).put(u64{0x7f00000}).put(u32{1}).put(u32{0});
    b.put(u64{0xfec00000}).put(u64{0x1000}).put(u32{2}).put(u32{0});
    b.zeros(0x200 - b.size());
    b.text("console=ttyS0").put(u8{0}).zeros(2100);
    return b;
}

bool parse_pvh(std::span<const u8> bytes, BootInfo& info) {
    g_memory = {{kAt, bytes}};
    return read_pvh(kAt, read, info);
}

TEST(Pvh, reads_what_qemu_hands_over) {
    Bytes b = pvh();
    BootInfo info;
    ASSERT_TRUE(parse_pvh(b.vector(), info));
    EXPECT_EQ(info.command_line(), "console=ttyS0");
    ASSERT_EQ(info.initrd().size(), 1u);
    EXPECT_EQ(info.initrd()[0].start.value, 0x400000u);
    EXPECT_EQ(info.memory().size(), 2u);
    EXPECT_EQ(info.rsdp.value, 0xe0000u);
    EXPECT_EQ(info.dropped, 0u);
}

TEST(Pvh, refuses_another_magic_and_a_table_without_a_map) {
    BootInfo info;
    EXPECT_FALSE(parse_pvh(pvh().set(0, u32{1}).vector(), info));
    EXPECT_FALSE(parse_pvh(pvh().set(4, u32{0}).vector(), info));  // version 0 has none
    EXPECT_FALSE(parse_pvh(pvh().set(40, u64{0}).vector(), info));
}

TEST(Pvh, stops_where_lists_leave_memory) {
    BootInfo info;
    EXPECT_TRUE(parse_pvh(pvh().set(48, u32{0xffffffff}).vector(), info));  // entries
    EXPECT_GE(info.dropped, 1u);
    BootInfo modules;
    EXPECT_TRUE(parse_pvh(pvh().set(12, u32{0xffffffff}).vector(), modules));
    EXPECT_LE(modules.initrd_count, modules.initrd_storage.size());
    BootInfo wraps;  // a module whose end is before its start
    EXPECT_TRUE(parse_pvh(pvh().set(0x108, ~u64{0}).vector(), wraps));
    EXPECT_EQ(wraps.initrd_count, 0u);
    EXPECT_EQ(wraps.dropped, 1u);
    BootInfo nowhere;  // lists at the end of the address space
    EXPECT_FALSE(parse_pvh(pvh().set(40, ~u64{0} - 3).set(16, ~u64{0} - 3).vector(), nowhere));
}

TEST(Pvh, survives_every_cut_and_every_bad_byte) {
    Bytes whole = pvh();
    whole.vector().resize(0x240);
    test::for_each_damage(whole.vector(), [](std::span<const u8> bytes) {
        BootInfo info;
        (void)parse_pvh(bytes, info);
        EXPECT_LE(info.memory_count, info.memory_storage.size());
    });
}

TEST(CommandLine, finds_the_last_value_before_the_dashes) {
    constexpr std::string_view line = "a=1 b a=\"x y\" -- a=3";
    EXPECT_EQ(find_parameter(line, "a").value, "x y");
    EXPECT_TRUE(find_parameter(line, "b").found);
    EXPECT_FALSE(find_parameter(line, "c").found);
    EXPECT_FALSE(find_parameter("", "a").found);
    EXPECT_TRUE(find_parameter("a=\"", "a").found);  // an open quote
}

}  // namespace
}  // namespace tenon::boot
