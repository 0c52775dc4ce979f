// ioctl: what every file has; the rest is the file's own. Spec: man 2 ioctl, Linux fs/ioctl.c.
#include <tenon/net/socket.h>
#include <tenon/vfs/pipe.h>

#include "personality/linux/file/async_watch.h"
#include "personality/linux/file/block_ioctl.h"
#include "personality/linux/file/common.h"
#include "personality/linux/file/random_ioctl.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/socket/common.h"
#include "personality/linux/socket/interface_ioctl.h"

namespace tenon::personality {

// Named by the FICLONERANGE and FIDEDUPERANGE macros.
using uapi::file_clone_range;
using uapi::file_dedupe_range;

namespace {

Result<i64> set_flag(vfs::File& file, u64 arg, u32 flag) {
    TRY_ASSIGN(i32 on, mm::UserIn<i32>(arg).read());
    file.set_flags(on ? flag : 0, on ? 0 : flag);
    return 0;
}

Result<i64> put_int(u64 arg, i32 value) {
    TRY(mm::UserOut<i32>(arg).write(value));
    return 0;
}

}  // namespace

Result<i64> sys_ioctl(i32 fd, u32 cmd, u64 arg) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    vfs::Inode& inode = file->inode();
    bool regular = vfs::is_regular(inode.mode);
    switch (cmd) {
        case FIOCLEX:
            TRY(current()->files->set_close_on_exec(fd, true));
            return 0;
        case FIONCLEX:
            TRY(current()->files->set_close_on_exec(fd, false));
            return 0;
        case FIONBIO:
            return set_flag(*file, arg, vfs::kOpenNonblock);
        case FIOASYNC: {
            TRY_ASSIGN(const i32 on, mm::UserIn<i32>(arg).read());
            TRY(set_async(*file, fd, on != 0));
            return 0;
        }
        case FIOQSIZE: {
            if (!regular && !inode.is_dir() && !vfs::is_symlink(inode.mode))
                return Err(Error::notty);
            TRY(mm::UserOut<u64>(arg).write(inode.attributes().blocks_512 * 512));
            return 0;
        }
        case FIGETBSZ:
            return put_int(arg, static_cast<i32>(inode.super().block_size));
        case FIONREAD:
            if (regular) {
                i64 left = static_cast<i64>(inode.size_bytes.load(std::memory_order_relaxed)) -
                           static_cast<i64>(file->position());
                return put_int(arg, static_cast<i32>(left));
            }
            if (vfs::Pipe* pipe = vfs::pipe_of(*file)) {
                const usize bytes = pipe->bytes();
                return put_int(arg, static_cast<i32>(bytes));
            }
            break;
        // Files that share blocks: no file system here does.
        case FICLONE:
        case FICLONERANGE:
            if (cmd == FICLONE) {
                TRY_ASSIGN(vfs::FileRef from, file_of(static_cast<i32>(arg)));
                if (&from->inode().super() != &inode.super()) return Err(Error::xdev);
            }
            if (inode.is_dir()) return Err(Error::isdir);
            return Err(regular ? Error::opnotsupp : Error::inval);
        case FIDEDUPERANGE:
            return Err(regular ? Error::opnotsupp : Error::inval);
        case FIFREEZE:
        case FITHAW:
            if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
            return Err(Error::opnotsupp);
    }
    if ((inode.mode & vfs::kTypeMask) == vfs::kBlockDevice) return block_ioctl(*file, cmd, arg);
    if ((inode.mode & vfs::kTypeMask) == vfs::kCharDevice && is_random_device(inode.rdev))
        return random_ioctl(cmd, arg);
    constexpr u32 kSocketCalls = 0x8900;
    if ((cmd & ~0xffu) == kSocketCalls && (inode.mode & vfs::kTypeMask) == vfs::kSocket &&
        file->tag() == vfs::kSocketTag) {
        TRY_ASSIGN(auto socket, socket_of(*file));
        TRY_ASSIGN(const u16 family,
                   inside(socket, [](net::Socket& s) -> Result<u16> { return s.family(); }));
        if (auto answer = interface_ioctl(family, cmd, arg);
            answer || answer.error() != Error::noioctl)
            return answer;
    }
    Result<i64> answer = file->ops().call(&vfs::FileOps::ioctl, *file, cmd, arg);
    if (!answer && answer.error() == Error::noioctl) return Err(Error::notty);
    return answer;
}

}  // namespace tenon::personality
