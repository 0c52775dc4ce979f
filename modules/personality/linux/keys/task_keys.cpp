#include "personality/linux/keys/task_keys.h"

#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/keys/keyring.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/personality.h"

namespace tenon::personality::keys {

namespace {

constexpr u32 kPossessorAll = kAllNeeds << kPossessor;
constexpr u32 kOwnPermissions = kPossessorAll | Need::view << kUser;
constexpr u32 kSessionPermissions = kOwnPermissions | Need::read << kUser;
constexpr u32 kUserPermissions = (kAllNeeds & ~Need::set_attributes) << kPossessor | kAllNeeds
                                                                                         << kUser;
constexpr u32 kPersistentPermissions =
    (kAllNeeds & ~Need::set_attributes) << kPossessor | (Need::view | Need::read) << kUser;

TaskKeys& own() {
    return linux_task().keys;
}

// The thread's keyring belongs to whom the thread acts for.
void follow_owner(TaskKeys& keys, const process::Credentials& cred) {
    if (!keys.thread) return;
    if (keys.fsuid != cred.fsuid) keys.thread->uid = cred.fsuid;
    if (keys.fsgid != cred.fsgid) keys.thread->gid = cred.fsgid;
    keys.fsuid = cred.fsuid;
    keys.fsgid = cred.fsgid;
}

Result<Ref<Key>> make_keyring(std::string_view name, u32 gid, u32 permissions, Quota quota) {
    const process::Credentials& cred = process::current_credentials();
    return store().make(type_of(Kind::keyring), name, cred.uid, gid, permissions, quota);
}

Result<Ref<Key>> make_for_user(Account& a, std::string_view name, u32 permissions, Quota quota) {
    TRY_ASSIGN(auto made,
               store().make(type_of(Kind::keyring), name, a.uid, ~0u, permissions, quota));
    made->user_keyring = true;
    return made;
}

// The user's own two, made when they are first wanted.
Result<Account*> account_with_keyrings() {
    TRY_ASSIGN(Account* const a, store().account(process::current_credentials().uid));
    if (!a->user) {
        TRY_ASSIGN(a->user, make_for_user(*a, fmt::Line<24>("_uid.{}", a->uid).view(),
                                          kUserPermissions, Quota::counted));
    }
    if (!a->user_session) {
        TRY_ASSIGN(auto made, make_for_user(*a, fmt::Line<24>("_uid_ses.{}", a->uid).view(),
                                            kUserPermissions, Quota::counted));
        TRY(link_key(*made, a->user));
        a->user_session = std::move(made);
    }
    return a;
}

// KEY_SPEC_SESSION_KEYRING. Who has none has the user's; who means to change it gets one of its
// own.
Result<Ref<Key>> session_keyring(Create create) {
    TaskKeys& keys = own();
    if (!keys.session && create == Create::no) {
        TRY_ASSIGN(keys.session, user_session_keyring());
    } else if (create == Create::yes && (!keys.session || keys.session->user_keyring)) {
        TRY(account_with_keyrings());
        TRY(join_session({}));
    }
    return keys.session;
}

Result<Ref<Key>> special(i32 id, Create create) {
    TaskKeys& keys = own();
    switch (id) {
        case KEY_SPEC_THREAD_KEYRING:
            if (create == Create::yes) return thread_keyring();
            return keys.thread ? Result<Ref<Key>>(keys.thread) : Err(Error::nokey);
        case KEY_SPEC_PROCESS_KEYRING:
            if (create == Create::yes) return process_keyring();
            return keys.process ? Result<Ref<Key>>(keys.process) : Err(Error::nokey);
        case KEY_SPEC_SESSION_KEYRING:
            return session_keyring(create);
        case KEY_SPEC_USER_KEYRING:
            return user_keyring();
        case KEY_SPEC_USER_SESSION_KEYRING:
            return user_session_keyring();
        case KEY_SPEC_REQKEY_AUTH_KEY:
        case KEY_SPEC_REQUESTOR_KEYRING:
            return Err(Error::nokey);  // of programs that construct keys: none is started
        default:
            return Err(Error::inval);
    }
}

Result<Found> find(i32 id, Create create) {
    follow_owner(own(), process::current_credentials());
    if (id < 1) {
        TRY_ASSIGN(auto key, special(id, create));
        return Found{std::move(key), true};
    }
    TRY_ASSIGN(auto key, store().find(id));
    const Query query{key->index(), key.get(), true};
    if (auto found = search_own(query)) return *found;
    return Found{std::move(key), false};
}

}  // namespace

Result<void> TaskKeys::inherit(const TaskKeys& parent, bool same_process) {
    if (!parent.thread && !parent.process && !parent.session && parent.default_destination == 0)
        return {};
    Locked locked;
    session = parent.session;
    default_destination = parent.default_destination;
    if (!same_process) return {};
    process = parent.process;
    if (parent.thread) {
        TRY_ASSIGN(thread, make_keyring("_tid", process::current_credentials().gid, kOwnPermissions,
                                        Quota::may_overrun));
        fsuid = process::current_credentials().fsuid;
        fsgid = process::current_credentials().fsgid;
    }
    return {};
}

void TaskKeys::forget_program() {
    if (!thread && !process) return;
    Locked locked;
    thread.reset();
    process.reset();
}

void TaskKeys::drop() {
    if (!thread && !process && !session) return;
    Locked locked;
    thread.reset();
    process.reset();
    session.reset();
}

Result<Ref<Key>> thread_keyring() {
    TaskKeys& keys = own();
    const process::Credentials& cred = process::current_credentials();
    if (!keys.thread) {
        TRY_ASSIGN(keys.thread,
                   make_keyring("_tid", cred.gid, kOwnPermissions, Quota::may_overrun));
        keys.fsuid = cred.fsuid;
        keys.fsgid = cred.fsgid;
    }
    return keys.thread;
}

Result<Ref<Key>> process_keyring() {
    TaskKeys& keys = own();
    if (!keys.process) {
        TRY_ASSIGN(keys.process, make_keyring("_pid", process::current_credentials().gid,
                                              kOwnPermissions, Quota::may_overrun));
    }
    return keys.process;
}

Result<Ref<Key>> user_keyring() {
    TRY_ASSIGN(Account* const a, account_with_keyrings());
    return a->user;
}

Result<Ref<Key>> user_session_keyring() {
    TRY_ASSIGN(Account* const a, account_with_keyrings());
    return a->user_session;
}

Result<Ref<Key>> persistent_keyring(u32 uid) {
    TRY_ASSIGN(Account* const a, store().account(uid));
    if (!a->persistent || !validate(*a->persistent)) {
        TRY_ASSIGN(a->persistent, make_for_user(*a, fmt::Line<24>("_persistent.{}", uid).view(),
                                                kPersistentPermissions, Quota::free));
        a->persistent->user_keyring = false;
    }
    const i64 end = now_seconds() + store().limits.persistent_expiry_seconds.load();
    a->persistent->expiry = end;
    store().key_may_die_at(end + store().limits.gc_delay_seconds.load());
    return a->persistent;
}

Result<Found> look_up(i32 id, Create create, Partial partial, u32 needs) {
    TRY_ASSIGN(Found found, find(id, create));
    if (needs == kNoCheck) return found;
    if (partial == Partial::no && found->negative) return Err(Error::nokey);
    TRY(validate(*found.key));
    TRY(permit(*found.key, found.possessed, needs));
    return found;
}

Result<Found> look_up_any(i32 id) {
    return find(id, Create::no);
}

// The best reason counts: a negative key before nothing, nothing before what could not be searched.
// Spec: Linux search_cred_keyrings_rcu().
Result<Found> search_own(const Query& query) {
    TaskKeys& keys = own();
    Error nothing = Error::none, why = Error::again;
    Ref<Key> last = keys.session;
    if (!last) {
        TRY_ASSIGN(Account* const a, store().account(process::current_credentials().uid));
        last = a->user_session;
    }
    for (const Ref<Key>* ring : {&keys.thread, &keys.process, &last}) {
        if (!*ring) continue;
        auto found = search(Found{*ring, true}, query);
        if (found) return found;
        if (found.error() == Error::nokey ||
            (found.error() == Error::again && nothing == Error::none))
            nothing = found.error();
        else if (found.error() != Error::again)
            why = found.error();
    }
    return Err(nothing != Error::none ? nothing : why);
}

Result<i32> join_session(std::string_view name) {
    TaskKeys& keys = own();
    const process::Credentials& cred = process::current_credentials();
    if (name.empty()) {
        TRY_ASSIGN(keys.session, make_keyring("_ses", cred.gid, kSessionPermissions,
                                              keys.session ? Quota::counted : Quota::may_overrun));
        return keys.session->serial;
    }
    auto found = store().find_named(name);
    if (found && *found == keys.session) return 0;
    if (!found) {
        found =
            make_keyring(name, cred.gid, kSessionPermissions | Need::link << kUser, Quota::counted);
        if (!found) return Err(found.error());
    }
    keys.session = std::move(*found);
    return keys.session->serial;
}

// Spec: Linux keyctl_session_to_parent().
Result<void> give_session_to_parent() {
    TRY_ASSIGN(const Found mine,
               look_up(KEY_SPEC_SESSION_KEYRING, Create::no, Partial::no, Need::link));
    const process::Credentials& cred = process::current_credentials();
    const i32 pid = process::parent_pid(process::current_process());
    const Ref<Task> parent = process::find_task(pid);
    if (pid <= 1 || !parent || !parent->extension || parent->exiting ||
        parent->process->personality != &g_personality || parent->process->live_threads != 1)
        return Err(Error::perm);
    TaskKeys& theirs = linux_task(*parent).keys;
    if (theirs.session == mine.key) return {};
    const Ref<process::Credentials> they = process::credentials_of(*parent);
    const bool same = they->uid == cred.euid && they->euid == cred.euid &&
                      they->suid == cred.euid && they->gid == cred.egid &&
                      they->egid == cred.egid && they->sgid == cred.egid;
    if (!same || (theirs.session && theirs.session->uid != cred.euid) || mine->uid != cred.euid)
        return Err(Error::perm);
    theirs.session = mine.key;
    return {};
}

}  // namespace tenon::personality::keys
