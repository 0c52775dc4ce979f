#include "core/module/quota.h"

#include <tenon/sync/rcu.h>
#include <tenon/trace/log.h>

#include "core/module/module.h"
#include "core/module/text.h"

namespace tenon::module {

constinit std::atomic<u32> limited_modules{0};

MemoryQuota::~MemoryQuota() {
    if (limit_bytes != 0) limited_modules.fetch_sub(1, std::memory_order_relaxed);
}

void MemoryQuota::set(std::string_view decimal) {
    const auto number = parse_number(decimal);
    if (!number || number->magnitude == 0) return;
    limit_bytes = number->magnitude;
    limited_modules.fetch_add(1, std::memory_order_relaxed);
}

bool charge_slow(uptr site, usize bytes) {
    const sync::RcuGuard guard;
    Module* m = find_module_at(site);
    if (m == nullptr || m->quota.limit_bytes == 0) return true;
    MemoryQuota& quota = m->quota;
    if (quota.used_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= quota.limit_bytes)
        return true;
    quota.used_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    if (!quota.told.exchange(true, std::memory_order_relaxed))
        log::warn("module {}: its quota of {} bytes is used up: it gets no more memory", m->name(),
                  quota.limit_bytes);
    return false;
}

void uncharge_slow(uptr site, usize bytes) {
    const sync::RcuGuard guard;
    Module* m = find_module_at(site);
    if (m != nullptr && m->quota.limit_bytes != 0)
        m->quota.used_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace tenon::module
