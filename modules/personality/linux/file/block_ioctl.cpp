// The ioctls of block devices. Spec: Linux block/ioctl.c.
#include "personality/linux/file/block_ioctl.h"

#include <tenon/vfs/char_device.h>

#include "personality/linux/file/common.h"

namespace tenon::personality {

namespace {

using vfs::BlockFileOps;
using BlockRef = module::Gated<BlockFileOps>;

template <typename T>
Result<i64> put(u64 arg, T value) {
    TRY(mm::UserOut<T>(arg).write(value));
    return 0;
}

Result<i64> zero_or_discard(vfs::File& file, const BlockRef& disk, u32 cmd, u64 arg) {
    if (!file.writable()) return Err(Error::badf);
    const auto geometry = disk.call(&BlockFileOps::geometry);
    if (cmd == BLKDISCARD && !geometry.can_discard) return Err(Error::opnotsupp);
    TRY_ASSIGN(const u64 start, mm::UserIn<u64>(arg).read(0));
    TRY_ASSIGN(const u64 length, mm::UserIn<u64>(arg).read(1));
    if (((start | length) & 511) != 0 || start + length < start ||
        start + length > geometry.size_bytes)
        return Err(Error::inval);
    TRY(disk.call(cmd == BLKDISCARD ? &BlockFileOps::discard : &BlockFileOps::zero_out, start,
                  length));
    return 0;
}

}  // namespace

Result<i64> block_ioctl(vfs::File& file, u32 cmd, u64 arg) {
    // The contract of vfs::open_block_device().
    const BlockRef disk =
        BlockRef::borrow(static_cast<BlockFileOps*>(file.raw_ops()), file.ops().gate());
    const auto geometry = disk.call(&BlockFileOps::geometry);
    const bool is_admin = process::capable(process::Capability::sys_admin);
    switch (cmd) {
        case BLKGETSIZE64:
            return put<u64>(arg, geometry.size_bytes);
        case BLKGETSIZE:
            return put<u64>(arg, geometry.size_bytes >> 9);
        case BLKSSZGET:
            return put<i32>(arg, static_cast<i32>(geometry.logical_block_bytes));
        case BLKPBSZGET:
        case BLKIOMIN:
            return put<u32>(arg, geometry.physical_block_bytes);
        case BLKIOOPT:
            return put<u32>(arg, 0);
        case BLKALIGNOFF:
            return put<i32>(arg, 0);
        case BLKDISCARDZEROES:
            return put<u32>(arg, 0);
        case BLKROTATIONAL:
            return put<u16>(arg, 0);
        case BLKBSZGET:
            return put<i32>(arg, static_cast<i32>(geometry.cache_block_bytes));
        case BLKBSZSET: {
            if (!is_admin) return Err(Error::acces);
            if (arg == 0) return Err(Error::inval);
            TRY_ASSIGN(const i32 n, mm::UserIn<i32>(arg).read());
            if (n < static_cast<i32>(geometry.logical_block_bytes) ||
                n > static_cast<i32>(kPageSize) || (n & (n - 1)) != 0)
                return Err(Error::inval);
            return 0;  // the cache is kept in pages whatever the size
        }
        case BLKRAGET:
        case BLKFRAGET:
            if (arg == 0) return Err(Error::inval);
            return put<u64>(arg, 0);  // nothing is read ahead
        case BLKRASET:
        case BLKFRASET:
            if (!is_admin) return Err(Error::acces);
            return 0;
        case BLKSECTGET:
            return put<u16>(arg, 256);
        case BLKROGET:
            return put<i32>(arg, geometry.read_only ? 1 : 0);
        case BLKROSET: {
            if (!is_admin) return Err(Error::acces);
            TRY_ASSIGN(const i32 n, mm::UserIn<i32>(arg).read());
            TRY(disk.call(&BlockFileOps::set_read_only, n != 0));
            return 0;
        }
        case BLKFLSBUF:
            if (!is_admin) return Err(Error::acces);
            TRY(disk.call(&BlockFileOps::flush_buffers));
            return 0;
        case BLKDISCARD:
        case BLKZEROOUT:
            return zero_or_discard(file, disk, cmd, arg);
        case BLKSECDISCARD:
            return Err(file.writable() ? Error::opnotsupp : Error::badf);
        case BLKRRPART:
            // A disk without partitions.
            return Err(is_admin ? Error::inval : Error::acces);
        default:
            return Err(Error::notty);
    }
}

}  // namespace tenon::personality
