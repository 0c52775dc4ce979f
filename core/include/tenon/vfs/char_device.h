// Character and block device numbers, two spaces of the same shape: what opening a node finds.
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
// Waits for calls of open() in flight, then destroys the opener: may sleep. Open files stay; they
// answer nodev once their module has gone.
TENON_API void unregister_char_device(u32 major, u32 first_minor, u32 count);
TENON_API Result<module::Gated<FileOps>> open_char_device(DeviceNumber number, u32 open_flags);
TENON_API void for_each_char_device(void (*visit)(u32 major, std::string_view name, void*),
                                    void* context);

// What the opener of a block device number makes: a file with the questions that disks answer
// beyond read, write and sync. Bytes throughout. All may sleep.
class BlockFileOps : public FileOps {
  public:
    struct Geometry {
        u64 size_bytes = 0;
        u32 logical_block_bytes = 512, physical_block_bytes = 512, cache_block_bytes = kPageSize;
        bool read_only = false;
        bool can_discard = false;
    };
    virtual Geometry geometry() = 0;
    virtual Result<void> set_read_only(bool read_only) = 0;
    // Writes back what is cached and forgets it.
    virtual Result<void> flush_buffers() = 0;
    // Gives up the contents of a range, aligned to logical blocks. Error::opnotsupp, inval.
    virtual Result<void> discard(u64 offset_bytes, u64 length_bytes) = 0;
    virtual Result<void> zero_out(u64 offset_bytes, u64 length_bytes) = 0;
};
// As their likes above; the FileOps of an opener here are BlockFileOps.
TENON_API Result<u32> register_block_device(u32 major, u32 first_minor, u32 count,
                                            std::string_view name,
                                            module::Gated<DeviceOpener> opener);
TENON_API void unregister_block_device(u32 major, u32 first_minor, u32 count);
TENON_API Result<module::Gated<FileOps>> open_block_device(DeviceNumber number, u32 open_flags);
TENON_API void for_each_block_device(void (*visit)(u32 major, std::string_view name, void*),
                                     void* context);

}  // namespace tenon::vfs
