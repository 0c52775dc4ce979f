// The texts of /proc/keys and /proc/key-users, and the limits of /proc/sys/kernel/keys.
#pragma once

#include <tenon/linux/key_files.h>

namespace tenon::personality::keys {

// Offers the service "linux-keys".
Result<module::Held> offer_files(module::Context& context);

}  // namespace tenon::personality::keys
