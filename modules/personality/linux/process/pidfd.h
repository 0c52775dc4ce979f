// Descriptors of processes.
#pragma once

#include <tenon/process/process.h>
#include <tenon/vfs/file.h>

namespace tenon::personality {

Result<Ref<vfs::File>> make_pidfd(Ref<process::Process> process, u32 open_flags);
// The process behind a pidfd; Error::badf for another descriptor.
Result<Ref<process::Process>> process_of_pidfd(i32 fd);

}  // namespace tenon::personality
