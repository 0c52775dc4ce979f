// Entries about keys: the texts are made by the personality's service.
#pragma once

#include <tenon/linux/key_files.h>

#include "node.h"

namespace tenon::procfs {

Result<void> show_keys(Text& out, const Subject&);
Result<void> show_key_users(Text& out, const Subject&);
extern const Entry kKeySettings;  // /proc/sys/kernel/keys

}  // namespace tenon::procfs
