// What the file family hangs into the core while the module lives.
#pragma once

#include <tenon/vfs/inode.h>

namespace tenon::personality {

void install_file_hooks();
void remove_file_hooks();
// The core's notify hook, for inotify and dnotify.
void tell_watches(u32 event, vfs::Inode* directory, std::string_view name, vfs::Inode& inode,
                  u32 cookie);

}  // namespace tenon::personality
