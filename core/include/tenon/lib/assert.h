// Assertions. TENON_ASSERT stands in every build; TENON_DEBUG_ASSERT only where the debug preset
// defines TENON_DEBUG.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {

// Ends the kernel with a message, registers and a stack trace. Any context.
[[noreturn]] TENON_API void panic(const char* message);
[[noreturn]] TENON_API void assertion_failed(const char* expression, const char* file, u32 line);

#define TENON_ASSERT(cond)                                        \
    do {                                                          \
        if (!(cond)) [[unlikely]]                                 \
            ::tenon::assertion_failed(#cond, __FILE__, __LINE__); \
    } while (0)

#if TENON_DEBUG
inline constexpr bool kDebug = true;
#define TENON_DEBUG_ASSERT(cond) TENON_ASSERT(cond)
#else
inline constexpr bool kDebug = false;
#define TENON_DEBUG_ASSERT(cond) ((void)sizeof(!(cond)))
#endif

}  // namespace tenon
