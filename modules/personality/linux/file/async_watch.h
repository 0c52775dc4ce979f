// O_ASYNC: whoever owns a file's signals is told when it becomes readable or writable.
//
// A watch hangs on the queues that the file names to poll. A wake-up there, in any context, defers
// the signal (poll/deferred.h). Several wake-ups that come before it is sent are one signal.
#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// Sets O_ASYNC or takes it away, through `fd`. Error::notty: pipes, sockets and terminals have such
// signals, this file has not; nomem. May sleep.
Result<void> set_async(vfs::File& file, i32 fd, bool on);
// Sends what is due to the owner as it is now, before another one is set. May sleep.
void settle_async(vfs::File& file);
// The last reference to a file with O_ASYNC is gone. May sleep.
void async_file_closed(vfs::File& file);
// Module unload: no file is open any more.
void stop_async();

}  // namespace tenon::personality
