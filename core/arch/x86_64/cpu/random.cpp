#include "core/arch/x86_64/cpu/random.h"

#include <tenon/arch/machine.h>

#include <algorithm>
#include <cstring>

#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch {

namespace {

// Spec: Intel SDM 1 7.3.17: RDRAND may fail for a moment, RDSEED for longer.
bool rdrand(u64& out) {
    for (int i = 0; i < 10; ++i) {
        bool ok;
        asm volatile("rdrand %0" : "=r"(out), "=@ccc"(ok));
        if (ok) return true;
    }
    return false;
}
bool rdseed(u64& out) {
    for (int i = 0; i < 10; ++i) {
        bool ok;
        asm volatile("rdseed %0" : "=r"(out), "=@ccc"(ok));
        if (ok) return true;
        asm volatile("pause");
    }
    return false;
}

}  // namespace

usize hardware_random(std::span<u8> out) {
    const auto& f = x86::features();
    usize done = 0;
    while (done < out.size()) {
        u64 word = 0;
        if (!(f.rdseed && rdseed(word)) && !(f.rdrand && rdrand(word))) break;
        const usize n = std::min<usize>(sizeof(word), out.size() - done);
        std::memcpy(out.data() + done, &word, n);
        done += n;
    }
    return done;
}

namespace x86 {

// splitmix64's finaliser: every input bit reaches every output bit.
u64 mix(u64 x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

u64 EarlyRandom::next() {
    u64 word = 0;
    (void)hardware_random({reinterpret_cast<u8*>(&word), sizeof(word)});
    state_ = mix(state_ + rdtsc()) ^ word;
    return mix(state_ + 0x9e3779b97f4a7c15);
}

}  // namespace x86
}  // namespace tenon::arch
