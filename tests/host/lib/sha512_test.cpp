#include "core/lib/sha512.h"

#include <gtest/gtest.h>

#include "hex.h"

namespace tenon::test {
namespace {

std::string hash(const std::string& text, usize piece) {
    Sha512 h;
    const auto* bytes = reinterpret_cast<const u8*>(text.data());
    for (usize at = 0; at < text.size(); at += piece)
        h.update({bytes + at, std::min(piece, text.size() - at)});
    u8 digest[Sha512::kBytes];
    h.finish(digest);
    return to_hex(digest, sizeof digest);
}

// Examples of FIPS 180 (NIST, "SHA512.pdf" and the million letters).
TEST(Sha512, gives_the_standards_examples) {
    EXPECT_EQ(hash("abc", 3),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    EXPECT_EQ(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                   "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                   200),
              "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
              "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
    EXPECT_EQ(hash("", 1),
              "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
              "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
    EXPECT_EQ(hash(std::string(1000000, 'a'), 777),
              "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
              "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
}

TEST(Sha512, does_not_depend_on_how_it_is_cut) {
    for (usize size : {111u, 112u, 127u, 128u, 129u, 255u, 256u, 1000u}) {
        const std::string text(size, 'x');
        for (usize piece : {1u, 7u, 64u, 128u, 200u})
            EXPECT_EQ(hash(text, piece), hash(text, size));
    }
}

}  // namespace
}  // namespace tenon::test
