#include <algorithm>

#include "core/boot/loader_info.h"
#include "core/lib/bytes.h"

namespace tenon::boot {

namespace {

constexpr u32 kMaxInfoBytes = 1 << 20;

enum Tag : u32 {
    kEnd = 0,
    kCommandLine = 1,
    kModule = 3,
    kMemoryMap = 6,
    kFramebuffer = 8,
    kAcpiOld = 14,
    kAcpiNew = 15,
};

void read_memory_map(std::span<const u8> tag, BootInfo& info) {
    const u32 entry_size = get<u32>(tag, 8);
    if (entry_size < 24 || tag.size() < 16) {
        ++info.dropped;
        return;
    }
    MemoryMap map(info);
    for (usize at = 16; at + 24 <= tag.size(); at += entry_size) {
        map.add(get<u64>(tag, at), get<u64>(tag, at + 8), memory_kind(get<u32>(tag, at + 16)));
    }
}

void read_framebuffer(std::span<const u8> tag, BootInfo& info) {
    if (tag.size() < 38 || get<u8>(tag, 29) != 1) return;  // direct RGB only; EGA text is no use
    Framebuffer fb;
    fb.start = {get<u64>(tag, 8)};
    fb.pitch_bytes = get<u32>(tag, 16);
    fb.width = get<u32>(tag, 20);
    fb.height = get<u32>(tag, 24);
    fb.bits_per_pixel = get<u8>(tag, 28);
    fb.red_shift = get<u8>(tag, 32);
    fb.red_bits = get<u8>(tag, 33);
    fb.green_shift = get<u8>(tag, 34);
    fb.green_bits = get<u8>(tag, 35);
    fb.blue_shift = get<u8>(tag, 36);
    fb.blue_bits = get<u8>(tag, 37);
    const u8 bpp = fb.bits_per_pixel;
    const bool sane =
        fb.start.value != 0 && fb.width >= 8 && fb.width <= 16384 && fb.height >= 16 &&
        fb.height <= 16384 && (bpp == 32 || bpp == 24 || bpp == 16) && fb.pitch_bytes <= 1 << 20 &&
        fb.pitch_bytes >= fb.width * (bpp / 8u) && fb.red_shift < 32 && fb.green_shift < 32 &&
        fb.blue_shift < 32 && fb.red_bits <= 8 && fb.green_bits <= 8 && fb.blue_bits <= 8;
    if (sane)
        info.framebuffer = fb;
    else
        ++info.dropped;
}

void read_tag(u32 type, std::span<const u8> tag, BootInfo& info) {
    switch (type) {
        case kCommandLine:
            set_command_line(info, tag.subspan(8));
            break;
        case kModule:
            if (tag.size() >= 16) add_initrd(info, get<u32>(tag, 8), get<u32>(tag, 12));
            break;
        case kMemoryMap:
            read_memory_map(tag, info);
            break;
        case kFramebuffer:
            read_framebuffer(tag, info);
            break;
        case kAcpiOld:
            if (info.rsdp_copy[15] >= 2) break;  // the newer one is here already
            [[fallthrough]];
        case kAcpiNew: {
            const auto body = tag.subspan(8);
            const usize length = std::min<usize>(body.size(), info.rsdp_copy.size());
            if (length < 20) break;
            info.rsdp_copy = {};
            std::copy_n(body.begin(), length, info.rsdp_copy.begin());
            break;
        }
        default:
            break;
    }
}

}  // namespace

bool read_multiboot2(u64 info_phys, PhysReader read, BootInfo& info) {
    info.door = Door::multiboot2;
    const auto head = read(info_phys, 8);
    if (head.empty()) return false;
    const u32 total = get<u32>(head, 0);
    if (total < 16 || total > kMaxInfoBytes) return false;
    const auto bytes = read(info_phys, total);
    if (bytes.empty()) return false;
    for (usize at = 8; at + 8 <= bytes.size();) {
        const u32 type = get<u32>(bytes, at);
        const u32 size = get<u32>(bytes, at + 4);
        if (size < 8 || size > bytes.size() - at) {
            ++info.dropped;
            break;
        }
        if (type == kEnd) break;
        read_tag(type, bytes.subspan(at, size), info);
        at += align_up(size, 8);
    }
    return info.memory_count != 0;
}

}  // namespace tenon::boot
