// What Ctrl-Alt-Del does: the service "linux-ctrl-alt-del". Keyboards tell it, reboot(2) and
// /proc/sys/kernel/ctrl-alt-del and cad_pid set it.
#pragma once

#include <tenon/module/service.h>

namespace tenon::linux_cad {

// Thread context; does not sleep.
class CtrlAltDel : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class
    // Restarts the machine, or sends SIGINT to the process that was chosen, as was set.
    virtual void pressed() = 0;
    virtual i32 pid() = 0;                      // of the process that is told; 1 at first
    virtual Result<void> set_pid(i32 pid) = 0;  // Error::srch: there is none
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-ctrl-alt-del";

}  // namespace tenon::linux_cad
