// Spec: Linux Documentation/admin-guide/sysctl/fs.rst, protected_*.
#include "personality/linux/file/protected_names.h"

#include <tenon/process/credentials.h>
#include <tenon/vfs/inode.h>

#include "personality/linux/system/settings.h"

namespace tenon::personality {

using linux_settings::Setting;
using process::Credentials;
using vfs::Inode;
using vfs::Mode;

namespace {

constexpr Mode kOthersWrite = 0002, kGroupWrites = 0020, kGroupRuns = 0010;

Result<void> may_follow(const Inode& directory, const Inode& link, const Credentials& cred) {
    constexpr Mode kShared = vfs::kSticky | kOthersWrite;
    if (setting(Setting::protected_symlinks) == 0 || link.uid == cred.fsuid ||
        (directory.mode & kShared) != kShared || directory.uid == link.uid)
        return {};
    return Err(Error::acces);
}

// Of a file that the caller could not have made as it is, another name is not to be had.
Result<void> may_link(Inode& inode, const Credentials& cred) {
    if (setting(Setting::protected_hardlinks) == 0) return {};
    constexpr Mode kSetGroup = vfs::kSetGid | kGroupRuns;
    const bool safe = vfs::is_regular(inode.mode) && (inode.mode & vfs::kSetUid) == 0 &&
                      (inode.mode & kSetGroup) != kSetGroup &&
                      vfs::permission(inode, vfs::kMayRead | vfs::kMayWrite, cred);
    if (safe || inode.uid == cred.fsuid || cred.has(process::Capability::fowner)) return {};
    return Err(Error::perm);
}

Result<void> may_open(const Inode& directory, const Inode& inode, const Credentials& cred) {
    const bool fifo = (inode.mode & vfs::kTypeMask) == vfs::kFifo;
    if (!fifo && !vfs::is_regular(inode.mode)) return {};
    const i32 level = setting(fifo ? Setting::protected_fifos : Setting::protected_regular);
    if (level == 0 || (directory.mode & vfs::kSticky) == 0 || inode.uid == directory.uid ||
        inode.uid == cred.fsuid)
        return {};
    const Mode writers = kOthersWrite | (level >= 2 ? kGroupWrites : 0);
    if ((directory.mode & writers) == 0) return {};
    return Err(Error::acces);
}

}  // namespace

Result<void> may_use_name(vfs::NameUse use, const Inode* directory, Inode& inode,
                          const Credentials& cred) {
    switch (use) {
        case vfs::NameUse::follow:
            return may_follow(*directory, inode, cred);
        case vfs::NameUse::link:
            return may_link(inode, cred);
        case vfs::NameUse::open:
            return may_open(*directory, inode, cred);
    }
    return {};
}

}  // namespace tenon::personality
