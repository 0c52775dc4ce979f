// The unread part of the kernel's log, which /proc/kmsg and syslog(2) share: the service
// "linux-log".
#pragma once

#include <tenon/module/service.h>
#include <tenon/vfs/io_buffer.h>
#include <tenon/vfs/poll.h>

namespace tenon::linux_log {

// Thread context.
class Unread : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class
    // Error::perm unless the caller may read and clear the log.
    virtual Result<void> may_read() = 0;
    // Takes records out, whole ones as far as they fit, or a part of the first one. Sleeps until
    // there is one, if `wait`. Errors: again, fault, restart.
    virtual Result<usize> read(vfs::IoBuffer& to, bool wait) = 0;
    // As FileOps::poll().
    virtual u32 poll(vfs::PollTable* table) = 0;
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-log";

}  // namespace tenon::linux_log
