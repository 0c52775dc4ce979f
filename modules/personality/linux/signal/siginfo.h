// Between the core's SignalInfo and siginfo_t.
#pragma once

#include <tenon/process/signal.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

void to_siginfo(const process::SignalInfo& from, uapi::siginfo_t& to);
// What a user gave to rt_sigqueueinfo and pidfd_send_signal, kept verbatim.
process::SignalInfo from_user_siginfo(u32 signal, const uapi::siginfo_t& from);

}  // namespace tenon::personality
