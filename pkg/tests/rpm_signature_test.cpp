// OpenPGP certificates and signatures made here, of versions 4 and 6, good and bad ones.
#include <gtest/gtest.h>
#include <nettle/eddsa.h>

#include <functional>

#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/tests/rpm_builder.h"

namespace tenon::pkg::test {
namespace {

using rpm::CheckState;
using openpgp::Keyring;
using rpm::RpmFile;

constexpr uint32_t kCreated = 1'700'000'000, kLater = kCreated + 1000;

std::string be(uint64_t v, int bytes) {
    std::string out;
    while (bytes--) out += static_cast<char>(v >> (8 * bytes));
    return out;
}

const uint8_t* u8(const std::string& s) {
    return reinterpret_cast<const uint8_t*>(s.data());
}

std::string packet(unsigned type, const std::string& body) {
    return std::string(1, static_cast<char>(0xc0 | type)) + "\xff" + be(body.size(), 4) + body;
}

// An Ed25519 key.
struct Key {
    int version;
    std::string secret, body;

    Key(int version, char seed) : version(version), secret(32, seed) {
        uint8_t point[32];
        ed25519_sha512_public_key(point, u8(secret));
        body = be(static_cast<uint64_t>(version), 1) + be(kCreated, 4) + "\x1b" +
               (version == 6 ? be(32, 4) : "") + std::string(reinterpret_cast<char*>(point), 32);
    }
    std::string hashed() const {
        return version == 6 ? "\x9b" + be(body.size(), 4) + body
                            : "\x99" + be(body.size(), 2) + body;
    }
    std::string fingerprint() const {
        return hash_of(version == 6 ? HashAlgorithm::sha256 : HashAlgorithm::sha1, hashed());
    }
};

std::string subpacket(unsigned type, const std::string& body) {
    return be(body.size() + 1, 1) + be(type, 1) + body;
}

struct SignatureSpec {
    unsigned type = 0x00;
    uint32_t created = kLater;
    std::string more;  // further hashed subpackets
    std::string unhashed;
    unsigned hash_id = 10;
};

// The body of a signature packet over `data`.
std::string sign(const Key& key, const std::string& data, const SignatureSpec& spec = {}) {
    bool v6 = key.version == 6;
    std::string salt = v6 ? std::string(32, 's') : "";
    std::string area =
        subpacket(2, be(spec.created, 4)) +
        subpacket(33, be(static_cast<uint64_t>(key.version), 1) + key.fingerprint()) + spec.more;
    std::string hashed = be(static_cast<uint64_t>(key.version), 1) + be(spec.type, 1) + "\x1b" +
                         be(spec.hash_id, 1) + be(area.size(), v6 ? 4 : 2) + area;
    std::string trailer = be(static_cast<uint64_t>(key.version), 1) + "\xff" + be(hashed.size(), 4);
    std::string digest =
        hash_of(spec.hash_id == 12 ? HashAlgorithm::sha3_256 : HashAlgorithm::sha512,
                salt + data + hashed + trailer);
    uint8_t value[64], point[32];
    ed25519_sha512_public_key(point, u8(key.secret));
    ed25519_sha512_sign(point, u8(key.secret), digest.size(), u8(digest), value);
    return hashed + be(spec.unhashed.size(), v6 ? 4 : 2) + spec.unhashed + digest.substr(0, 2) +
           (v6 ? be(32, 1) + salt : "") + std::string(reinterpret_cast<char*>(value), 64);
}

std::string certificate(const Key& key, const std::string& self_subpackets = "") {
    std::string user = "Tester";
    std::string data = key.hashed() + "\xb4" + be(user.size(), 4) + user;
    return packet(6, key.body) + packet(13, user) +
           packet(2, sign(key, data, {.type = 0x13, .created = kCreated, .more = self_subpackets}));
}

// What the header of spec's package is, over which its signatures go.
std::string header_of(const RpmSpec& spec) {
    std::string bytes = rpm_of(spec);
    return std::string(RpmFile::open_memory(bytes)->header().raw());
}

RpmSpec plain() {
    RpmSpec s;
    s.items = {{.path = "/usr/bin/a", .mode = S_IFREG | 0755, .data = "program"}};
    s.compression = Compression::none;  // gzip writes the time into it: another digest each second
    return s;
}

std::string signed_rpm(const std::vector<std::string>& v6, const std::string& v4 = "") {
    RpmSpec s = plain();
    std::vector<std::string> texts;
    for (const auto& body : v6) texts.push_back(to_base64(packet(2, body)));
    if (!texts.empty()) s.signatures.texts(rpm::sigtag::kOpenPgp, texts);
    if (!v4.empty()) s.signatures.bytes(rpm::sigtag::kRsaHeader, packet(2, v4));
    return rpm_of(s);
}

rpm::Verdict verdict_of(const std::string& bytes, const Keyring& keys) {
    auto file = RpmFile::open_memory(bytes);
    EXPECT_TRUE(file) << file.error().text;
    if (!file) return {};
    auto v = file->verify(keys);
    EXPECT_TRUE(v) << v.error().text;
    return v ? *v : rpm::Verdict{};
}

Keyring ring(const std::string& data) {
    Keyring keys;
    Status s = keys.add(data);
    EXPECT_TRUE(s) << s.error().text;
    return keys;
}

void expect_distrust(const rpm::Verdict& v, const char* words) {
    EXPECT_TRUE(v.damage.empty()) << v.damage;
    EXPECT_NE(v.distrust.find(words), std::string::npos) << v.distrust << " / " << words;
    EXPECT_FALSE(v.good());
}

TEST(RpmSignature, both_versions_are_verified) {
    for (int version : {4, 6}) {
        Key key(version, 'k'), stranger(version, 'z');
        std::string body = sign(key, header_of(plain()));
        auto v = verdict_of(signed_rpm({body}), ring(certificate(key)));
        EXPECT_TRUE(v.good()) << v.distrust;
        EXPECT_TRUE(v.is_signed);
        EXPECT_TRUE(verdict_of(signed_rpm({}, body), ring(certificate(key))).good());
        expect_distrust(verdict_of(signed_rpm({body}), ring(certificate(stranger))),
                        "not among the known");
        expect_distrust(
            verdict_of(signed_rpm({sign(key, "another header")}), ring(certificate(key))),
            "does not fit");
        std::string armour = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n" +
                             to_base64(certificate(key)) + "\n-----END PGP PUBLIC KEY BLOCK-----\n";
        EXPECT_TRUE(verdict_of(signed_rpm({body}), ring(armour)).good());
        SignatureSpec sha3{.hash_id = 12};
        EXPECT_TRUE(
            verdict_of(signed_rpm({sign(key, header_of(plain()), sha3)}), ring(certificate(key)))
                .good());
    }
}

TEST(RpmSignature, of_several_all_must_be_good) {
    Key a(6, 'a'), b(6, 'b');
    std::string header = header_of(plain());
    Keyring both = ring(certificate(a) + certificate(b)), one = ring(certificate(a));
    EXPECT_EQ(both.size(), 2u);
    EXPECT_TRUE(verdict_of(signed_rpm({sign(a, header), sign(b, header)}), both).good());
    expect_distrust(verdict_of(signed_rpm({sign(a, header), sign(b, header)}), one), "known");
    expect_distrust(verdict_of(signed_rpm({sign(a, header), sign(b, "x")}), both), "fit");
    // Where there are new ones, the old one is for old readers.
    EXPECT_TRUE(verdict_of(signed_rpm({sign(a, header)}, sign(b, "x")), both).good());
}

TEST(RpmSignature, time_type_and_critical_parts_count) {
    Key key(4, 'k');
    std::string header = header_of(plain());
    auto judged = [&](const SignatureSpec& s, const std::string& self = "") {
        return verdict_of(signed_rpm({sign(key, header, s)}), ring(certificate(key, self)));
    };
    EXPECT_TRUE(judged({}).good());
    expect_distrust(judged({.type = 0x01}), "no signature over a file");
    expect_distrust(judged({.created = kCreated - 1}), "not valid when it signed");
    expect_distrust(judged({.more = subpacket(3, be(10, 4))}), "expired");
    expect_distrust(judged({.more = subpacket(0x80 | 99, "x")}), "critical");
    EXPECT_TRUE(judged({.more = subpacket(99, "x")}).good());
    // A creation time that nobody signed is none.
    EXPECT_TRUE(judged({.unhashed = subpacket(2, be(1, 4))}).good());
    expect_distrust(judged({}, subpacket(9, be(500, 4))), "not valid when it signed");
    EXPECT_TRUE(judged({}, subpacket(9, be(5000, 4))).good());
    expect_distrust(judged({}, subpacket(27, "\x01")), "not for signing");
    EXPECT_TRUE(judged({}, subpacket(27, "\x03")).good());
}

TEST(RpmSignature, keys_must_be_bound_and_not_revoked) {
    Key key(4, 'k'), sub(4, 's');
    std::string header = header_of(plain());
    std::string both = key.hashed() + sub.hashed();
    auto with = [&](const std::string& binding_subpackets, const std::string& more = "") {
        return certificate(key) + packet(14, sub.body) +
               packet(2, sign(key, both, {.type = 0x18, .more = binding_subpackets})) + more;
    };
    auto judged = [&](const std::string& data) {
        return verdict_of(signed_rpm({sign(sub, header)}), ring(data));
    };
    std::string back = subpacket(32, sign(sub, both, {.type = 0x19}));
    std::string flags = subpacket(27, "\x02");
    EXPECT_TRUE(judged(with(flags + back)).good());
    expect_distrust(judged(with(flags)), "not for signing");
    expect_distrust(judged(with(back)), "not for signing");
    expect_distrust(judged(with(flags + subpacket(32, sign(key, both, {.type = 0x19})))),
                    "not for signing");
    expect_distrust(judged(certificate(key) + packet(14, sub.body)), "not bound");
    expect_distrust(judged(with(flags + back, packet(2, sign(key, both, {.type = 0x28})))),
                    "revoked");
    // A revocation by anybody else is none.
    EXPECT_TRUE(judged(with(flags + back, packet(2, sign(sub, both, {.type = 0x28})))).good());
    std::string revoked = packet(6, key.body) + packet(2, sign(key, key.hashed(), {.type = 0x20})) +
                          certificate(key).substr(packet(6, key.body).size());
    expect_distrust(verdict_of(signed_rpm({sign(key, header)}), ring(revoked)), "revoked");
    expect_distrust(verdict_of(signed_rpm({sign(key, header)}),
                               ring(packet(6, key.body) + packet(13, "Tester"))),
                    "does not sign itself");
}

TEST(RpmSignature, malformed_packets_are_refused) {
    Key key(6, 'k');
    std::string good = certificate(key), signature = packet(2, sign(key, "x"));
    for (size_t n = 1; n < good.size(); n++) {
        Keyring keys;
        (void)keys.add(good.substr(0, n));
        (void)openpgp::Signature::parse_packet(signature.substr(0, std::min(n, signature.size() - 1)));
    }
    Keyring keys;
    EXPECT_FALSE(keys.add("no key"));
    EXPECT_FALSE(keys.add(signature));
    EXPECT_FALSE(keys.add("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"));
    EXPECT_FALSE(openpgp::Signature::parse_packet(signature + "x"));
    expect_distrust(verdict_of(signed_rpm({"junk"}), ring(good)), "not good");
}

}  // namespace
}  // namespace tenon::pkg::test
