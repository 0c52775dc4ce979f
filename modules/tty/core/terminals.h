// What the files of this module share.
#pragma once

#include <tty/tty.h>

namespace tenon::tty {

// Job control of the calling task on this terminal: Error::restart after SIGTTIN or SIGTTOU went to
// its group, Error::io where that would be in vain.
Result<void> check_background_read(Tty& tty);
Result<void> check_background_change(Tty& tty);

// The terminal with this number; null: none.
Ref<Tty> find_terminal(vfs::DeviceNumber number);
// The controlling terminal of the calling process; null: none.
Ref<Tty> controlling_terminal();
// The calling session lets its terminal go (TIOCNOTTY).
Result<void> give_up_controlling(Tty& tty);
Result<void> make_controlling(Tty& tty, bool steal, bool readable);

}  // namespace tenon::tty
