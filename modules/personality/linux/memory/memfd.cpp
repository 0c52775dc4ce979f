// memfd_create. Seals are fcntl's: F_ADD_SEALS and F_GET_SEALS work on Inode::seals.
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/pipe.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

Result<i64> sys_memfd_create(u64 name, u32 flags) {
    // The file has no name in any tree; /proc shows it as one that was deleted.
    constexpr std::string_view prefix = "/memfd:", suffix = " (deleted)";
    constexpr usize kMaxName = 255 - 6;  // with Linux's "memfd:"
    constexpr u32 known = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    if (flags & MFD_HUGETLB) {
        if (flags & ~(known | MFD_HUGETLB | (MFD_HUGE_MASK << MFD_HUGE_SHIFT)))
            return Err(Error::inval);
        return Err(Error::nomem);  // no huge pages are reserved
    }
    if (flags & ~known) return Err(Error::inval);
    char text[prefix.size() + kMaxName + 1 + suffix.size()];
    prefix.copy(text, prefix.size());
    TRY_ASSIGN(const usize length, mm::copy_string_from_user({text + prefix.size(), kMaxName + 1},
                                                             UserAddr{name}, Error::inval));
    suffix.copy(text + prefix.size() + length, suffix.size());
    TRY_ASSIGN(Ref<vfs::File> file,
               vfs::make_memory_file({text, prefix.size() + length + suffix.size()}, 0,
                                     vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenLargeFile));
    file->inode().seals.store(flags & MFD_ALLOW_SEALING ? 0 : vfs::Inode::kSealSeal,
                              std::memory_order_relaxed);
    const u64 limit = process::current_process().limits.value[process::Limits::nofile].soft;
    TRY_ASSIGN(const i32 fd,
               current()->files->install(std::move(file), (flags & MFD_CLOEXEC) != 0, limit));
    return fd;
}

}  // namespace tenon::personality
