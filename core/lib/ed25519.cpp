// Theory. A signature (R, S) of a message by key A holds when S*B = R + h*A, h being the hash of R,
// A and the message. R' = S*B - h*A is computed in one run of doublings with both multiples added
// where the digits of S and h (signed, odd, at most 15, far apart) are not 0, and compared with R
// as bytes. Points are on the twisted Edwards curve -x^2 + y^2 = 1 + d x^2 y^2, in extended
// coordinates (x/z, y/z, t = xy/z). Spec: RFC 8032 section 5.1; Hisil et al., "Twisted Edwards
// Curves Revisited".
#include "core/lib/ed25519.h"

#include <cstring>

#include "core/lib/sha512.h"

namespace tenon {

namespace {

using Field = Ed25519Key::Field;
using Addend = Ed25519Key::Addend;
using u128 = unsigned __int128;

constexpr u64 kMask = (u64{1} << 51) - 1;
constexpr Field kZero{{0, 0, 0, 0, 0}}, kOne{{1, 0, 0, 0, 0}};
constexpr Field kD{
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
constexpr Field k2D{
    {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
constexpr Field kSqrtMinus1{
    {0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};
constexpr Field kBaseX{
    {0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5}};
constexpr Field kBaseY{
    {0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666}};
// The order of the base point.
constexpr u64 kOrder[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};

// Limbs stay below 2^53: products of two of them, 19 times and five added, fit in 128 bits.

void carry(Field& f) {
    u64 over = 0;
    for (u64& limb : f.limb) {
        limb += over;
        over = limb >> 51;
        limb &= kMask;
    }
    f.limb[0] += over * 19;
}

Field operator+(const Field& a, const Field& b) {
    Field out;
    for (int i = 0; i < 5; ++i) out.limb[i] = a.limb[i] + b.limb[i];
    return out;
}

Field operator-(const Field& a, const Field& b) {
    // Four times the prime, limb by limb, keeps it above 0.
    Field out;
    out.limb[0] = a.limb[0] + 0x1fffffffffffb4 - b.limb[0];
    for (int i = 1; i < 5; ++i) out.limb[i] = a.limb[i] + 0x1ffffffffffffc - b.limb[i];
    carry(out);
    return out;
}

Field reduce(u128 r0, u128 r1, u128 r2, u128 r3, u128 r4) {
    Field out;
    r1 += static_cast<u64>(r0 >> 51);
    r2 += static_cast<u64>(r1 >> 51);
    r3 += static_cast<u64>(r2 >> 51);
    r4 += static_cast<u64>(r3 >> 51);
    const u64 first = (static_cast<u64>(r0) & kMask) + static_cast<u64>(r4 >> 51) * 19;
    out.limb[0] = first & kMask;
    out.limb[1] = (static_cast<u64>(r1) & kMask) + (first >> 51);
    out.limb[2] = static_cast<u64>(r2) & kMask;
    out.limb[3] = static_cast<u64>(r3) & kMask;
    out.limb[4] = static_cast<u64>(r4) & kMask;
    return out;
}

Field operator*(const Field& x, const Field& y) {
    const u64 *a = x.limb, *b = y.limb;
    const u64 b1 = b[1] * 19, b2 = b[2] * 19, b3 = b[3] * 19, b4 = b[4] * 19;
    const auto m = [](u64 p, u64 q) { return static_cast<u128>(p) * q; };
    return reduce(m(a[0], b[0]) + m(a[1], b4) + m(a[2], b3) + m(a[3], b2) + m(a[4], b1),
                  m(a[0], b[1]) + m(a[1], b[0]) + m(a[2], b4) + m(a[3], b3) + m(a[4], b2),
                  m(a[0], b[2]) + m(a[1], b[1]) + m(a[2], b[0]) + m(a[3], b4) + m(a[4], b3),
                  m(a[0], b[3]) + m(a[1], b[2]) + m(a[2], b[1]) + m(a[3], b[0]) + m(a[4], b4),
                  m(a[0], b[4]) + m(a[1], b[3]) + m(a[2], b[2]) + m(a[3], b[1]) + m(a[4], b[0]));
}

Field squared(const Field& x) {
    const u64* a = x.limb;
    const u64 d0 = a[0] * 2, d1 = a[1] * 2, d2 = a[2] * 2, d3 = a[3] * 2;
    const u64 c3 = a[3] * 19, c4 = a[4] * 19;
    const auto m = [](u64 p, u64 q) { return static_cast<u128>(p) * q; };
    return reduce(m(a[0], a[0]) + m(d1, c4) + m(d2, c3), m(d0, a[1]) + m(d2, c4) + m(a[3], c3),
                  m(d0, a[2]) + m(a[1], a[1]) + m(d3, c4), m(d0, a[3]) + m(d1, a[2]) + m(a[4], c4),
                  m(d0, a[4]) + m(d1, a[3]) + m(a[2], a[2]));
}

Field squared_times(Field x, u32 times) {
    while (times-- != 0) x = squared(x);
    return x;
}

// x^(2^250 - 1), where both powers below begin; `eleventh` is x^11.
Field power_250(const Field& x, Field& eleventh) {
    const Field x2 = squared(x);
    const Field x9 = squared_times(x2, 2) * x;
    eleventh = x9 * x2;
    const Field p5 = squared(eleventh) * x9;
    const Field p10 = squared_times(p5, 5) * p5;
    const Field p20 = squared_times(p10, 10) * p10;
    const Field p40 = squared_times(p20, 20) * p20;
    const Field p50 = squared_times(p40, 10) * p10;
    const Field p100 = squared_times(p50, 50) * p50;
    const Field p200 = squared_times(p100, 100) * p100;
    return squared_times(p200, 50) * p50;
}

Field inverse(const Field& x) {
    Field x11;
    const Field p250 = power_250(x, x11);
    return squared_times(p250, 5) * x11;  // 2^255 - 21
}

void to_bytes(Field f, u8* out) {
    carry(f);
    carry(f);
    // Once more the prime off, if it is that large: adding 19 then overflows bit 255.
    u64 over = (f.limb[0] + 19) >> 51;
    for (int i = 1; i < 5; ++i) over = (f.limb[i] + over) >> 51;
    f.limb[0] += 19 * over;
    for (int i = 0; i < 4; ++i) {
        f.limb[i + 1] += f.limb[i] >> 51;
        f.limb[i] &= kMask;
    }
    f.limb[4] &= kMask;
    const u64 words[4] = {f.limb[0] | f.limb[1] << 51, f.limb[1] >> 13 | f.limb[2] << 38,
                          f.limb[2] >> 26 | f.limb[3] << 25, f.limb[3] >> 39 | f.limb[4] << 12};
    std::memcpy(out, words, 32);
}

Field from_bytes(const u8* in) {
    u64 w[4];
    std::memcpy(w, in, 32);
    return {{w[0] & kMask, (w[0] >> 51 | w[1] << 13) & kMask, (w[1] >> 38 | w[2] << 26) & kMask,
             (w[2] >> 25 | w[3] << 39) & kMask, (w[3] >> 12) & kMask}};
}

bool same(const Field& a, const Field& b) {
    u8 x[32], y[32];
    to_bytes(a, x);
    to_bytes(b, y);
    return std::memcmp(x, y, 32) == 0;
}

struct Point {
    Field x, y, z, t;
};
// Between two steps: x/z and y/t.
struct Completed {
    Field x, y, z, t;
};

// Doubling does not read t, and is spared making it.
Point without_t(const Completed& p) {
    return {p.x * p.t, p.y * p.z, p.z * p.t, kZero};
}
Point whole(const Completed& p) {
    return {p.x * p.t, p.y * p.z, p.z * p.t, p.x * p.y};
}

Completed doubled(const Point& p) {
    const Field xx = squared(p.x), yy = squared(p.y), zz = squared(p.z);
    const Field y = yy + xx, z = yy - xx;
    return {squared(p.x + p.y) - y, y, z, zz + zz - z};
}

Completed added(const Point& p, const Addend& q, bool minus) {
    const Field a = (p.y + p.x) * (minus ? q.difference : q.sum);
    const Field b = (p.y - p.x) * (minus ? q.sum : q.difference);
    const Field c = p.t * q.t2d, zz = p.z * q.z, d = zz + zz;
    return {a - b, a + b, minus ? d - c : d + c, minus ? d + c : d - c};
}

void odd_multiples(const Point& p, Addend (&out)[8]) {
    const auto addend = [](const Point& q) { return Addend{q.y + q.x, q.y - q.x, q.z, q.t * k2D}; };
    const Addend twice = addend(whole(doubled(p)));
    Point at = p;
    out[0] = addend(at);
    for (int i = 1; i < 8; ++i) {
        at = whole(added(at, twice, false));
        out[i] = addend(at);
    }
}

// Spec: RFC 8032 section 5.1.3.
bool decompress(std::span<const u8, 32> in, Point& out) {
    out.y = from_bytes(in.data());
    u8 canonical[32];
    to_bytes(out.y, canonical);
    canonical[31] |= in[31] & 0x80;
    if (std::memcmp(canonical, in.data(), 32) != 0) return false;
    const Field yy = squared(out.y);
    const Field u = yy - kOne, v = yy * kD + kOne;
    const Field v3 = squared(v) * v;
    const Field uv7 = squared(v3) * v * u;
    Field unused;
    out.x = squared_times(power_250(uv7, unused), 2) * uv7 * v3 * u;  // (uv7)^((p-5)/8) v3 u
    const Field check = squared(out.x) * v;
    if (!same(check, u)) {
        if (!same(check, kZero - u)) return false;
        out.x = out.x * kSqrtMinus1;
    }
    u8 x[32];
    to_bytes(out.x, x);
    const u8 sign = in[31] >> 7;
    if (sign == 1 && same(out.x, kZero)) return false;
    if ((x[0] & 1) != sign) out.x = kZero - out.x;
    out.z = kOne;
    out.t = out.x * out.y;
    return true;
}

// A number below 2^256, as words.
struct Scalar {
    u64 word[4] = {};
    bool below_order() const {
        for (int i = 3; i >= 0; --i)
            if (word[i] != kOrder[i]) return word[i] < kOrder[i];
        return false;
    }
};

// The hash, 512 bits, modulo the order: bit by bit.
Scalar reduced(const u8 (&hash)[64]) {
    Scalar r;
    for (int bit = 511; bit >= 0; --bit) {
        for (int i = 3; i > 0; --i) r.word[i] = r.word[i] << 1 | r.word[i - 1] >> 63;
        r.word[0] = r.word[0] << 1 | (hash[bit / 8] >> (bit % 8) & 1);
        if (r.below_order()) continue;
        u64 borrow = 0;
        for (int i = 0; i < 4; ++i) {
            const u128 difference = static_cast<u128>(r.word[i]) - kOrder[i] - borrow;
            r.word[i] = static_cast<u64>(difference);
            borrow = static_cast<u64>(difference >> 64) & 1;
        }
    }
    return r;
}

// Signed digits, each 0 or odd and at most 15, five places or more apart.
void recode(const Scalar& s, i8 (&digit)[257]) {
    u64 w[5] = {s.word[0], s.word[1], s.word[2], s.word[3], 0};
    std::memset(digit, 0, sizeof digit);
    u64 borrowed = 0;
    for (u32 at = 0; at < 257;) {
        const u64 window =
            (w[at / 64] >> (at % 64) | (at % 64 > 59 ? w[at / 64 + 1] << (64 - at % 64) : 0)) & 31;
        const u64 value = window + borrowed;
        if (value % 2 == 0) {
            ++at;
            continue;
        }
        borrowed = value > 15 ? 1 : 0;
        digit[at] = static_cast<i8>(static_cast<i32>(value) - (borrowed != 0 ? 32 : 0));
        at += 5;
    }
}

}  // namespace

bool Ed25519Key::set(std::span<const u8, kKeyBytes> key) {
    std::memcpy(bytes_, key.data(), kKeyBytes);
    Point p;
    is_set_ = decompress(key, p);
    if (!is_set_) return false;
    p.x = kZero - p.x;
    p.t = kZero - p.t;
    odd_multiples(p, minus_key_);
    odd_multiples({kBaseX, kBaseY, kOne, kBaseX * kBaseY}, base_);
    return true;
}

bool Ed25519Key::verify(std::span<const u8, kSignatureBytes> signature,
                        std::span<const u8> message) const {
    Scalar s;
    std::memcpy(s.word, signature.data() + 32, 32);
    if (!is_set_ || !s.below_order()) return false;
    u8 digest[Sha512::kBytes];
    Sha512 hash;
    hash.update(signature.first(32));
    hash.update(bytes_);
    hash.update(message);
    hash.finish(digest);
    i8 of_base[257], of_key[257];
    recode(s, of_base);
    recode(reduced(digest), of_key);

    int i = 256;
    while (i >= 0 && of_base[i] == 0 && of_key[i] == 0) --i;
    Point at{kZero, kOne, kOne, kZero};
    for (; i >= 0; --i) {
        Completed next = doubled(at);
        const auto add = [&](int digit, const Addend(&multiples)[8]) {
            if (digit == 0) return;
            next = added(whole(next), multiples[(digit < 0 ? -digit : digit) / 2], digit < 0);
        };
        add(of_base[i], base_);
        add(of_key[i], minus_key_);
        at = without_t(next);
    }
    // As bytes: y, and the lowest bit of x above it.
    const Field z = inverse(at.z);
    u8 r[32], x[32];
    to_bytes(at.y * z, r);
    to_bytes(at.x * z, x);
    r[31] |= static_cast<u8>(x[0] << 7);
    return std::memcmp(r, signature.data(), 32) == 0;
}

}  // namespace tenon
