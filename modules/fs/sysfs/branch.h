// Branches: who answers for the paths below one name of the root.
#pragma once

#include <tenon/device/device.h>
#include <tenon/vfs/types.h>

#include <span>
#include <string_view>

#include "text.h"

namespace tenon::sysfs {

// A path below a branch, cut at its slashes.
struct Parts {
    static constexpr u32 kMax = 16;
    std::string_view part[kMax];
    u32 count = 0;
    // Too deep: false.
    bool parse(std::string_view path);
    std::string_view operator[](u32 i) const { return i < count ? part[i] : std::string_view{}; }
};

struct Found {
    vfs::Mode mode = 0;  // type and permissions
    u64 size_bytes = kPageSize;
    bool is_binary = false;  // read by read_at()
};
constexpr Found directory() {
    return {.mode = vfs::kDirectory | 0755, .size_bytes = 0};
}
constexpr Found file(u32 mode = 0444) {
    return {.mode = vfs::kRegular | mode};
}
constexpr Found link() {
    return {.mode = vfs::kSymlink | 0777, .size_bytes = 0};
}

class Lister {
  public:
    virtual void entry(std::string_view name, vfs::Mode type) = 0;
    void dir(std::string_view name) { entry(name, vfs::kDirectory); }
    void file(std::string_view name) { entry(name, vfs::kRegular); }
    void link(std::string_view name) { entry(name, vfs::kSymlink); }

  protected:
    ~Lister() = default;
};

// All may sleep. A path without parts is the branch's own directory.
class Branch {
  public:
    virtual ~Branch() = default;
    virtual bool find(const Parts& path, Found& out) = 0;
    virtual void list(const Parts& path, Lister& out) = 0;
    virtual Result<void> show(const Parts& path, Text& out) { return Err(Error::io); }
    virtual Result<void> store(const Parts& path, std::string_view text) { return Err(Error::io); }
    // The target of a link, from the root of this file system: "devices/pci0000:00".
    virtual void target(const Parts& path, Text& out) {}
    virtual Result<usize> read_at(const Parts& path, u64 offset, std::span<u8> out) {
        return Err(Error::io);
    }
    virtual Result<usize> write_at(const Parts& path, u64 offset, std::span<const u8> bytes) {
        return Err(Error::io);
    }
};

// The branch for the first component, or null; names in order.
Branch* find_branch(std::string_view name);
std::span<const std::string_view> branch_names();

extern Branch& module_branch;
extern Branch& device_branch;
extern Branch& system_branch;
extern Branch& bus_branch;
extern Branch& class_branch;
extern Branch& block_branch;
extern Branch& dev_branch;
extern Branch& empty_branch;
extern Branch& kernel_branch;
extern Branch& firmware_branch;

// Function objects for the core's visitors.
template <typename Visit>
void each_device(Visit&& visit) {
    device::for_each_device(
        [](device::Device& d, void* c) { (*static_cast<std::remove_reference_t<Visit>*>(c))(d); },
        &visit);
}
template <typename Visit>
void each_bus(Visit&& visit) {
    device::for_each_bus(
        [](device::Bus& b, void* c) { (*static_cast<std::remove_reference_t<Visit>*>(c))(b); },
        &visit);
}

}  // namespace tenon::sysfs
