// What each user has: processes and queued signals, for RLIMIT_NPROC and RLIMIT_SIGPENDING.
//
// A fixed hash of small chains. Entries come and go with their counts, so a user without processes
// costs nothing.
#include <tenon/mm/slab.h>

#include "core/process/internal.h"

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
u32 processes(u32 uid) {
    sync::IrqSpinGuard guard(g_lock);
    User* u = find_locked(uid);
    return u == nullptr ? 0 : u->processes;
}

}  // namespace tenon::process::account

namespace tenon::process {

u32 processes_of_user(u32 uid) {
    return account::processes(uid);
}

}  // namespace tenon::process
