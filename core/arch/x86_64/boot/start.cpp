// From the boot loader's world to ours. start_linked() runs at the link address, with the first
// 4 GiB identity-mapped (boot/entry.S); it reads the loader's data, chooses where image, direct map
// and vmalloc go, builds the final page tables, relocates the image and jumps into it. start_high()
// runs where the kernel will stay.
//
// Order matters: after relocate() pointers in data are right for the new place and wrong for the
// old one, so nothing between it and the jump may follow one.
#include "core/arch/x86_64/boot/start.h"

#include <tenon/arch/machine.h>

#include <algorithm>
#include <cstring>

#include "core/arch/x86_64/boot/boot_tables.h"
#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/console/console.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/mm/keys.h"
#include "core/arch/x86_64/mm/tlb.h"
#include "core/boot/loader_info.h"

extern "C" {
[[noreturn]] void start_enter(tenon::u64 start_root, void* entry, void* stack,
                              tenon::u64 image_entry, tenon::u64 argument,
                              tenon::u64 link_minus_phys);
[[noreturn]] void start_high(tenon::u64 boot_cpu_area);
[[noreturn]] TENON_HIDDEN void kernel_main();
extern TENON_HIDDEN char boot_tables[], boot_stack[], boot_stack_guard[];
}

namespace tenon {

namespace arch::x86 {

namespace {

using boot::MemoryKind;

constinit boot::BootInfo g_boot_info{};
constinit StartState g_start{};

constexpr u64 kIdentityLimit = u64{4} << 30;

std::span<const u8> read_identity(u64 start, u64 length_bytes) {
    if (start == 0 || start >= kIdentityLimit || length_bytes > kIdentityLimit - start) return {};
    return {reinterpret_cast<const u8*>(start), length_bytes};
}

bool is_ram(MemoryKind kind) {
    return kind == MemoryKind::usable || kind == MemoryKind::kernel || kind == MemoryKind::initrd ||
           kind == MemoryKind::boot_data || kind == MemoryKind::acpi_tables ||
           kind == MemoryKind::acpi_nvs;
}

void gather_entropy(boot::BootInfo& info) {
    (void)hardware_random({reinterpret_cast<u8*>(info.entropy.data()), sizeof(info.entropy)});
    u64 state = rdtsc();
    for (u64& word : info.entropy) {
        state = mix(state + rdtsc() + word);
        word ^= state;
    }
}

// Where things go, each in root slots of its own. Spec: 48-bit addresses, Intel SDM 3A 4.5.
u64 choose_layout(boot::BootInfo& info, KernelLayout& layout, u64 image_length) {
    const bool fixed = boot::find_parameter(info.command_line(), "nokaslr").found;
    EarlyRandom random(info.entropy[0] ^ mix(info.entropy[1]));
    auto below = [&](u64 limit) { return fixed ? 0 : random.below(limit); };

    u64 top = kIdentityLimit;
    for (const auto& r : info.memory())
        if (is_ram(r.kind)) top = std::max(top, r.end().value);
    layout.direct_map = 0xffff'8880'0000'0000 + below(16 * 1024) * kSize1G;
    layout.direct_map_end = layout.direct_map + align_up(top, kSize1G);
    layout.vmalloc_start = 0xffff'c900'0000'0000 + below(16) * kSize512G;
    layout.vmalloc_end = layout.vmalloc_start + kSize512G;
    layout.module_start = 0xffff'ffff'c000'0000 + below(4096) * kPageSize;
    layout.module_end = 0xffff'ffff'ff00'0000;
    const u64 slide = below((kSize1G - kSize2M - image_length) / kPageSize) * kPageSize;
    layout.image_start = TENON_LINK_BASE + slide;
    layout.image_end = layout.image_start + image_length;
    return slide;
}

void map_image(BootTables& tables, u64 image_phys, u64 slide) {
    const u64 nx = features().nx ? kNoExec : 0;
    const u64 common = kPresent | kGlobal | kAccessed | kDirty;
    auto part = [&](const char* from, const char* to, u64 bits) {
        const u64 va = align_down(reinterpret_cast<u64>(from), kPageSize);
        const u64 end = align_up(reinterpret_cast<u64>(to), kPageSize);
        tables.map(va + slide, va - TENON_LINK_BASE + image_phys, end - va, bits | common);
    };
    part(tenon_text_start, tenon_text_end, 0);
    part(tenon_rodata_start, tenon_rodata_end, nx);
    // Both writable until start-up is over: see seal_kernel().
    part(tenon_ro_after_init_start, tenon_ro_after_init_end, nx | kWrite);
    part(tenon_data_start, boot_stack_guard, nx | kWrite);
    part(boot_stack, tenon_data_end, nx | kWrite);
}

void map_ram(BootTables& tables, const boot::BootInfo& info, const KernelLayout& layout,
             u64 image_phys) {
    const u64 bits = kPresent | kGlobal | kAccessed | kDirty | (features().nx ? kNoExec : 0);
    // The alias of text and constants is read-only too, or W^X would be for show.
    const u64 sealed_end =
        image_phys + static_cast<u64>(tenon_ro_after_init_start - tenon_image_start);
    auto map = [&](u64 start, u64 end, u64 extra) {
        if (start < end) tables.map(layout.direct_map + start, start, end - start, bits | extra);
    };
    const auto list = info.memory();
    for (usize i = 0; i < list.size();) {
        if (!is_ram(list[i].kind)) {
            ++i;
            continue;
        }
        const u64 start = list[i].start.value;
        u64 end = start;
        for (; i < list.size() && is_ram(list[i].kind) && list[i].start.value == end; ++i)
            end = list[i].end().value;
        map(start, std::min(end, image_phys), kWrite);
        map(std::max(start, image_phys), std::min(end, sealed_end), 0);
        map(std::max(start, sealed_end), end, kWrite);
    }
}

// Spec: generic ABI, SHT_RELR: an even entry is an address, an odd one a bitmap of the 63 words
// behind.
void relocate(u64 slide) {
    u64* where = nullptr;
    for (const u64* r = tenon_relr_start; r < tenon_relr_end; ++r) {
        if ((*r & 1) == 0) {
            where = reinterpret_cast<u64*>(*r);
            *where++ += slide;
        } else {
            for (u32 i = 0; i < 63; ++i)
                if ((*r >> (i + 1)) & 1) where[i] += slide;
            where += 63;
        }
    }
}

}  // namespace

StartState& start_state() {
    return g_start;
}

void early_panic(std::string_view message) {
    early_serial_write("TENON PANIC: ");
    early_serial_write(message);
    early_serial_write("\n");
    for (;;) asm volatile("cli; hlt");
}

}  // namespace arch::x86

const arch::KernelLayout& arch::kernel_layout() {
    return x86::g_start.layout;
}
const boot::BootInfo& boot::boot_info() {
    return arch::x86::g_boot_info;
}

}  // namespace tenon

using namespace tenon;
using namespace tenon::arch;
using namespace tenon::arch::x86;

extern "C" [[noreturn]] TENON_HIDDEN void start_linked(u32 magic, u64 info_phys, u64 image_phys) {
    early_serial_init();
    detect_features();
    boot::BootInfo& info = g_boot_info;
    const bool known = magic == boot::kMultiboot2Magic
                           ? boot::read_multiboot2(info_phys, read_identity, info)
                           : boot::read_pvh(info_phys, read_identity, info);
    if (!known) early_panic("the boot loader gave no usable memory map");
    gather_entropy(info);

    const u64 image_length = static_cast<u64>(tenon_image_end - tenon_image_start);
    boot::MemoryMap map(info);
    map.claim(0, kPageSize, MemoryKind::reserved);
    map.claim(image_phys, image_length, MemoryKind::kernel);
    for (const auto& part : info.initrd())
        map.claim(part.start.value, part.length_bytes, MemoryKind::initrd);
    g_start.trampoline = map.take(kPageSize, kPageSize, 0xa0000, MemoryKind::boot_data);

    KernelLayout& layout = g_start.layout;
    const u64 slide = choose_layout(info, layout, image_length);
    info.kernel_phys = {image_phys};
    info.kernel_virt = layout.image_start;
    info.kernel_length_bytes = image_length;

    // CPU 0's copy of the per-CPU data, contiguous; filled after relocation.
    const u64 percpu_length = static_cast<u64>(tenon_percpu_end - tenon_percpu_start);
    const u64 percpu_phys = map.take(align_up(percpu_length, kPageSize), kPageSize, kIdentityLimit,
                                     MemoryKind::boot_data);
    if (percpu_phys == 0) early_panic("no memory");

    BootTables tables(map);
    if (choose_keys(info.command_line())) tables.use_small_pages();
    map_image(tables, image_phys, slide);
    tables.reserve_root_slot(layout.vmalloc_start);
    tables.reserve_root_slot(layout.module_start);
    // Building the direct map takes pages, which only moves memory between two kinds of RAM.
    map_ram(tables, info, layout, image_phys);
    g_start.kernel_root = tables.root();

    // The start tables: theirs is the identity map, the rest is copied. The image's own slot
    // changes over in start_enter, away from this address.
    const u64 start_root = reinterpret_cast<u64>(boot_tables) - TENON_LINK_BASE + image_phys;
    g_start.start_root = start_root;
    auto* from = reinterpret_cast<u64*>(tables.root());
    auto* to = reinterpret_cast<u64*>(start_root);
    std::copy_n(from + 256, 255, to + 256);
    const u64 image_entry = from[511];

    if (slide != 0) relocate(slide);
    std::memcpy(reinterpret_cast<void*>(percpu_phys), tenon_percpu_start, percpu_length);
    start_enter(start_root, reinterpret_cast<u8*>(&start_high) + slide,
                boot_stack + kBootStackSize + slide, image_entry, layout.direct_map + percpu_phys,
                TENON_LINK_BASE - image_phys);
}

extern "C" [[noreturn]] TENON_HIDDEN void start_high(u64 boot_cpu_area) {
    write_cr3(g_start.kernel_root);
    tenon_direct_map = g_start.layout.direct_map;
    g_start.boot_cpu_area = boot_cpu_area;
    init_boot_cpu_local(boot_cpu_area);
    init_serial_console();
    kernel_main();
}

namespace tenon::arch::x86 {

namespace {
u64* entries(u64 table_phys) {
    return reinterpret_cast<u64*>(table_phys);
}
}  // namespace

BootTables::BootTables(boot::MemoryMap& map) : map_(map), root_(take_page()) {}

u64 BootTables::take_page() {
    const u64 page = map_.take(kPageSize, kPageSize, u64{4} << 30, boot::MemoryKind::boot_data);
    if (page == 0) early_panic("no memory for page tables");
    std::memset(entries(page), 0, kPageSize);
    return page;
}

u64 BootTables::table(u64 parent, u32 level, u64 va) {
    u64& entry = entries(parent)[index_at(va, level)];
    if ((entry & kPresent) == 0) entry = take_page() | kPresent | kWrite;
    return entry & kFrameMask;
}

void BootTables::map(u64 va, u64 pa, u64 length_bytes, u64 bits) {
    const u64 end = va + length_bytes;
    while (va < end) {
        const u64 left = end - va;
        const u64 both = va | pa;
        const u64 third = table(root_, 3, va);
        if (!small_pages_ && features().huge_pages_1g && is_aligned(both, kSize1G) && left >= kSize1G) {
            entries(third)[index_at(va, 2)] = pa | bits | kLarge;
            va += kSize1G;
            pa += kSize1G;
            continue;
        }
        const u64 second = table(third, 2, va);
        if (!small_pages_ && is_aligned(both, kSize2M) && left >= kSize2M) {
            entries(second)[index_at(va, 1)] = pa | bits | kLarge;
            va += kSize2M;
            pa += kSize2M;
            continue;
        }
        const u64 first = table(second, 1, va);
        entries(first)[index_at(va, 0)] = pa | bits;
        va += kPageSize;
        pa += kPageSize;
    }
}

}  // namespace tenon::arch::x86
