// What /proc/sys shows of settings that only the personality heeds: the service "linux-settings".
#pragma once

#include <tenon/module/service.h>

namespace tenon::linux_settings {

// Files below /proc/sys that hold one int.
enum class Setting : u8 {
    dir_notify_enable,  // fs: whether fcntl(F_NOTIFY) serves
};

// Thread context; does not sleep.
class Settings : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class and the enum above
    virtual i32 get(Setting which) = 0;              // what it is now
    virtual void set(Setting which, i32 value) = 0;  // from now on; any value is taken
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-settings";

}  // namespace tenon::linux_settings
