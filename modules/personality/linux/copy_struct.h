// Structures that grow by appending: clone_args, open_how, sched_attr. Spec: Linux
// copy_struct_from_user().
#pragma once

#include <tenon/mm/user_copy.h>

namespace tenon::personality {

// Error::toobig when the user's structure is longer than ours and the rest is not zero.
template <typename T>
Result<void> copy_struct_from_user(T& to, u64 from, u64 size) {
    to = T{};
    TRY(mm::copy_from_user(&to, UserAddr{from}, size < sizeof(T) ? size : sizeof(T)));
    for (u64 at = sizeof(T); at < size;) {
        u8 rest[64];
        const u64 n = size - at < sizeof(rest) ? size - at : sizeof(rest);
        TRY(mm::copy_from_user(rest, UserAddr{from + at}, n));
        for (u64 i = 0; i < n; ++i)
            if (rest[i] != 0) return Err(Error::toobig);
        at += n;
    }
    return {};
}

}  // namespace tenon::personality
