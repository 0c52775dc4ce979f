// What the makers of structures share.
#pragma once

#include <cstring>

#include "context.h"

namespace fuzz {

// A structure, often with one byte changed.
template <typename T>
u64 placed(Context& c, const T& value, size_t bytes = sizeof(T)) {
    T copy;
    memcpy(&copy, &value, sizeof(T));
    if (c.random.one_in(12))
        reinterpret_cast<u8*>(&copy)[c.random.below(bytes)] ^= static_cast<u8>(c.random.next());
    return c.arena.place(c.random, &copy, bytes);
}

// What a structure points at: mostly memory that is there.
inline u64 good(Context& c, size_t bytes) {
    return c.random.one_in(12) ? Arena::hostile_address(c.random)
                               : reinterpret_cast<u64>(c.arena.allocate(bytes));
}

// sockets.cpp
u64 vector(Context& c);  // struct iovec
u64 socket_address(Context& c);
u64 one_message(Context& c);
u64 messages(Context& c);

}  // namespace fuzz
