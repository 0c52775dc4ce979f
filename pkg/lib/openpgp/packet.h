// OpenPGP packets: signatures of versions 3, 4 and 6, public keys of versions 4 and 6.
// Spec: RFC 9580 (and RFC 4880, which it replaces), sections 4.2, 5.2, 5.5, 6.
//
// Only what judging a signature over a package needs; nothing here is secret, nothing is encrypted.
#pragma once

#include <stdint.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::openpgp {

// RFC 9580 section 9.5. nullopt: not known here.
std::optional<HashAlgorithm> hash_of_id(unsigned id);

struct Packet {
    unsigned type = 0;
    std::string_view body;
};

inline constexpr unsigned kSignaturePacket = 2, kPublicKeyPacket = 6, kUserIdPacket = 13;
inline constexpr unsigned kPublicSubkeyPacket = 14, kUserAttributePacket = 17;

// Takes the first packet off `data`. Partial and indeterminate lengths are refused.
Result<Packet> take_packet(std::string_view& data);

// Signature types.
inline constexpr unsigned kBinarySignature = 0x00, kTextSignature = 0x01;
inline constexpr unsigned kDirectKeySignature = 0x1f;
inline constexpr unsigned kSubkeyBinding = 0x18, kPrimaryKeyBinding = 0x19;
inline constexpr unsigned kKeyRevocation = 0x20, kSubkeyRevocation = 0x28;

struct Signature {
    unsigned version = 0, type = 0, key_algorithm = 0, hash_id = 0;
    uint32_t created = 0;                  // seconds since 1970
    std::optional<uint32_t> lifetime;      // seconds; absent or 0: for ever
    std::optional<uint32_t> key_lifetime;  // likewise, of the key that is bound
    std::optional<unsigned> key_flags;
    std::string issuer_id;             // 8 bytes, or empty
    std::string issuer_fingerprint;    // 20 or 32 bytes, or empty
    std::string salt;                  // version 6
    std::string hashed;                // what the trailer repeats
    std::string embedded;              // body of an embedded signature packet
    bool unknown_critical = false;     // it says something that must be understood
    std::vector<std::string> numbers;  // or the one native value of newer algorithms

    // The body of a signature packet.
    static Result<Signature> parse(std::string_view body);
    // A whole packet with nothing behind it.
    static Result<Signature> parse_packet(std::string_view data);
    std::optional<HashAlgorithm> hash_algorithm() const { return hash_of_id(hash_id); }
    // A hash that has the salt in it already.
    Hash start_hash(HashAlgorithm algorithm) const;
    // Adds the trailer behind the data and gives the digest.
    std::string finish_hash(Hash& hash) const;
    // "RSA/SHA256 signature, key ID 0123456789abcdef"
    std::string str() const;
};

enum class Armor { public_key, signature };
// All blocks of "-----BEGIN PGP PUBLIC KEY BLOCK-----" (or SIGNATURE) in `text`, decoded, one
// behind the other; `text` itself when it is binary.
Result<std::string> decode_armor(std::string_view text, Armor kind = Armor::public_key);

}  // namespace tenon::pkg::openpgp
