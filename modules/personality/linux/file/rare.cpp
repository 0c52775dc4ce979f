// sysfs(2), ustat, vhangup, swapon, swapoff, quotactl, quotactl_fd: old calls of the file layer.
//
// There is no swap area and no quota: what can be named is checked as Linux checks it, and then
// answered as by a Linux whose file systems have neither.
// Spec: the man pages of these names; Linux fs/filesystems.c, fs/statfs.c, mm/swapfile.c,
// fs/quota/quota.c.
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

using process::Capability;

// --- sysfs --------------------------------------------------------------------------------------

struct TypeSearch {
    std::string_view name;  // what is looked for, or empty
    u64 index = 0;          // what is looked for by number
    i64 count = 0, found = -1;
    char text[32] = {};
};

void look_at_type(std::string_view name, bool, void* context) {
    auto& s = *static_cast<TypeSearch*>(context);
    if (s.name.empty() ? static_cast<u64>(s.count) == s.index : name == s.name) {
        s.found = s.count;
        std::memcpy(s.text, name.data(), std::min(name.size(), sizeof(s.text) - 1));
    }
    ++s.count;
}

// --- ustat --------------------------------------------------------------------------------------

struct DeviceSearch {
    u64 device;
    Ref<vfs::SuperBlock> found;
};

void look_at_mount(vfs::Mount& mount, void* context) {
    auto& s = *static_cast<DeviceSearch*>(context);
    if (!s.found && encode_device(mount.super->device) == s.device) s.found = mount.super;
}

// --- swap ---------------------------------------------------------------------------------------

constexpr u32 kSwapPriorityMask = 0x7fff, kSwapPrefer = 0x8000, kSwapDiscard = 0x10000,
              kSwapDiscardOnce = 0x20000, kSwapDiscardPages = 0x40000;
constexpr u32 kSwapFlags =
    kSwapPriorityMask | kSwapPrefer | kSwapDiscard | kSwapDiscardOnce | kSwapDiscardPages;

// Opens what is to become a swap area, or was said to be one. Nothing is: Error::inval.
Result<void> no_swap_area(u64 user_path) {
    TRY(open_named(user_path, vfs::kOpenRead | vfs::kOpenWrite));
    return Err(Error::inval);
}

// --- quota --------------------------------------------------------------------------------------

constexpr u32 kQuotaTypes = 3;

}  // namespace

Result<i64> sys_sysfs(i32 option, u64 arg1, u64 arg2) {
    TypeSearch search;
    switch (option) {
        case 1: {
            UserPath name;
            TRY(name.load(arg1));
            if (name.empty()) return Err(Error::noent);
            search.name = name.view();
            vfs::for_each_file_system(look_at_type, &search);
            if (search.found < 0) return Err(Error::inval);
            return search.found;
        }
        case 2: {
            search.index = static_cast<u32>(arg1);
            vfs::for_each_file_system(look_at_type, &search);
            if (search.found < 0) return Err(Error::inval);
            TRY(mm::copy_to_user(UserAddr{arg2}, search.text, std::strlen(search.text) + 1));
            return 0;
        }
        case 3:
            vfs::for_each_file_system(look_at_type, &search);
            return search.count;
        default:
            return Err(Error::inval);
    }
}

Result<i64> sys_ustat(u32 dev, u64 ubuf) {
    DeviceSearch search{dev, {}};
    vfs::for_each_mount(look_at_mount, &search);
    if (!search.found) return Err(Error::inval);
    vfs::FsStatistics statistics{};
    if (search.found->ops())
        statistics = search.found->ops().call(&vfs::SuperOps::statistics, *search.found);
    struct {  // struct ustat
        i32 free_blocks;
        u64 free_inodes;
        char name[6], pack[6];
    } out;
    std::memset(&out, 0, sizeof(out));
    out.free_blocks = static_cast<i32>(statistics.blocks_free);
    out.free_inodes = statistics.files_free;
    TRY(mm::copy_to_user(UserAddr{ubuf}, &out, sizeof(out)));
    return 0;
}

Result<i64> sys_vhangup() {
    if (!process::capable(Capability::sys_tty_config)) return Err(Error::perm);
    module::Gated<process::ControllingTerminal> terminal;
    if (Ref<process::Session> session = process::session_of(process::current_process()); session) {
        sync::IrqSpinGuard guard(process::tree_lock());
        terminal = std::move(session->terminal);
    }
    if (terminal) terminal.call(&process::ControllingTerminal::session_leader_exited);
    return 0;
}

Result<i64> sys_swapon(u64 path, u32 flags) {
    if (flags & ~kSwapFlags) return Err(Error::inval);
    if (!process::capable(Capability::sys_admin)) return Err(Error::perm);
    TRY(no_swap_area(path));
    return 0;
}

Result<i64> sys_swapoff(u64 path) {
    if (!process::capable(Capability::sys_admin)) return Err(Error::perm);
    TRY(no_swap_area(path));
    return 0;
}

Result<i64> sys_quotactl(u32 cmd, u64 special, u32 id, u64 addr) {
    const u32 command = cmd >> SUBCMDSHIFT;
    if ((cmd & SUBCMDMASK) >= kQuotaTypes) return Err(Error::inval);
    if (special == 0) return command == (Q_SYNC & 0xffffffu) ? Result<i64>(0) : Err(Error::nodev);
    // The file with the limits is looked up before the device.
    if (command == (Q_QUOTAON & 0xffffffu)) (void)resolve_at(AT_FDCWD, addr, vfs::kLookupFollow);
    TRY_ASSIGN(vfs::Path path, resolve_at(AT_FDCWD, special, vfs::kLookupFollow));
    vfs::Inode& inode = *path.dentry->inode();
    if ((inode.mode & vfs::kTypeMask) != vfs::kBlockDevice) return Err(Error::notblk);
    DeviceSearch search{encode_device(inode.rdev), {}};
    vfs::for_each_mount(look_at_mount, &search);
    if (!search.found) return Err(Error::nodev);
    return Err(Error::nosys);
}

Result<i64> sys_quotactl_fd(i32 fd, u32 cmd, u32 id, u64 addr) {
    TRY_ASSIGN(vfs::FileRef file, file_or_path_of(fd));
    if ((cmd & SUBCMDMASK) >= kQuotaTypes) return Err(Error::inval);
    return Err(Error::nosys);
}

}  // namespace tenon::personality
