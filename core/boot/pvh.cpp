#include <cstring>

#include "core/boot/loader_info.h"

namespace tenon::boot {

namespace {

struct StartInfo {
    u32 magic, version, flags, module_count;
    u64 modules, command_line, rsdp;
    u64 memory_map;  // from version 1
    u32 memory_map_count, reserved;
};
struct Module {
    u64 start, size, command_line, reserved;
};
struct MemoryEntry {
    u64 start, size;
    u32 type, reserved;
};

constexpr u32 kMaxModules = 8;
constexpr u32 kMaxMemoryEntries = 4096;

template <typename T>
bool copy(PhysReader read, u64 at, T& out) {
    const auto bytes = read(at, sizeof(T));
    if (bytes.size() < sizeof(T)) return false;
    std::memcpy(&out, bytes.data(), sizeof(T));
    return true;
}

}  // namespace

bool read_pvh(u64 info_phys, PhysReader read, BootInfo& info) {
    info.door = Door::pvh;
    StartInfo start{};
    if (!copy(read, info_phys, start) || start.magic != kPvhMagic) return false;
    info.rsdp = {start.rsdp};

    if (start.version >= 1 && start.memory_map != 0) {
        MemoryMap map(info);
        if (start.memory_map_count > kMaxMemoryEntries) ++info.dropped;
        for (u32 i = 0; i < start.memory_map_count && i < kMaxMemoryEntries; ++i) {
            MemoryEntry e{};
            if (!copy(read, start.memory_map + i * sizeof(e), e)) {
                ++info.dropped;
                break;
            }
            map.add(e.start, e.size, memory_kind(e.type));
        }
    }
    if (start.command_line != 0) {
        // Its length is not given: take what can be read, page by page, up to its NUL.
        for (u64 length = sizeof(info.command_line_storage); length >= 16; length /= 2) {
            const auto text = read(start.command_line, length);
            if (text.empty()) continue;
            set_command_line(info, text);
            break;
        }
    }
    for (u32 i = 0; i < start.module_count && i < kMaxModules; ++i) {
        Module m{};
        if (!copy(read, start.modules + i * sizeof(m), m) || m.start + m.size < m.start) {
            ++info.dropped;
            break;
        }
        add_initrd(info, m.start, m.start + m.size);
    }
    return info.memory_count != 0;
}

}  // namespace tenon::boot
