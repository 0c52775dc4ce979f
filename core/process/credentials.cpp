// Credentials: immutable once published; a change makes a copy.
#include <tenon/mm/slab.h>
#include <tenon/process/credentials.h>
#include <tenon/process/fs_context.h>
#include <tenon/process/tree.h>
#include <tenon/vfs/dentry.h>

#include <algorithm>

#include "core/mm/page_alloc.h"

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
    sync::rcu_delete<offsetof(Credentials, rcu)>(this);
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

// What each user has: processes and queued signals, for RLIMIT_NPROC and RLIMIT_SIGPENDING.
//
// A fixed hash of small chains. Entries come and go with their counts, so a user without processes
// costs nothing.
namespace tenon::process::account {

namespace {

struct User {
    User* next;
    u32 uid;
    u32 processes, signals;
};
constexpr u32 kBuckets = 64;
constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};
constinit User* g_users[kBuckets] = {};
constinit User g_root{nullptr, 0, 0, 0};  // never allocated, never freed

User* find_locked(u32 uid) {
    if (uid == 0) return &g_root;
    User* u = g_users[uid % kBuckets];
    while (u != nullptr && u->uid != uid) u = u->next;
    return u;
}

bool charge(u32 uid, u64 limit, u32 User::*counter) {
    User* fresh = nullptr;
    for (;;) {
        bool found = false, fits = false;
        {
            sync::IrqSpinGuard guard(g_lock);
            User* u = find_locked(uid);
            if (u == nullptr && fresh != nullptr) {
                *fresh = {g_users[uid % kBuckets], uid, 0, 0};
                g_users[uid % kBuckets] = u = fresh;
                fresh = nullptr;
            }
            if (u != nullptr) {
                found = true;
                fits = u->*counter < limit;
                if (fits) ++(u->*counter);
            }
        }
        if (found) {
            mm::kfree(fresh);  // somebody else was faster
            return fits;
        }
        fresh = static_cast<User*>(mm::kmalloc(sizeof(User), mm::Alloc::atomic));
        if (fresh == nullptr) return false;
    }
}

void uncharge(u32 uid, u32 User::*counter) {
    User* dead = nullptr;
    {
        sync::IrqSpinGuard guard(g_lock);
        User* u = find_locked(uid);
        if (u == nullptr) return;
        --(u->*counter);
        if (u != &g_root && u->processes == 0 && u->signals == 0) {
            User** link = &g_users[uid % kBuckets];
            while (*link != u) link = &(*link)->next;
            *link = u->next;
            dead = u;
        }
    }
    mm::kfree(dead);
}

}  // namespace

bool charge_process(u32 uid, u64 limit) {
    return charge(uid, limit, &User::processes);
}
void uncharge_process(u32 uid) {
    uncharge(uid, &User::processes);
}
bool charge_signal(u32 uid, u64 limit) {
    return charge(uid, limit, &User::signals);
}
void uncharge_signal(u32 uid) {
    uncharge(uid, &User::signals);
}

}  // namespace tenon::process::account

namespace tenon::process {

// Root, working directory and umask.

Result<Ref<FsContext>> FsContext::create(vfs::Path root, vfs::Path cwd) {
    auto fs = adopt_ref(new (mm::OpenToModules{}) FsContext);
    if (!fs) return Err(Error::nomem);
    fs->root_ = std::move(root);
    fs->cwd_ = std::move(cwd);
    return fs;
}

Result<Ref<FsContext>> FsContext::copy() {
    TRY_ASSIGN(auto fs, create(root(), cwd()));
    fs->umask.store(umask.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return fs;
}

void release_fs_context(void* context) {
    static_cast<FsContext*>(context)->unref();
}

vfs::Path FsContext::root() const {
    sync::SpinGuard guard(lock_);
    return root_;
}
vfs::Path FsContext::cwd() const {
    sync::SpinGuard guard(lock_);
    return cwd_;
}
// The old path's references are dropped after the lock.
void FsContext::set_root(vfs::Path path) {
    sync::SpinGuard guard(lock_);
    std::swap(root_.mount, path.mount);
    std::swap(root_.dentry, path.dentry);
}
void FsContext::set_cwd(vfs::Path path) {
    sync::SpinGuard guard(lock_);
    std::swap(cwd_.mount, path.mount);
    std::swap(cwd_.dentry, path.dentry);
}

}  // namespace tenon::process
