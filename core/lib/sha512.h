// SHA-512. Spec: FIPS 180-4. Pure code, also built on the host.
#pragma once

#include <tenon/lib/types.h>

#include <span>

namespace tenon {

class Sha512 {
  public:
    static constexpr usize kBytes = 64;
    void update(std::span<const u8> bytes);
    // Once; the object is used up.
    void finish(std::span<u8, kBytes> digest);

  private:
    void block(const u8* bytes);
    u64 state_[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                     0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                     0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    u8 buffer_[128];
    u64 length_bytes_ = 0;
};

}  // namespace tenon
