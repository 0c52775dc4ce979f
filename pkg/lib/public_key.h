// Public keys and the signatures that packages and indexes carry: RSA (PKCS#1 v1.5), ECDSA,
// Ed25519.
//
// nettle and hogweed do the arithmetic and the DER; here are the checks around them. A key is
// bounded before it is used: a hostile key file may cost neither time nor memory.
// Spec: RFC 5280 4.1.2.7 (SubjectPublicKeyInfo), RFC 8017 8.2.2, RFC 5480, RFC 8032, RFC 8410.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

enum class KeyKind { rsa, ecdsa, ed25519 };
enum class Curve { p256, p384, p521 };

class PublicKey {
  public:
    // "-----BEGIN PUBLIC KEY-----". The first such block counts, what surrounds it does not.
    static Result<PublicKey> from_pem(std::string_view text);
    // The same without its armour.
    static Result<PublicKey> from_der(std::string_view subject_public_key_info);
    // Parts, big-endian, as OpenPGP writes them. `material()` is then made as PKCS#1 has it.
    static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
    // 04 X Y (SEC 1 2.3.3, uncompressed).
    static Result<PublicKey> ecdsa(Curve curve, std::string_view point);
    static Result<PublicKey> ed25519(std::string_view point);  // 32 bytes

    PublicKey(PublicKey&&) noexcept;
    PublicKey& operator=(PublicKey&&) noexcept;
    ~PublicKey();

    KeyKind kind() const;
    // The contents of the bit string in SubjectPublicKeyInfo: RSAPublicKey, or the point. apk v3
    // takes its key identity from it.
    const std::string& material() const { return material_; }

    // True when `signature` is this key's over `digest`, which was made with `algorithm`. The
    // signature is that of X.509: RSA big-endian, ECDSA as a DER sequence, Ed25519 64 bytes.
    // Ed25519 takes `digest` for its message, whatever it is (that is what OpenPGP does).
    // Anything malformed is false.
    bool verify(HashAlgorithm algorithm, std::string_view digest, std::string_view signature) const;
    // ECDSA as OpenPGP writes it: two big-endian numbers.
    bool verify_ecdsa(std::string_view digest, std::string_view r, std::string_view s) const;

  private:
    struct Parts;
    PublicKey();
    std::unique_ptr<Parts> parts_;
    std::string material_;
};

}  // namespace tenon::pkg
