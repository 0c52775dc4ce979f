#include "core/lib/sha512.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tenon {

namespace {

constexpr u64 kRound[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

u64 load_be(const u8* p) {
    u64 v;
    std::memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
void store_be(u8* p, u64 v) {
    v = __builtin_bswap64(v);
    std::memcpy(p, &v, 8);
}

}  // namespace

void Sha512::block(const u8* bytes) {
    u64 w[16];
    for (int i = 0; i < 16; ++i) w[i] = load_be(bytes + 8 * i);
    u64 a = state_[0], b = state_[1], c = state_[2], d = state_[3], e = state_[4], f = state_[5],
        g = state_[6], h = state_[7];
    // The eight words keep their places; the names go round.
    const auto step = [](u64 a, u64 b, u64 c, u64& d, u64 e, u64 f, u64 g, u64& h, u64 kw) {
        const u64 t =
            h + (std::rotr(e, 14) ^ std::rotr(e, 18) ^ std::rotr(e, 41)) + (g ^ (e & (f ^ g))) + kw;
        d += t;
        h = t + (std::rotr(a, 28) ^ std::rotr(a, 34) ^ std::rotr(a, 39)) +
            ((a & b) | (c & (a | b)));
    };
    for (int i = 0; i < 80; i += 8) {
        const auto kw = [&](int n) {
            const int t = i + n;
            if (t >= 16) {
                const u64 x = w[(t - 2) & 15], y = w[(t - 15) & 15];
                w[t & 15] += (std::rotr(x, 19) ^ std::rotr(x, 61) ^ (x >> 6)) + w[(t - 7) & 15] +
                             (std::rotr(y, 1) ^ std::rotr(y, 8) ^ (y >> 7));
            }
            return kRound[t] + w[t & 15];
        };
        step(a, b, c, d, e, f, g, h, kw(0));
        step(h, a, b, c, d, e, f, g, kw(1));
        step(g, h, a, b, c, d, e, f, kw(2));
        step(f, g, h, a, b, c, d, e, kw(3));
        step(e, f, g, h, a, b, c, d, kw(4));
        step(d, e, f, g, h, a, b, c, kw(5));
        step(c, d, e, f, g, h, a, b, kw(6));
        step(b, c, d, e, f, g, h, a, kw(7));
    }
    const u64 out[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state_[i] += out[i];
}

void Sha512::update(std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const usize used = length_bytes_ % sizeof buffer_;
        if (used == 0 && bytes.size() >= sizeof buffer_) {
            block(bytes.data());
            length_bytes_ += sizeof buffer_;
            bytes = bytes.subspan(sizeof buffer_);
            continue;
        }
        const usize n = std::min(bytes.size(), sizeof buffer_ - used);
        std::memcpy(buffer_ + used, bytes.data(), n);
        length_bytes_ += n;
        bytes = bytes.subspan(n);
        if (used + n == sizeof buffer_) block(buffer_);
    }
}

void Sha512::finish(std::span<u8, kBytes> digest) {
    const u64 bits = length_bytes_ * 8;
    const usize used = length_bytes_ % sizeof buffer_;
    // A one bit, zeros, and the length in 128 bits at the end of a block.
    std::memset(buffer_ + used, 0, sizeof buffer_ - used);
    buffer_[used] = 0x80;
    if (used + 1 + 16 > sizeof buffer_) {
        block(buffer_);
        std::memset(buffer_, 0, sizeof buffer_);
    }
    store_be(buffer_ + 120, bits);
    block(buffer_);
    for (int i = 0; i < 8; ++i) store_be(digest.data() + 8 * i, state_[i]);
}

}  // namespace tenon
