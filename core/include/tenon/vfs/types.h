// Small types that the VFS and its users share: file types and modes, times, attributes, poll bits.
#pragma once

#include <tenon/lib/types.h>

#include <compare>

namespace tenon::vfs {

// POSIX mode bits: type in the upper four of sixteen, then setuid, setgid, sticky, rwxrwxrwx.
using Mode = u32;
inline constexpr Mode kTypeMask = 0170000, kFifo = 0010000, kCharDevice = 0020000,
                      kDirectory = 0040000, kBlockDevice = 0060000, kRegular = 0100000,
                      kSymlink = 0120000, kSocket = 0140000;
inline constexpr Mode kSetUid = 04000, kSetGid = 02000, kSticky = 01000, kPermMask = 07777;
constexpr bool is_dir(Mode m) {
    return (m & kTypeMask) == kDirectory;
}
constexpr bool is_regular(Mode m) {
    return (m & kTypeMask) == kRegular;
}
constexpr bool is_symlink(Mode m) {
    return (m & kTypeMask) == kSymlink;
}

// Of a device's node, as stat's st_rdev.
struct DeviceNumber {
    u32 major = 0, minor = 0;
    constexpr bool operator==(const DeviceNumber&) const = default;
};

// Since 1970: any second that 64 bits can tell, and ns behind it (0 to 999,999,999).
struct Timestamp {
    i64 seconds = 0;
    u32 ns = 0;
    constexpr auto operator<=>(const Timestamp&) const = default;
    // `ns` since 1970, negative before it.
    static constexpr Timestamp of_ns(i64 ns) {
        const i64 s = ns / 1'000'000'000, rest = ns % 1'000'000'000;
        return {s - (rest < 0), static_cast<u32>(rest + (rest < 0 ? 1'000'000'000 : 0))};
    }
};

// What stat reports.
struct Attributes {
    u64 ino = 0;
    Mode mode = 0;
    u32 nlink = 0, uid = 0, gid = 0;
    DeviceNumber device, rdev;
    u64 size_bytes = 0, blocks_512 = 0;
    u32 block_size = kPageSize;
    Timestamp atime, mtime, ctime, btime;
};

// What setattr changes: only members whose bit is in `which`.
struct AttributeChange {
    enum : u32 {
        mode_bit = 1,
        uid_bit = 2,
        gid_bit = 4,
        size_bit = 8,
        atime_bit = 16,
        mtime_bit = 32,
        atime_now = 64,
        mtime_now = 128
    };
    u32 which = 0;
    Mode mode = 0;
    u32 uid = 0, gid = 0;
    u64 size_bytes = 0;
    Timestamp atime, mtime;
};

// What statfs reports.
struct FsStatistics {
    u64 magic = 0;
    u32 block_size = kPageSize, name_max = 255;
    u64 blocks = 0, blocks_free = 0, blocks_available = 0, files = 0, files_free = 0, fsid = 0,
        flags = 0;
};

// Readiness bits (poll(2)'s meaning; the personality maps numbers).
enum : u32 {
    kPollIn = 0x001,
    kPollPri = 0x002,
    kPollOut = 0x004,
    kPollErr = 0x008,
    kPollHup = 0x010,
    kPollNval = 0x020,
    kPollRdNorm = 0x040,
    kPollRdBand = 0x080,
    kPollWrNorm = 0x100,
    kPollWrBand = 0x200,
    kPollRdHup = 0x2000,
};

// Open flags, Tenon's own.
enum : u32 {
    kOpenRead = 1 << 0,
    kOpenWrite = 1 << 1,
    kOpenAppend = 1 << 2,
    kOpenNonblock = 1 << 3,
    kOpenCreate = 1 << 4,
    kOpenExclusive = 1 << 5,
    kOpenTruncate = 1 << 6,
    kOpenDirectory = 1 << 7,
    kOpenNoFollow = 1 << 8,
    kOpenPath = 1 << 9,
    kOpenTmpfile = 1 << 10,
    kOpenNoCtty = 1 << 11,
    kOpenSync = 1 << 12,
    kOpenDsync = 1 << 13,
    kOpenDirect = 1 << 14,
    kOpenNoAtime = 1 << 15,
    kOpenAsync = 1 << 16,
    kOpenExec = 1 << 17,
    kOpenLargeFile = 1 << 18,
};

}  // namespace tenon::vfs
