// Apart from <cstring>, whose two C++ overloads of memchr stand in the way of defining the C one.
#include <tenon/lib/types.h>

extern "C" TENON_API void* memchr(const void* s, int c, tenon::usize n) {
    const auto* p = static_cast<const unsigned char*>(s);
    for (tenon::usize i = 0; i < n; ++i)
        if (p[i] == static_cast<unsigned char>(c)) return const_cast<unsigned char*>(p + i);
    return nullptr;
}
