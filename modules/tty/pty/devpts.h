// The file system of the slaves' names.
#pragma once

#include <tenon/vfs/super_block.h>

#include <memory>

namespace tenon::tty {

std::unique_ptr<vfs::FileSystemType> make_devpts();

}  // namespace tenon::tty
