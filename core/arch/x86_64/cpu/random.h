// Random numbers before there is a generator: for address-space layout only.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

u64 mix(u64 x);

class EarlyRandom {
  public:
    explicit EarlyRandom(u64 seed) : state_(seed) {}
    u64 next();
    u64 below(u64 limit) { return limit == 0 ? 0 : next() % limit; }

  private:
    u64 state_;
};

}  // namespace tenon::arch::x86
