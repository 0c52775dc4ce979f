// fs.protected_hardlinks, protected_symlinks, protected_fifos and protected_regular: names that others
// lay out as traps.
#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// For the core's hooks (vfs::FileHooks). Error::acces, perm. Does not sleep.
Result<void> may_use_name(vfs::NameUse use, const vfs::Inode* directory, vfs::Inode& inode,
                          const process::Credentials& cred);

}  // namespace tenon::personality
