// What /proc shows of keys: the service "linux-keys".
#pragma once

#include <tenon/lib/format.h>
#include <tenon/module/service.h>

namespace tenon::linux_keys {

// The files of /proc.
enum class Listing : u8 { keys, key_users };

// Those of /proc/sys/kernel/keys.
enum class Setting : u8 {
    maxkeys,
    maxbytes,
    root_maxkeys,
    root_maxbytes,
    gc_delay,
    persistent_keyring_expiry,
};

// Thread context; may sleep.
class Files : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class and the enums above
    // Writes the whole text, of the keys that the caller may view.
    virtual Result<void> list(Listing what, fmt::Sink& out) = 0;
    virtual Result<u32> value(Setting which) = 0;
    virtual Result<void> set(Setting which, u32 value) = 0;
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-keys";

}  // namespace tenon::linux_keys
