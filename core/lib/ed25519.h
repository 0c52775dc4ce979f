// Checking Ed25519 signatures. Spec: RFC 8032. Pure code, also built on the host. Nothing secret is
// handled, so nothing takes care of timing.
#pragma once

#include <tenon/lib/types.h>

#include <span>

namespace tenon {

// A public key, with what can be computed of it once.
class Ed25519Key {
  public:
    static constexpr usize kKeyBytes = 32, kSignatureBytes = 64;

    // False: these bytes are no point of the curve, and nothing is signed by it.
    bool set(std::span<const u8, kKeyBytes> key);
    bool is_set() const { return is_set_; }
    std::span<const u8, kKeyBytes> bytes() const { return bytes_; }
    bool verify(std::span<const u8, kSignatureBytes> signature, std::span<const u8> message) const;

    // Of the field of 2^255 - 19, in five limbs of 51 bits.
    struct Field {
        u64 limb[5];
    };
    // A point as it is added to others: y + x, y - x, z, 2dxy.
    struct Addend {
        Field sum, difference, z, t2d;
    };

  private:
    // 1, 3, 5 ... 15 times the base point and the negated key.
    Addend base_[8] = {}, minus_key_[8] = {};
    u8 bytes_[kKeyBytes] = {};
    bool is_set_ = false;
};

}  // namespace tenon
