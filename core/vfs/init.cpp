// The VFS comes up: caches, the root tmpfs, internal mounts.
#include "core/boot/init.h"

#include <tenon/lib/assert.h>
#include <tenon/vfs/lookup.h>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/mount_table.h"

namespace tenon::vfs {

namespace {

alignas(Path) constinit u8 root_storage[sizeof(Path)] = {};

Result<void> init_all() {
    TRY(DentryCache::init());
    TRY(MountTable::init());
    TRY(init_anonymous());
    TRY_ASSIGN(Ref<SuperBlock> super, make_rootfs());
    Ref<Dentry> dentry = super->root;
    TRY_ASSIGN(Ref<Mount> mount, MountTable::make(std::move(super), dentry, 0, "rootfs"));
    MountTable::set_top(mount);
    new (root_storage) Path(std::move(mount), std::move(dentry));
    return {};
}

}  // namespace

Path& root_of_everything() {
    return *reinterpret_cast<Path*>(root_storage);
}

void init() {
    if (!init_all()) panic("vfs: no memory for the root file system");
}

}  // namespace tenon::vfs
