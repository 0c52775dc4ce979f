// The ChaCha20 block function. Spec: RFC 8439 section 2.3.
#pragma once

#include <tenon/lib/types.h>

#include <bit>
#include <cstring>

namespace tenon {

// `key` of 8 words, a 32-bit block counter and a 96-bit nonce give 64 bytes.
inline void chacha20_block(const u32 (&key)[8], u32 counter, const u32 (&nonce)[3],
                           u32 (&out)[16]) {
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    std::memcpy(in + 4, key, sizeof(key));
    in[12] = counter;
    std::memcpy(in + 13, nonce, sizeof(nonce));
    std::memcpy(out, in, sizeof(in));
    auto quarter = [&](u32& a, u32& b, u32& c, u32& d) {
        a += b;
        d = std::rotl(d ^ a, 16);
        c += d;
        b = std::rotl(b ^ c, 12);
        a += b;
        d = std::rotl(d ^ a, 8);
        c += d;
        b = std::rotl(b ^ c, 7);
    };
    for (int round = 0; round < 10; round++) {
        quarter(out[0], out[4], out[8], out[12]);
        quarter(out[1], out[5], out[9], out[13]);
        quarter(out[2], out[6], out[10], out[14]);
        quarter(out[3], out[7], out[11], out[15]);
        quarter(out[0], out[5], out[10], out[15]);
        quarter(out[1], out[6], out[11], out[12]);
        quarter(out[2], out[7], out[8], out[13]);
        quarter(out[3], out[4], out[9], out[14]);
    }
    for (int i = 0; i < 16; i++) out[i] += in[i];
}

}  // namespace tenon
