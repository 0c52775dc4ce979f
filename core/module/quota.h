// Memory quotas: what a module took by itself and has not given back, against its manifest's limit.
//
// Theory. An object or page of a module knows the place in its text that asked for it (mm), so the
// place tells whom to charge, when it comes and when it goes. Nobody pays for that while no module
// with a quota is loaded. DMA buffers and what the core allocates on a module's behalf are not
// counted: those are grants, which the ledger shows.
#pragma once

#include <tenon/lib/types.h>

#include <atomic>
#include <string_view>

namespace tenon::module {

struct MemoryQuota {
    u64 limit_bytes = 0;  // 0: none
    std::atomic<u64> used_bytes{0};
    std::atomic<bool> told{false};

    MemoryQuota() = default;
    ~MemoryQuota();
    // Once, before the module runs.
    void set(std::string_view decimal);
};

extern std::atomic<u32> limited_modules;
bool charge_slow(uptr site, usize bytes);
void uncharge_slow(uptr site, usize bytes);

// Any context. False: its module would have more than its quota.
inline bool charge(uptr site, usize bytes) {
    return limited_modules.load(std::memory_order_relaxed) == 0 || charge_slow(site, bytes);
}
inline void uncharge(uptr site, usize bytes) {
    if (limited_modules.load(std::memory_order_relaxed) != 0) [[unlikely]]
        uncharge_slow(site, bytes);
}

}  // namespace tenon::module
