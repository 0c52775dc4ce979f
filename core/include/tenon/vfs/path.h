// A place in the tree: a dentry as seen through a mount.
#pragma once

#include <tenon/lib/ref.h>

namespace tenon::vfs {

class Dentry;
class Inode;
class Mount;
class SuperBlock;
class File;

struct Path {
    Ref<Mount> mount;
    Ref<Dentry> dentry;
    explicit operator bool() const { return static_cast<bool>(dentry); }
    bool operator==(const Path&) const = default;
    TENON_API Path();
    TENON_API Path(Ref<Mount> mount, Ref<Dentry> dentry);
    TENON_API Path(const Path&);
    TENON_API Path(Path&&) noexcept;
    TENON_API Path& operator=(Path) noexcept;
    TENON_API ~Path();
};

}  // namespace tenon::vfs
