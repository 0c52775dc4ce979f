// The public keys that packages and indexes may be signed with: the files of etc/apk/keys.
//
// Format v2 names a key by its file's name, v3 by the first 16 bytes of the SHA512 of the key.
// Spec: apk-keys(5), apk-v2(5), apk-v3(5).
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/public_key.h"
#include "pkg/lib/result.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apk {

struct Signature {
    enum class State { good, bad, unknown_key, unsupported };
    State state = State::unsupported;
    std::string key;        // the key's file name; of v3 the identity in hexadecimal, when unknown
    std::string algorithm;  // "RSA256", "SHA512", as the package says it
};

class KeyRing {
  public:
    // Every plain file of the folder that holds a public key; other files are passed over. A
    // folder that is not there is an empty ring.
    static Result<KeyRing> load(Root& root, const std::string& dir = "/etc/apk/keys");
    // Adds those of another root.
    Status load_more(Root& root, const std::string& dir = "/etc/apk/keys");
    // The same outside of any root.
    static Result<KeyRing> load_host(const std::string& dir);

    Status add(const std::string& name, std::string_view pem);
    bool empty() const { return keys_.empty(); }
    size_t size() const { return keys_.size(); }
    const PublicKey* by_name(std::string_view name) const;

    struct Key {
        std::string name, id;  // id: 16 bytes
        PublicKey key;
    };
    const std::deque<Key>& keys() const { return keys_; }

  private:
    std::deque<Key> keys_;
};

// A package with a bad signature is refused whether keys are asked for or not.
Status refuse_bad(const std::vector<Signature>& signatures);
// At least one good signature, or a sentence that says what there is instead.
Status require_good(const std::vector<Signature>& signatures);

}  // namespace tenon::pkg::apk
