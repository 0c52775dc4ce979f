#include "pkg/lib/public_key.h"

#include <nettle/asn1.h>
#include <nettle/bignum.h>
#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <nettle/eddsa.h>
#include <nettle/rsa.h>
#include <string.h>

namespace tenon::pkg {

namespace {

constexpr unsigned kRsaMinBits = 1024;
constexpr unsigned kRsaMaxBits = 16384;
constexpr unsigned kRsaExponentMaxBits = 64;
constexpr size_t kPemMaxBytes = 64 * 1024;

const uint8_t* u8(std::string_view s) {
    return reinterpret_cast<const uint8_t*>(s.data());
}

class Integer {
  public:
    Integer() { mpz_init(value_); }
    ~Integer() { mpz_clear(value_); }
    Integer(const Integer&) = delete;
    Integer& operator=(const Integer&) = delete;
    void set(std::string_view big_endian) {
        nettle_mpz_set_str_256_u(value_, big_endian.size(), u8(big_endian));
    }
    mpz_ptr get() { return value_; }

  private:
    mpz_t value_;
};

std::string der(unsigned char tag, std::string_view contents) {
    std::string out(1, static_cast<char>(tag));
    size_t n = contents.size();
    if (n < 128) {
        out += static_cast<char>(n);
    } else {
        std::string len;
        for (; n; n >>= 8) len.insert(len.begin(), static_cast<char>(n & 0xff));
        out += static_cast<char>(0x80 | len.size());
        out += len;
    }
    return out.append(contents);
}

std::string der_integer(const mpz_t value) {
    std::string bytes(nettle_mpz_sizeinbase_256_s(value), '\0');
    nettle_mpz_get_str_256(bytes.size(), reinterpret_cast<uint8_t*>(bytes.data()), value);
    return der(ASN1_INTEGER, bytes);
}

// RSAPublicKey.  Spec: RFC 8017 A.1.1.
std::string rsa_material(const rsa_public_key& key) {
    return der(0x30, der_integer(key.n) + der_integer(key.e));
}

// DigestInfo without the digest.  Spec: RFC 8017 9.2, note 1.
std::string digest_info(HashAlgorithm algorithm, std::string_view digest) {
    std::string_view oid;
    switch (algorithm) {
        case HashAlgorithm::md5:
            oid = std::string_view("\x2a\x86\x48\x86\xf7\x0d\x02\x05", 8);
            break;
        case HashAlgorithm::sha1:
            oid = std::string_view("\x2b\x0e\x03\x02\x1a", 5);
            break;
        case HashAlgorithm::sha256:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9);
            break;
        case HashAlgorithm::sha384:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9);
            break;
        case HashAlgorithm::sha512:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9);
            break;
        case HashAlgorithm::sha224:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x04", 9);
            break;
        case HashAlgorithm::sha3_256:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x08", 9);
            break;
        case HashAlgorithm::sha3_512:
            oid = std::string_view("\x60\x86\x48\x01\x65\x03\x04\x02\x0a", 9);
            break;
    }
    std::string id = der(0x30, der(ASN1_IDENTIFIER, oid) + der(ASN1_NULL, ""));
    return der(0x30, id + der(ASN1_OCTETSTRING, digest));
}

// nettle puts class bits and any tag into a C enum; in C++ such a value may not be read as one.
bool is_type(const asn1_der_iterator& at, unsigned type) {
    unsigned stored;
    static_assert(sizeof(stored) == sizeof(at.type));
    memcpy(&stored, &at.type, sizeof(stored));
    return stored == type;
}

bool is_oid(const asn1_der_iterator& at, std::string_view oid) {
    return is_type(at, ASN1_IDENTIFIER) &&
           std::string_view(reinterpret_cast<const char*>(at.data), at.length) == oid;
}

constexpr std::string_view kRsaEncryption("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
constexpr std::string_view kEcPublicKey("\x2a\x86\x48\xce\x3d\x02\x01", 7);
constexpr std::string_view kP256("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8);
constexpr std::string_view kP384("\x2b\x81\x04\x00\x22", 5);
constexpr std::string_view kP521("\x2b\x81\x04\x00\x23", 5);
constexpr std::string_view kEd25519("\x2b\x65\x70", 3);

}  // namespace

struct PublicKey::Parts {
    KeyKind kind = KeyKind::rsa;
    rsa_public_key rsa;
    bool has_point = false;
    ecc_point point;

    Parts() { rsa_public_key_init(&rsa); }
    ~Parts() {
        rsa_public_key_clear(&rsa);
        if (has_point) ecc_point_clear(&point);
    }
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    Status check_rsa() {
        size_t bits = mpz_sizeinbase(rsa.n, 2);
        if (mpz_sgn(rsa.n) <= 0 || mpz_sgn(rsa.e) <= 0 || !mpz_odd_p(rsa.n) || !mpz_odd_p(rsa.e) ||
            mpz_cmp_ui(rsa.e, 1) == 0)
            return fail("not an RSA key");
        if (bits < kRsaMinBits || bits > kRsaMaxBits)
            return fail("an RSA key of %zu bits (from %u to %u are accepted)", bits, kRsaMinBits,
                        kRsaMaxBits);
        if (mpz_sizeinbase(rsa.e, 2) > kRsaExponentMaxBits)
            return fail("an RSA key with an exponent over %u bits", kRsaExponentMaxBits);
        if (!rsa_public_key_prepare(&rsa)) return fail("not an RSA key");
        return {};
    }
};

PublicKey::PublicKey() : parts_(std::make_unique<Parts>()) {}
PublicKey::PublicKey(PublicKey&&) noexcept = default;
PublicKey& PublicKey::operator=(PublicKey&&) noexcept = default;
PublicKey::~PublicKey() = default;

KeyKind PublicKey::kind() const {
    return parts_->kind;
}

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
    if (modulus.size() > kRsaMaxBits / 8 + 1 || exponent.size() > kRsaMaxBits / 8)
        return fail("an RSA key that is too long");
    PublicKey key;
    nettle_mpz_set_str_256_u(key.parts_->rsa.n, modulus.size(), u8(modulus));
    nettle_mpz_set_str_256_u(key.parts_->rsa.e, exponent.size(), u8(exponent));
    TRY(key.parts_->check_rsa());
    key.material_ = rsa_material(key.parts_->rsa);
    return key;
}

Result<PublicKey> PublicKey::ecdsa(Curve curve, std::string_view point) {
    const ecc_curve* c = nullptr;
    size_t len = 0;
    switch (curve) {
        case Curve::p256:
            c = nettle_get_secp_256r1();
            len = 32;
            break;
        case Curve::p384:
            c = nettle_get_secp_384r1();
            len = 48;
            break;
        case Curve::p521:
            c = nettle_get_secp_521r1();
            len = 66;
            break;
    }
    if (point.size() != 1 + 2 * len || point[0] != 4)
        return fail("an elliptic curve key that is not an uncompressed point");
    PublicKey key;
    key.parts_->kind = KeyKind::ecdsa;
    ecc_point_init(&key.parts_->point, c);
    key.parts_->has_point = true;
    Integer x, y;
    x.set(point.substr(1, len));
    y.set(point.substr(1 + len));
    if (!ecc_point_set(&key.parts_->point, x.get(), y.get()))
        return fail("an elliptic curve key whose point is not on the curve");
    key.material_ = point;
    return key;
}

Result<PublicKey> PublicKey::ed25519(std::string_view point) {
    if (point.size() != ED25519_KEY_SIZE) return fail("an Ed25519 key that is not 32 bytes long");
    PublicKey key;
    key.parts_->kind = KeyKind::ed25519;
    key.material_ = point;
    return key;
}

Result<PublicKey> PublicKey::from_der(std::string_view spki) {
    auto bad = [] { return fail("not a public key (SubjectPublicKeyInfo)"); };
    asn1_der_iterator at, algorithm;
    if (asn1_der_iterator_first(&at, spki.size(), u8(spki)) != ASN1_ITERATOR_CONSTRUCTED ||
        !is_type(at, ASN1_SEQUENCE) || asn1_der_decode_constructed_last(&at) == ASN1_ITERATOR_ERROR)
        return bad();
    if (!is_type(at, ASN1_SEQUENCE) ||
        asn1_der_decode_constructed(&at, &algorithm) != ASN1_ITERATOR_PRIMITIVE)
        return bad();
    if (asn1_der_iterator_next(&at) != ASN1_ITERATOR_PRIMITIVE || !is_type(at, ASN1_BITSTRING) ||
        at.length < 2 || at.data[0] != 0)
        return bad();
    std::string_view material(reinterpret_cast<const char*>(at.data) + 1, at.length - 1);
    if (asn1_der_iterator_next(&at) != ASN1_ITERATOR_END) return bad();

    if (is_oid(algorithm, kRsaEncryption)) {
        PublicKey key;
        asn1_der_iterator numbers;
        if (asn1_der_iterator_first(&numbers, material.size(), u8(material)) !=
                ASN1_ITERATOR_CONSTRUCTED ||
            !rsa_public_key_from_der_iterator(&key.parts_->rsa, kRsaMaxBits, &numbers))
            return fail("not an RSA key of at most %u bits", kRsaMaxBits);
        TRY(key.parts_->check_rsa());
        // hogweed does not look at every tag; what it took must be the one way to write this key.
        if (material != rsa_material(key.parts_->rsa)) return bad();
        key.material_ = material;
        return key;
    }
    if (is_oid(algorithm, kEcPublicKey)) {
        if (asn1_der_iterator_next(&algorithm) != ASN1_ITERATOR_PRIMITIVE) return bad();
        if (is_oid(algorithm, kP256)) return ecdsa(Curve::p256, material);
        if (is_oid(algorithm, kP384)) return ecdsa(Curve::p384, material);
        if (is_oid(algorithm, kP521)) return ecdsa(Curve::p521, material);
        return fail("an elliptic curve that is not supported");
    }
    if (is_oid(algorithm, kEd25519)) return ed25519(material);
    return fail("a kind of public key that is not supported");
}

Result<PublicKey> PublicKey::from_pem(std::string_view text) {
    constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----";
    constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
    if (text.size() > kPemMaxBytes) return fail("too long for a public key");
    size_t begin = text.find(kBegin);
    if (begin == std::string_view::npos) return fail("has no PEM public key");
    text.remove_prefix(begin + kBegin.size());
    size_t end = text.find(kEnd);
    if (end == std::string_view::npos) return fail("the PEM public key is truncated");
    std::string der;
    if (!from_base64(text.substr(0, end), der)) return fail("the PEM public key is not base64");
    return from_der(der);
}

bool PublicKey::verify(HashAlgorithm algorithm, std::string_view digest,
                       std::string_view signature) const {
    if (digest.size() != hash_size_bytes(algorithm) && kind() != KeyKind::ed25519) return false;
    switch (kind()) {
        case KeyKind::rsa: {
            if (signature.size() > kRsaMaxBits / 8) return false;
            // OpenPGP drops leading zeros, X.509 keeps them: the number is what counts.
            Integer s;
            s.set(signature);
            std::string info = digest_info(algorithm, digest);
            return rsa_pkcs1_verify(&parts_->rsa, info.size(), u8(info), s.get()) == 1;
        }
        case KeyKind::ecdsa: {
            asn1_der_iterator at;
            if (signature.size() > 256 ||
                asn1_der_iterator_first(&at, signature.size(), u8(signature)) !=
                    ASN1_ITERATOR_CONSTRUCTED ||
                !is_type(at, ASN1_SEQUENCE) ||
                asn1_der_decode_constructed_last(&at) != ASN1_ITERATOR_PRIMITIVE)
                return false;
            std::string_view r(reinterpret_cast<const char*>(at.data), at.length);
            if (!is_type(at, ASN1_INTEGER) || r.empty() || (r[0] & 0x80) ||
                asn1_der_iterator_next(&at) != ASN1_ITERATOR_PRIMITIVE ||
                !is_type(at, ASN1_INTEGER))
                return false;
            std::string_view s(reinterpret_cast<const char*>(at.data), at.length);
            if (s.empty() || (s[0] & 0x80) || asn1_der_iterator_next(&at) != ASN1_ITERATOR_END)
                return false;
            return verify_ecdsa(digest, r, s);
        }
        case KeyKind::ed25519:
            return signature.size() == ED25519_SIGNATURE_SIZE &&
                   ed25519_sha512_verify(u8(material_), digest.size(), u8(digest), u8(signature)) ==
                       1;
    }
    return false;
}

bool PublicKey::verify_ecdsa(std::string_view digest, std::string_view r,
                             std::string_view s) const {
    if (kind() != KeyKind::ecdsa || r.size() > 128 || s.size() > 128) return false;
    dsa_signature signature;
    dsa_signature_init(&signature);
    nettle_mpz_set_str_256_u(signature.r, r.size(), u8(r));
    nettle_mpz_set_str_256_u(signature.s, s.size(), u8(s));
    bool good = ::ecdsa_verify(&parts_->point, digest.size(), u8(digest), &signature) == 1;
    dsa_signature_clear(&signature);
    return good;
}

}  // namespace tenon::pkg
