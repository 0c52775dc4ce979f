// The inode of one path.
#pragma once

#include <tenon/vfs/super_block.h>

#include "branch.h"

namespace tenon::sysfs {

class Node final : public vfs::InodeData {
  public:
    static Result<Ref<vfs::Inode>> make(vfs::SuperBlock& super, std::string_view path, u64 ino,
                                        const Found& found);
    // From the root, without a slash before it; empty for the root.
    std::string_view path() const { return {path_text_.get(), path_size_}; }
    bool is_binary = false;

  private:
    std::unique_ptr<char[]> path_text_;
    usize path_size_ = 0;
};

// The same path has the same number.
u64 ino_of(std::string_view parent, std::string_view name);

}  // namespace tenon::sysfs
