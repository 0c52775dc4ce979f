// The OpenPGP keys that may sign packages and repositories.
//
// A key counts when a signature of its own binds it: the primary key by a self-signature, a subkey
// by its primary's binding, which for a signing subkey holds the subkey's own signature in turn
// (without that, somebody else's subkey could be adopted). Revoked keys count for nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/lib/openpgp/packet.h"
#include "pkg/lib/public_key.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::openpgp {

struct DsaKey {
    std::string p, q, g, y;
};

// The numbers of one key, whatever may be done with it.
struct KeyMaterial {
    unsigned version = 0, algorithm = 0;
    uint32_t created = 0;
    std::string fingerprint;  // 20 or 32 bytes
    std::string key_id;       // 8 bytes
    std::string hashed;       // how a signature over this key sees it
    std::shared_ptr<PublicKey> key;
    std::shared_ptr<DsaKey> dsa;
    std::string ed448;  // 57 bytes

    // The body of a key packet. An algorithm that is not known gives a key that verifies nothing.
    static Result<KeyMaterial> parse(std::string_view body);
    bool supported() const { return key || dsa || !ed448.empty(); }
    // Does `s`, over something with this digest, come from this key?
    bool verify(const Signature& s, HashAlgorithm algorithm, const std::string& digest) const;
};

struct SigningKey {
    KeyMaterial material;
    std::string primary_fingerprint;  // of the certificate that it belongs to
    uint32_t expires = 0;             // seconds since 1970; 0: never
    std::string owner;                // the first user ID
    std::string trouble;              // why it must not be used; empty when it may
};

enum class SignatureState { good, bad, unknown_key, unsupported, refused };

struct Judgement {
    SignatureState state = SignatureState::bad;
    std::string text;  // whose it is, or what is wrong
};

class Keyring {
  public:
    // Every certificate in `data`, armoured or binary.
    Status add(std::string_view data);
    // Every file of a directory that holds OpenPGP keys; others are passed by.
    Status add_directory(const std::string& directory);
    // The keys whose own or whose certificate's fingerprint is among `fingerprints` (raw bytes).
    Keyring only(const std::vector<std::string>& fingerprints) const;
    bool empty() const { return keys_.empty(); }
    size_t size() const { return keys_.size(); }

    // The whole verdict on a signature of type `type` over contents. `hash` has seen them, behind
    // what Signature::start_hash() gave; nullopt when the signature's digest is not known here.
    Judgement judge_contents(const Signature& signature, std::optional<Hash>& hash, unsigned type,
                             int64_t now) const;
    // `digest`: of the data with the signature's trailer. `now` in seconds since 1970.
    Judgement judge(const Signature& signature, const std::string& digest, int64_t now) const;

  private:
    std::vector<SigningKey> keys_;
};

}  // namespace tenon::pkg::openpgp
