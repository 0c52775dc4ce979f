// Keys and signatures here were made with openssl's command line.
#include "pkg/lib/public_key.h"

#include <gtest/gtest.h>

namespace tenon::pkg {
namespace {

constexpr std::string_view kMessage = "a message\n";
constexpr char kRsa[] =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyfkqxWFUZwzOymmZX8TDwhHTaYm5wAeTlJ9qqILA1H"
    "g2rNbi6YhMhs3G2FDTwr0zRblyyVebc4mFCSWF7O0i+WWBZY6yd5PUoosewzuSZahtXiuldX2blOOZT/QdAxDL"
    "gy4agHM6NYvxHZWOg+x4CofUd897ix3ryd8UVAZxexm/9UC8C/SzF0ZQzSk0c8GrHnrWBpb8OLwzCuKxH/VU3e"
    "GoqdEeD+Z9uaPN+43JhNrjatQttRbKGNUs4cSnr4LXD5kFx3M/msvhM3xIlcCE67iBJPqIqo7U3v8+c59TZ87i"
    "5WInW6FVOad5wNIUaoFrMUH2tR5ut8FwKjDPBFK/IwIDAQAB";
constexpr char kP256[] =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5bdW59Y2XIZAmSoRgCnhndvH57zxXedTncQ+b3qP9dTcTPZcAw"
    "YPRNWqFl2+BfHBWXm3bDqVu6W5wQYMrebGsw==";
constexpr char kP384[] =
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEcJPK0zMhkvic753b/ZKbAFqfNEr6/uldV5F7LP7W9kYi2of2YxP1Fu"
    "4mNd8VzszVr3NgFyq4XDg2QydDIz2TZoiwyqlQalvD+0XUi7w2+0d8xHxVT6G7hIIuFP7tohFG";
constexpr char kP521[] =
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBfBhQGtYhJf/7nU/Vnuu+20k0DWqCAWrudydXg8DlSZI7hEngf4"
    "WnyFjVtwlSSdFKW0mJHMpJm3M8kca1AGTdbG8BYPX7uIyrhBn2qLPu8badKSj+sv9ZT7dPX3rkgtZUIanl3vg1"
    "MUevx/JuWQf/HAFVL6yPhmpFoerZJsbDu9OwK7c=";
constexpr char kEd[] = "MCowBQYDK2VwAyEAXI8o6y0sso37YqzU+pCQ5QpyLrRbrYIGkYK3mMt4mTk=";

struct Case {
    const char* key;
    HashAlgorithm algorithm;
    const char* signature;
};
const Case kCases[] = {
    {kRsa, HashAlgorithm::sha1,
     "ezrkX9m2DU9fyoRc3+G9IdGi0MisHgAK762EEvOhI123Y8bAdZq7Fue2TVJbApc6XUaHhM36T5uVeVVyocT9ip"
     "ifqcLL/aQ9xTZ+4EhS2UYCHUo/XPOxKPQQHvlpPSy9DtG2RhCPqo7LYuEeoauUSMYDB3g2p7gAzPxFEF8WE1kq"
     "kBZEj/9aQUOXORLQmwKKbH1Mga8ne2pTC+27xJCCfF4J/jCKcbhGyhyHitTa8xSYsRHuE9ZaEcuVlIMqg10g1p"
     "p+9jq84rzSQXj4ZX73EOswKhvFFjRHpAy4ueYF1Pu88rLDIHRBz8rvmryMa4UDqrqJH8rD3MIxSrRPvID1dQ=="},
    {kRsa, HashAlgorithm::sha256,
     "h9YVOK8DAb416ug1JPEQ+bLNZKRIEO472tW3yFMPp7I2SLhuFRqMrlNOtZ5CUk4fpUL/8ozFevUkj47hHduPW0"
     "Bu6TodqtKnkOh+PuMkwP4QozYUFnHxDG8QNnNwuvWUVu23oNu5NBlztzEccDqQSpfy4sGY7x+BUUBbZ1u3Ksai"
     "xDzzLEIAnH2m8dbUxLL+swqmH4U64Fm1FhSgYuBHRt9mAxSSmm1OqUyXcJfuN5CQK4Upqk9UnnyLpP9rzzv32W"
     "3kXu1XKaQPoqvDizFVMzg18hbAMWRRbUAz51J70fyM0T095RmlCJzIL1S5VGLlci7Ar6ojRnEqa0dmPdFyJA=="},
    {kRsa, HashAlgorithm::sha384,
     "HcVC4D97S6I1FPEgH4lymmyoIuCsNgCoPU3rUrsqdkhS5JyvXuAhtVEcKyekss0XqdtS23f+Work/bSXwBQMIF"
     "moUAhf9uGW46DTsMScNB1EtmjRzxLCJYG7gTth5Tq2q+YgqGwiwMlUMYpeoe1HYaPopFud8DNSPZimufzC1lbp"
     "BZAUYShMLZZKVKx4UudGhNccTGnQaYaA8eple/DQ3Ev8st9yh5CLctz3IVJIHnCaYkrac+YOqaebFum4i+4zEk"
     "8JxlHF68daRru3Lp+jTEfRAAB6KOeNlzfja4pewFI9L7uK0S3Osj4jruzxuArNY6KMotAyyDutlWToiBl5Tg=="},
    {kRsa, HashAlgorithm::sha512,
     "J+/cBIzSDNKCKM7leJiijSJxnv22tSkOpLTnbxksAicFEPUP3M0SIi6qgHWDA17JnowgIQfAiXBIOxeQdbimIf"
     "3jq0WeO4XOPuUeupf1Rg17vZJJkOYNfP3AQlv/5rqx35MLnAjP5BnKVvjFaKcCrgTh/c6JbTwYRVGLC4MO2Mel"
     "K02d0ISz/2p20tsWQPWLmky1Xpv0tX2QbDJLOtP2mRl/Q9Bg3jgQrO6h6jGEwKbsxnzLBCzvnzakZ+8a59qNYu"
     "2p9AKcGouY1fjx6YqgRBM1vsXVNHGLCmKsYIXXNXp2FT/i4bXXsp9dwgSc8YJLuF4s0d0wZg7e7w5yd1wSQw=="},
    {kP256, HashAlgorithm::sha256,
     "MEYCIQDIkSMVT9m3PB3AWLADqSYtRtgcHYYlCKYT3LT70iRh8gIhANfjbbLiXajE3vT/l0sCWLRIOw3U0s2lct"
     "ek4369ALAD"},
    {kP256, HashAlgorithm::sha512,
     "MEUCIA1VK7JURivgI46kqtL4gyhD2+sgrlrasq3qh953G5VfAiEAj9yZyQWruOi6t0pirhggvJzygWpwJsg+XV"
     "wnI2qfddQ="},
    {kP384, HashAlgorithm::sha512,
     "MGUCMG0DAR76qj+58rwm6UpHNbF6Z+XQ2pl+hE32KNHoJBVtUitpN1j2HtabsB0Rc76/NQIxAK4//I7m+6ZOft"
     "rRYq/yVd1yhOAQb4bgP+QtHpYMRQbsDVG0wHnKX3f8vUT3GBtQKw=="},
    {kP521, HashAlgorithm::sha512,
     "MIGHAkECxXuIyTJsg24lrkO+suEd6o+yv6K3ml32v8YhHj5QBX2iQmb6qKGog8GtSPHmvNbKJdI7uHW3MVSmTq"
     "EmM1JisgJCAKS5wYEIaD2WxgvHm4zmhVal25jtTosx53C7RhXRJzg+mfLKj5vZ9pnXpQgJ1AlVdWb5qXi/8aG6"
     "Y68N+/YACwpB"},
    {kEd, HashAlgorithm::sha512,
     "WWCDs+2iC1dfsahKll35B4Tt840FHpHen8BDBjpXJ9eD4Vxkce4tRDSX/bAHQerJKvLtlosECIX63pWl7Eg3Aw"
     "=="},
};

std::string pem(std::string_view body) {
    std::string out = "-----BEGIN PUBLIC KEY-----\n";
    for (; !body.empty(); body.remove_prefix(std::min<size_t>(64, body.size())))
        out.append(body.substr(0, 64)).append("\n");
    return out + "-----END PUBLIC KEY-----\n";
}

std::string bytes_of(const char* base64) {
    std::string out;
    EXPECT_TRUE(from_base64(base64, out));
    return out;
}

TEST(PublicKey, verifies_what_openssl_signed) {
    for (const Case& c : kCases) {
        auto key = PublicKey::from_pem(pem(c.key));
        ASSERT_TRUE(key) << key.error().text;
        std::string digest = hash_of(c.algorithm, kMessage), signature = bytes_of(c.signature);
        EXPECT_TRUE(key->verify(c.algorithm, digest, signature));

        std::string other = hash_of(c.algorithm, "another message\n");
        EXPECT_FALSE(key->verify(c.algorithm, other, signature));
        EXPECT_FALSE(key->verify(c.algorithm, digest, ""));
        EXPECT_FALSE(key->verify(c.algorithm, digest, signature.substr(1)));
        EXPECT_FALSE(key->verify(c.algorithm, digest, signature + std::string(1, '\0')));
        // One bit anywhere, the DER around ECDSA's numbers too.
        for (size_t i = 0; i < signature.size(); i++) {
            std::string flipped = signature;
            flipped[i] = static_cast<char>(flipped[i] ^ 1);
            EXPECT_FALSE(key->verify(c.algorithm, digest, flipped)) << "byte " << i;
        }
    }
}

TEST(PublicKey, another_digest_algorithm_of_the_same_length_is_another_signature) {
    auto key = PublicKey::from_pem(pem(kRsa));
    ASSERT_TRUE(key);
    std::string digest = hash_of(HashAlgorithm::sha256, kMessage);
    std::string signature = bytes_of(kCases[1].signature);
    EXPECT_TRUE(key->verify(HashAlgorithm::sha256, digest, signature));
    EXPECT_FALSE(key->verify(HashAlgorithm::sha512, digest, signature));
    EXPECT_FALSE(key->verify(HashAlgorithm::sha1, digest.substr(0, 20), signature));
}

TEST(PublicKey, keys_cut_short_or_changed_are_refused_or_verify_nothing) {
    for (const char* body : {kRsa, kP256, kP384, kP521, kEd}) {
        std::string der = bytes_of(body);
        for (size_t n = 0; n < der.size(); n++) EXPECT_FALSE(PublicKey::from_der(der.substr(0, n)));
        EXPECT_FALSE(PublicKey::from_der(der + std::string(1, '\0')));
        for (const Case& c : kCases) {
            if (c.key != body) continue;
            std::string digest = hash_of(c.algorithm, kMessage);
            size_t head = der.size() - PublicKey::from_der(der)->material().size();
            for (size_t i = head; i < der.size(); i++) {
                std::string flipped = der;
                flipped[i] = static_cast<char>(flipped[i] ^ 4);
                auto key = PublicKey::from_der(flipped);
                EXPECT_FALSE(key && key->verify(c.algorithm, digest, bytes_of(c.signature))) << i;
            }
        }
    }
}

TEST(PublicKey, parts_make_the_same_key_as_the_file) {
    auto whole = PublicKey::from_pem(pem(kRsa));
    ASSERT_TRUE(whole);
    // RSAPublicKey of 2048 bits: 30 82 xx xx, 02 82 01 01 00 N, 02 03 01 00 01.
    const std::string& m = whole->material();
    EXPECT_FALSE(PublicKey::rsa(m.substr(9, 256), "\x01"));
    auto parts = PublicKey::rsa(m.substr(9, 256), std::string_view("\x01\x00\x01", 3));
    ASSERT_TRUE(parts) << parts.error().text;
    EXPECT_EQ(parts->material(), m);
    EXPECT_TRUE(parts->verify(HashAlgorithm::sha256, hash_of(HashAlgorithm::sha256, kMessage),
                              bytes_of(kCases[1].signature)));
}

TEST(PublicKey, unreasonable_keys_are_refused) {
    std::string_view three("\x03", 1);
    EXPECT_FALSE(PublicKey::rsa("", three));
    EXPECT_FALSE(PublicKey::rsa(std::string(64, '\xff'), three));            // 512 bits
    EXPECT_FALSE(PublicKey::rsa(std::string(255, '\xff') + '\xfe', three));  // even
    EXPECT_FALSE(PublicKey::rsa(std::string(256, '\xff'), std::string(256, '\xff')));
    EXPECT_FALSE(PublicKey::rsa(std::string(1u << 20, '\xff'), three));
    EXPECT_FALSE(PublicKey::rsa(std::string(256, '\xff'), ""));
    EXPECT_FALSE(PublicKey::ecdsa(Curve::p256, std::string(65, '\x04')));  // not on the curve
    EXPECT_FALSE(PublicKey::ecdsa(Curve::p256, ""));
    EXPECT_FALSE(PublicKey::ed25519("short"));
    EXPECT_FALSE(PublicKey::from_pem(""));
    EXPECT_FALSE(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n"));
    EXPECT_FALSE(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----"));
}

TEST(Hash, known_answers) {
    EXPECT_EQ(to_hex(hash_of(HashAlgorithm::md5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(to_hex(hash_of(HashAlgorithm::sha1, "abc")),
              "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(to_hex(hash_of(HashAlgorithm::sha224, "abc")),
              "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    EXPECT_EQ(to_hex(hash_of(HashAlgorithm::sha256, "abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(
        to_hex(hash_of(HashAlgorithm::sha384, "abc")),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baec"
        "a134c825a7");
    EXPECT_EQ(
        to_hex(hash_of(HashAlgorithm::sha512, "abc")),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c"
        "23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    Hash h(HashAlgorithm::sha1);
    h.update("a");
    h.update("bc");
    EXPECT_EQ(h.finish(), hash_of(HashAlgorithm::sha1, "abc"));
    EXPECT_EQ(h.finish(), hash_of(HashAlgorithm::sha1, ""));
    std::string out;
    EXPECT_TRUE(from_hex("00fFa0", out));
    EXPECT_EQ(out, std::string("\x00\xff\xa0", 3));
    EXPECT_FALSE(from_hex("0", out));
    EXPECT_FALSE(from_hex("0g", out));
}

}  // namespace
}  // namespace tenon::pkg
