// One key under a spin lock. Each request takes half a block as its own key and replaces the
// global one by the other half, so that what leaks later tells nothing about what was given out.
#include <tenon/arch/cpu.h>
#include <tenon/arch/machine.h>
#include <tenon/arch/time.h>
#include <tenon/lib/random.h>
#include <tenon/sync/spinlock.h>

#include <algorithm>

#include "core/boot/init.h"
#include "core/lib/chacha20.h"

namespace tenon::random {

namespace {

constinit sync::SpinLock lock{sync::LockRank::spin_leaf};
constinit u32 key[8] = {};
constinit u32 stirs = 0;
constinit std::atomic<bool> seeded{false};
constexpr u64 kReseedNs = 60'000'000'000;
constinit std::atomic<u64> next_reseed_ns{0};

void absorb_locked(const u8* data, usize length) {
    for (usize at = 0; at < length; at += sizeof(key)) {
        u32 word[8] = {};
        std::memcpy(word, data + at, std::min(sizeof(word), length - at));
        for (int i = 0; i < 8; i++) key[i] ^= word[i];
        u32 out[16];
        const u32 nonce[3] = {++stirs, 0x6d697821, static_cast<u32>(arch::cycles())};
        chacha20_block(key, 0, nonce, out);
        std::memcpy(key, out, sizeof(key));
    }
}

// Through volatile, so that stores to dead objects stay.
void wipe(void* p, usize length) {
    auto* bytes = static_cast<volatile u8*>(p);
    for (usize i = 0; i < length; i++) bytes[i] = 0;
}

void stir_hardware() {
    struct {
        u8 hardware[32];
        u64 cycles;
    } noise = {};
    usize got = arch::hardware_random(noise.hardware);
    noise.cycles = arch::cycles();
    sync::IrqSpinGuard guard(lock);
    absorb_locked(reinterpret_cast<const u8*>(&noise), sizeof(noise));
    if (got >= 16) seeded.store(true, std::memory_order_relaxed);
}

}  // namespace

void init(const boot::BootInfo& info) {
    {
        sync::IrqSpinGuard guard(lock);
        absorb_locked(reinterpret_cast<const u8*>(info.entropy.data()),
                      info.entropy.size() * sizeof(u64));
    }
    stir_hardware();
    seeded.store(true, std::memory_order_relaxed);
    next_reseed_ns.store(kReseedNs, std::memory_order_relaxed);
}

void mix(std::span<const u8> in) {
    sync::IrqSpinGuard guard(lock);
    absorb_locked(in.data(), in.size());
}

void fill(std::span<u8> out) {
    u64 now = arch::clock_ns();
    u64 due = next_reseed_ns.load(std::memory_order_relaxed);
    if (now >= due && next_reseed_ns.compare_exchange_strong(due, now + kReseedNs)) stir_hardware();

    u32 block[16];
    u32 own[8];
    {
        sync::IrqSpinGuard guard(lock);
        const u32 nonce[3] = {++stirs, 0, 0};
        chacha20_block(key, 0, nonce, block);
        std::memcpy(key, block, sizeof(key));
        std::memcpy(own, block + 8, sizeof(own));
    }
    if (out.size() <= sizeof(own)) {
        std::memcpy(out.data(), own, out.size());
    } else {
        const u32 nonce[3] = {};
        u32 counter = 0;
        for (usize at = 0; at < out.size(); at += sizeof(block)) {
            chacha20_block(own, counter++, nonce, block);
            std::memcpy(out.data() + at, block, std::min(sizeof(block), out.size() - at));
        }
    }
    wipe(own, sizeof(own));
    wipe(block, sizeof(block));
}

}  // namespace tenon::random
