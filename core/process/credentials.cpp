// Credentials: immutable once published; a change makes a copy.
#include <tenon/process/credentials.h>

#include <algorithm>

#include "core/process/internal.h"

namespace tenon::process {

bool Credentials::in_group(u32 wanted) const {
    if (wanted == fsgid) return true;
    return std::binary_search(groups.get(), groups.get() + group_count, wanted);
}

Result<Ref<Credentials>> Credentials::copy_of(const Credentials& other) {
    auto copy = adopt_ref(new (std::nothrow) Credentials);
    if (!copy) return Err(Error::nomem);
    if (other.group_count != 0) {
        copy->groups.reset(new (std::nothrow) u32[other.group_count]);
        if (!copy->groups) return Err(Error::nomem);
        std::copy_n(other.groups.get(), other.group_count, copy->groups.get());
        copy->group_count = other.group_count;
    }
    copy->uid = other.uid, copy->euid = other.euid, copy->suid = other.suid,
    copy->fsuid = other.fsuid;
    copy->gid = other.gid, copy->egid = other.egid, copy->sgid = other.sgid,
    copy->fsgid = other.fsgid;
    copy->permitted = other.permitted, copy->effective = other.effective,
    copy->inheritable = other.inheritable, copy->ambient = other.ambient,
    copy->bounding = other.bounding;
    copy->secure_bits = other.secure_bits;
    copy->no_new_privileges = other.no_new_privileges;
    return copy;
}

Ref<Credentials> Credentials::root() {
    return adopt_ref(new (std::nothrow) Credentials);
}

void Credentials::on_last_ref() {
    sync::rcu_call(rcu, [](sync::RcuHead* head) {
        delete reinterpret_cast<Credentials*>(reinterpret_cast<u8*>(head) -
                                              offsetof(Credentials, rcu));
    });
}

const Credentials& current_credentials() {
    return *current()->credentials;
}

bool capable(Capability c) {
    return current()->credentials->has(c);
}

Ref<Credentials> credentials_of(const Task& task) {
    // SAFETY: the owner swaps the pointer whole, and credentials live for a grace period after.
    sync::RcuGuard guard;
    for (;;) {
        auto* c = __atomic_load_n(reinterpret_cast<Credentials* const*>(&task.credentials),
                                  __ATOMIC_ACQUIRE);
        if (c == nullptr) return nullptr;
        if (c->try_ref()) return adopt_ref(c);
    }
}

void commit_credentials(Ref<Credentials> credentials) {
    Task& task = *current();
    const u32 old_uid = task.credentials->uid, new_uid = credentials->uid;
    if (old_uid != new_uid && task.process->leader == &task) {
        (void)account::charge_process(new_uid, ~u64{0});
        account::uncharge_process(old_uid);
    }
    task.credentials.swap(credentials);
}

}  // namespace tenon::process
