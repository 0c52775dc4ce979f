// Character (and, later, block) device numbers: what opening a device node finds.
#pragma once

#include <tenon/vfs/inode.h>

namespace tenon::vfs {

class DeviceOpener {
  public:
    virtual ~DeviceOpener() = default;
    virtual Result<module::Gated<FileOps>> open(DeviceNumber number, u32 open_flags) = 0;
};
// [first, first+count) minors of a major; major 0 asks for a free one (returned). Error::busy.
TENON_API Result<u32> register_char_device(u32 major, u32 first_minor, u32 count,
                                           std::string_view name,
                                           module::Gated<DeviceOpener> opener);
// Open files answer nodev from now on when the owner goes; waits for calls in flight.
TENON_API void unregister_char_device(u32 major, u32 first_minor, u32 count);
TENON_API Result<module::Gated<FileOps>> open_char_device(DeviceNumber number, u32 open_flags);
TENON_API void for_each_char_device(void (*visit)(u32 major, std::string_view name, void*),
                                    void* context);

}  // namespace tenon::vfs
