// The cryptographic digests that package formats use, behind one type, through nettle.
#pragma once

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>
#include <stddef.h>

#include <string>
#include <string_view>
#include <variant>

namespace tenon::pkg {

enum class HashAlgorithm { md5, sha1, sha224, sha256, sha384, sha512, sha3_256, sha3_512 };

size_t hash_size_bytes(HashAlgorithm algorithm);
const char* to_string(HashAlgorithm algorithm);

class Hash {
  public:
    explicit Hash(HashAlgorithm algorithm);
    HashAlgorithm algorithm() const { return algorithm_; }
    void update(const void* data, size_t len_bytes);
    void update(std::string_view data) { update(data.data(), data.size()); }
    // The digest as raw bytes. The object is then as new.
    std::string finish();

  private:
    HashAlgorithm algorithm_;
    std::variant<md5_ctx, sha1_ctx, sha256_ctx, sha512_ctx, sha3_256_ctx, sha3_512_ctx> state_;
};

std::string hash_of(HashAlgorithm algorithm, std::string_view data);

std::string to_hex(std::string_view bytes);
// False unless `text` is an even number of hexadecimal digits, of either case.
bool from_hex(std::string_view text, std::string& out);
// RFC 4648 with padding; white space is skipped when reading. False on anything else.
std::string to_base64(std::string_view bytes);
bool from_base64(std::string_view text, std::string& out);

}  // namespace tenon::pkg
