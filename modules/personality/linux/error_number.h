// The errno numbers of this ABI.
#pragma once

#include <tenon/lib/error.h>
#include <tenon/lib/types.h>

namespace tenon::personality {

// Kernel-internal results of an interrupted call, as Linux numbers them. They stand in the result
// register only until deliver() has seen them. Spec: Linux include/linux/errno.h (not exported).
inline constexpr i64 kRestartSys = 512, kRestartNoIntr = 513, kRestartNoHand = 514,
                     kRestartBlock = 516;

inline bool is_restart(Error error) {
    return error >= Error::restart;
}
// The positive errno, or one of the codes above.
i64 errno_of(Error error);

}  // namespace tenon::personality
