// How many pseudo-terminals there may be and are (/proc/sys/kernel/pty): the service "pty-limits".
#pragma once

#include <tenon/module/service.h>

namespace tenon::tty {

// Thread context; may sleep for a lock.
class PtyLimits : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class
    virtual u32 count() = 0;                     // pairs whose master or slave is open
    virtual u32 limit() = 0;                     // the pair that would make it this many is not opened
    virtual void set_limit(u32 pairs) = 0;       // from the next one on
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kPtyLimits = "pty-limits";

}  // namespace tenon::tty
