// Signals to who owns a file (F_SETOWN, F_SETSIG).
#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// SIGIO to the owner, or the signal that was chosen, which then says which descriptor and why
// (`code`: POLL_IN and so on). Thread context.
void signal_owner(vfs::File& file, i32 fd, i32 code);
// Who is told, with the caller's rights (F_SETOWN). `type`: F_OWNER_TID and so on.
void name_owner(vfs::File& file, i32 pid, u8 type);
// The caller owns the file's signals, unless somebody does already.
void own_signals(vfs::File& file);

}  // namespace tenon::personality
