#include <tenon/module/loader.h>
#include <tenon/module/service.h>
#include <tenon/sync/mutex.h>

#include <cstring>

#include "core/module/module.h"
#include "core/module/service_list.h"

namespace tenon::module {

namespace {

constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};
constinit OfferedService* g_first = nullptr;

OfferedService* find_locked(std::string_view name) {
    for (OfferedService* s = g_first; s != nullptr; s = s->next)
        if (name == s->name) return s;
    return nullptr;
}

}  // namespace

Result<void> add_service(OfferedService& service) {
    sync::MutexGuard guard(g_lock);
    if (find_locked(service.name) != nullptr) return Err(Error::exist);
    service.next = std::exchange(g_first, &service);
    return {};
}

void remove_service(OfferedService& service) {
    sync::MutexGuard guard(g_lock);
    for (OfferedService** at = &g_first; *at != nullptr; at = &(*at)->next)
        if (*at == &service) {
            *at = service.next;
            return;
        }
}

Result<Gated<Service>> find_service(std::string_view name, u32 interface_version) {
    for (bool asked = false;; asked = true) {
        {
            sync::MutexGuard guard(g_lock);
            if (const OfferedService* s = find_locked(name)) {
                if (s->interface_version != interface_version) return Err(Error::noexec);
                return s->object.alias();
            }
        }
        if (asked || !request_module(name)) return Err(Error::noent);
    }
}

}  // namespace tenon::module
