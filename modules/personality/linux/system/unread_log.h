#pragma once

#include <tenon/module/context.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/io_buffer.h>

namespace tenon::personality::unread_log {

// "<6>[    1.234567] text\n", as the readers of syslog(2) and /proc/kmsg expect.
usize format_record(const log::Record& record, std::span<char> out);
// The longest one.
inline constexpr usize kRecordBytes = log::kMaxLineBytes + 64;

// May the caller take records out of the log?
bool may_change_log();
// See <tenon/linux/kernel_log.h>.
Result<usize> read(vfs::IoBuffer& to, bool wait);
// Bytes that read() would give. Error::nomem.
Result<usize> size_bytes();

// Offers the service of <tenon/linux/kernel_log.h> as long as the handle is held.
Result<module::Held> offer(module::Context& context);

}  // namespace tenon::personality::unread_log
