// A small seeded generator: the same seed draws the same calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fuzz {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i64 = int64_t;

// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Random {
  public:
    explicit Random(u64 seed) : state_(seed) {}
    u64 next() {
        u64 z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    u64 below(u64 limit) { return next() % limit; }
    bool one_in(u64 n) { return below(n) == 0; }
    template <typename T>
    T of(std::span<const T> values) {
        return values[below(values.size())];
    }
    template <typename T, size_t N>
    T of(const T (&values)[N]) {
        return values[below(N)];
    }

  private:
    u64 state_;
};

}  // namespace fuzz
