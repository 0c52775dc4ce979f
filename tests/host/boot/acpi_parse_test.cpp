#include <gtest/gtest.h>
#include <tenon/device/acpi_tables.h>

#include "tests/host/boot/bytes.h"

namespace tenon::acpi {
namespace {

using test::Bytes;
using test::Exact;

Bytes madt() {
    Bytes b;
    b.text("APIC").zeros(32).put(u32{0xfee00000}).put(u32{1});
    b.put(u8{0}).put(u8{8}).put(u8{0}).put(u8{7}).put(u32{1});  // CPU 7
    b.put(u8{0}).put(u8{8}).put(u8{1}).put(u8{8}).put(u32{0});  // empty slot
    b.put(u8{1}).put(u8{12}).put(u8{3}).put(u8{0}).put(u32{0xfec00000}).put(u32{24});
    b.put(u8{2}).put(u8{10}).put(u8{0}).put(u8{9}).put(u32{20}).put(u16{13});
    b.put(u8{9}).put(u8{16}).put(u16{0}).put(u32{300}).put(u32{2}).put(u32{4});  // x2APIC
    b.put(u8{77}).put(u8{4}).put(u16{0});                                        // unknown
    b.put(u8{5}).put(u8{12}).put(u16{0}).put(u64{0x1'0000'0000});
    return b;
}

TEST(AcpiMadt, reads_processors_controllers_and_overrides) {
    const Exact table(madt().vector());
    Madt out;
    ASSERT_TRUE(parse_madt(table.span(), out));
    ASSERT_EQ(out.cpu_count, 2u);
    EXPECT_EQ(out.cpus[0].apic_id, 7u);
    EXPECT_TRUE(out.cpus[0].enabled);
    EXPECT_EQ(out.cpus[1].apic_id, 300u);
    EXPECT_FALSE(out.cpus[1].enabled);
    ASSERT_EQ(out.io_apic_count, 1u);
    EXPECT_EQ(out.io_apics[0].gsi_base, 24u);
    ASSERT_EQ(out.override_count, 1u);
    EXPECT_EQ(out.overrides[0].isa_irq, 9u);
    EXPECT_EQ(out.overrides[0].gsi, 20u);
    EXPECT_EQ(out.local_apic.value, 0x1'0000'0000u);
}

TEST(AcpiMadt, stops_at_a_record_without_length) {
    Bytes b = madt();
    b.set(44 + 8 + 1, u8{0});  // the second processor's length: would go round for ever
    const Exact table(b.vector());
    Madt out;
    ASSERT_TRUE(parse_madt(table.span(), out));
    EXPECT_EQ(out.cpu_count, 1u);
    EXPECT_EQ(out.io_apic_count, 0u);
}

TEST(AcpiMadt, ignores_records_too_short_for_their_type) {
    Bytes b;
    b.zeros(44);
    for (u8 type : {0, 1, 2, 5, 9}) b.put(type).put(u8{2});
    const Exact table(b.vector());
    Madt out;
    ASSERT_TRUE(parse_madt(table.span(), out));
    EXPECT_EQ(out.cpu_count + out.io_apic_count + out.override_count, 0u);
}

TEST(AcpiMadt, keeps_no_more_than_there_is_room_for) {
    Bytes b;
    b.zeros(44);
    for (u32 i = 0; i < 600; ++i) b.put(u8{0}).put(u8{8}).put(u8{0}).put(u8{1}).put(u32{1});
    for (u32 i = 0; i < 100; ++i) b.put(u8{1}).put(u8{12}).zeros(10);
    for (u32 i = 0; i < 100; ++i) b.put(u8{2}).put(u8{10}).zeros(8);
    const Exact table(b.vector());
    Madt out;
    ASSERT_TRUE(parse_madt(table.span(), out));
    EXPECT_EQ(out.cpu_count, std::size(out.cpus));
    EXPECT_EQ(out.io_apic_count, std::size(out.io_apics));
    EXPECT_EQ(out.override_count, std::size(out.overrides));
}

TEST(AcpiMadt, survives_every_cut_and_every_bad_byte) {
    test::for_each_damage(madt().vector(), [](std::span<const u8> table) {
        Madt out;
        const bool ok = parse_madt(table, out);
        EXPECT_EQ(ok, table.size() >= 44);
        EXPECT_LE(out.cpu_count, std::size(out.cpus));
    });
}

Bytes srat() {
    Bytes b;
    b.text("SRAT").zeros(44);
    b.put(u8{0}).put(u8{16}).put(u8{2}).put(u8{5}).put(u32{1}).put(u32{0x01020300}).put(u32{0});
    b.put(u8{1}).put(u8{40}).put(u32{1}).zeros(2).put(u64{0x100000}).put(u64{0x200000});
    b.zeros(4).put(u32{1}).zeros(8);
    b.put(u8{2}).put(u8{24}).zeros(2).put(u32{3}).put(u32{900}).put(u32{1}).zeros(8);
    return b;
}

TEST(AcpiSrat, reads_what_is_near_to_which_node) {
    const Exact table(srat().vector());
    Srat out;
    ASSERT_TRUE(parse_srat(table.span(), out));
    ASSERT_EQ(out.cpu_count, 2u);
    EXPECT_EQ(out.cpus[0].apic_id, 5u);
    EXPECT_EQ(out.cpus[0].node, 0x01020302u);
    EXPECT_EQ(out.cpus[1].apic_id, 900u);
    EXPECT_EQ(out.cpus[1].node, 3u);
    ASSERT_EQ(out.memory_count, 1u);
    EXPECT_EQ(out.memory[0].start.value, 0x100000u);
    EXPECT_EQ(out.memory[0].length_bytes, 0x200000u);
    EXPECT_EQ(out.memory[0].node, 1u);
}

TEST(AcpiSrat, survives_every_cut_and_every_bad_byte) {
    test::for_each_damage(srat().vector(), [](std::span<const u8> table) {
        Srat out;
        EXPECT_EQ(parse_srat(table, out), table.size() >= 48);
    });
}

TEST(AcpiFadt, survives_every_cut_and_prefers_the_long_address) {
    Bytes b;
    b.zeros(148).set(40, u32{0x1000}).set(112, u32{1u << 10}).set(128, u8{6});
    Fadt out;
    ASSERT_TRUE(parse_fadt(Exact(b.vector()).span(), out));
    EXPECT_EQ(out.dsdt.value, 0x1000u);
    EXPECT_TRUE(out.reset_supported);
    EXPECT_EQ(out.reset_value, 6u);
    b.set(140, u64{0x2'0000'0000});
    ASSERT_TRUE(parse_fadt(Exact(b.vector()).span(), out));
    EXPECT_EQ(out.dsdt.value, 0x2'0000'0000u);
    test::for_each_damage(b.vector(), [](std::span<const u8> table) {
        Fadt any;
        EXPECT_EQ(parse_fadt(table, any), table.size() >= 116);
    });
}

TEST(AcpiMcfg, fills_no_more_than_the_caller_has_room_for) {
    Bytes b;
    b.zeros(44);
    for (u64 i = 1; i <= 3; ++i)
        b.put(i << 28).put(static_cast<u16>(i)).put(u8{0}).put(u8{255}).zeros(4);
    b.zeros(7);  // a region that is cut off
    const Exact table(b.vector());
    EcamRegion regions[8];
    EXPECT_EQ(parse_mcfg(table.span(), regions), 3u);
    EXPECT_EQ(regions[2].base.value, u64{3} << 28);
    EXPECT_EQ(parse_mcfg(table.span(), std::span(regions, 2)), 2u);
    EXPECT_EQ(parse_mcfg({}, regions), 0u);
}

TEST(AcpiChecksum, sums_to_zero) {
    const u8 good[] = {1, 2, 0xfd}, bad[] = {1, 2, 3};
    EXPECT_TRUE(checksum_ok(good));
    EXPECT_FALSE(checksum_ok(bad));
    EXPECT_TRUE(checksum_ok({}));
}

}  // namespace
}  // namespace tenon::acpi
