#include "core/lib/ed25519.h"

#include <gtest/gtest.h>

#include <memory>

#include "hex.h"

namespace tenon::test {
namespace {

struct Vector {
    const char *key, *message, *signature;
};
// RFC 8032 section 7.1: tests 1, 2, 3 and SHA(abc).
const Vector kVectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

bool verify(const std::vector<u8>& key, const std::vector<u8>& message,
            const std::vector<u8>& signature) {
    auto k = std::make_unique<Ed25519Key>();
    return k->set(std::span<const u8, 32>(key)) &&
           k->verify(std::span<const u8, 64>(signature), message);
}

TEST(Ed25519, accepts_the_standards_signatures) {
    for (const auto& v : kVectors)
        EXPECT_TRUE(verify(from_hex(v.key), from_hex(v.message), from_hex(v.signature))) << v.key;
}

TEST(Ed25519, refuses_every_changed_bit) {
    for (const auto& v : kVectors) {
        const auto key = from_hex(v.key), message = from_hex(v.message),
                   signature = from_hex(v.signature);
        for (usize bit = 0; bit < 512; ++bit) {
            auto changed = signature;
            changed[bit / 8] ^= static_cast<u8>(1u << bit % 8);
            EXPECT_FALSE(verify(key, message, changed)) << bit;
        }
        for (usize bit = 0; bit < 256; ++bit) {
            auto changed = key;
            changed[bit / 8] ^= static_cast<u8>(1u << bit % 8);
            EXPECT_FALSE(verify(changed, message, signature)) << bit;
        }
        for (usize bit = 0; bit < message.size() * 8; ++bit) {
            auto changed = message;
            changed[bit / 8] ^= static_cast<u8>(1u << bit % 8);
            EXPECT_FALSE(verify(key, changed, signature)) << bit;
        }
        auto longer = message;
        longer.push_back(0);
        EXPECT_FALSE(verify(key, longer, signature));
    }
}

// S + order signs as S does unless that is looked at (RFC 8032 section 5.1.7).
TEST(Ed25519, refuses_a_second_form_of_a_signature) {
    static constexpr u64 kOrder[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0,
                                      0x1000000000000000};
    auto signature = from_hex(kVectors[1].signature);
    unsigned over = 0;
    for (usize i = 0; i < 32; ++i) {
        over += signature[32 + i] + (kOrder[i / 8] >> (i % 8 * 8) & 0xff);
        signature[32 + i] = static_cast<u8>(over);
        over >>= 8;
    }
    EXPECT_FALSE(verify(from_hex(kVectors[1].key), from_hex(kVectors[1].message), signature));
}

TEST(Ed25519, refuses_keys_that_are_no_point) {
    auto k = std::make_unique<Ed25519Key>();
    // y = 2 has no x; y = p is 0 written otherwise; x = 0 has no sign.
    std::vector<u8> two(32), prime(32, 0xff), negative_zero(32);
    two[0] = 2;
    prime[0] = 0xed;
    prime[31] = 0x7f;
    negative_zero[0] = 1;
    negative_zero[31] = 0x80;
    for (const auto& key : {two, prime, negative_zero}) {
        EXPECT_FALSE(k->set(std::span<const u8, 32>(key)));
        EXPECT_FALSE(k->verify(std::span<const u8, 64>(from_hex(kVectors[0].signature)), {}));
    }
}

}  // namespace
}  // namespace tenon::test
