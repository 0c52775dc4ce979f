// The capabilities that a file gives to who executes it: the extended attribute
// security.capability. Spec: man 7 capabilities, "File capabilities"; linux/capability.h
// (vfs_cap_data, vfs_ns_cap_data).
#pragma once

#include <tenon/process/credentials.h>
#include <tenon/vfs/inode.h>

#include <span>

namespace tenon::personality {

inline constexpr char kCapabilityAttribute[] = "security.capability";

struct FileCapabilities {
    process::CapabilitySet permitted = 0, inheritable = 0;
    bool effective = false;  // what is permitted takes effect at once
};

// Of an executable; Error::nodata when it has none that count here, Error::inval when what it has
// cannot be read. May sleep.
Result<FileCapabilities> file_capabilities(vfs::Inode& inode);
// May these bytes become the attribute? Error::inval.
Result<void> check_file_capabilities(std::span<const u8> value);
// The attribute as getxattr(2) shows it. Inode lock held.
Result<usize> show_file_capabilities(vfs::Inode& inode, std::span<u8> out);

}  // namespace tenon::personality
