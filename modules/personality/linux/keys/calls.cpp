// add_key, request_key. Spec: man 2 add_key, man 2 request_key; Linux security/keys for the order
// of the checks.
#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/keys/keyring.h"
#include "personality/linux/keys/task_keys.h"
#include "personality/linux/keys/user_text.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality {

using namespace keys;

namespace {

constexpr usize kMostBytes = (1 << 20) - 1;
constexpr i64 kNegativeSeconds = 60;  // that a key which nobody could construct is remembered

u32 first_permissions(const KeyType& type) {
    u32 possessor = Need::view | Need::search | Need::link | Need::set_attributes;
    if (type.readable) possessor |= Need::read;
    if (type.updatable || type.kind == Kind::keyring) possessor |= Need::write;
    return possessor << kPossessor | Need::view << kUser;
}

Result<Ref<Key>> make_key(const KeyType& type, std::string_view description) {
    const process::Credentials& cred = process::current_credentials();
    return store().make(type, description, cred.fsuid, cred.fsgid, first_permissions(type),
                        Quota::counted);
}

// Spec: Linux key_create_or_update().
Result<i32> create_or_update(const Found& keyring, const KeyType* type,
                             std::string_view description, Payload payload) {
    if (type == nullptr) return Err(Error::nodev);
    if (!keyring->is_keyring()) return Err(Error::notdir);
    TRY(check_payload(*type, payload));
    if (description.empty()) return Err(Error::inval);
    const Index index{type->kind, description};
    LinkPlan plan;
    TRY(plan.make(*keyring.key, index));
    TRY(permit(*keyring.key, keyring.possessed, Need::write));
    if (type->updatable) {
        Link* link = find_link(*keyring.key, index);
        if (link != nullptr && !link->key->revoked && !link->key->invalidated) {
            TRY(permit(*link->key, keyring.possessed, Need::write));
            TRY(store().fill(*link->key, std::move(payload)));
            return link->key->serial;
        }
    }
    TRY_ASSIGN(auto fresh, make_key(*type, description));
    TRY(store().fill(*fresh, std::move(payload)));
    const i32 serial = fresh->serial;
    plan.carry_out(std::move(fresh));
    return serial;
}

// Where a key that was asked for goes when the caller names no place.
Result<Ref<Key>> default_destination() {
    TaskKeys& own = linux_task().keys;
    Ref<Key> to;
    switch (own.default_destination) {
        case KEY_REQKEY_DEFL_DEFAULT:
        case KEY_REQKEY_DEFL_REQUESTOR_KEYRING:
        case KEY_REQKEY_DEFL_THREAD_KEYRING:
            to = own.thread;
            if (to) break;
            [[fallthrough]];
        case KEY_REQKEY_DEFL_PROCESS_KEYRING:
            to = own.process;
            if (to) break;
            [[fallthrough]];
        case KEY_REQKEY_DEFL_SESSION_KEYRING:
            to = own.session;
            if (to) break;
            [[fallthrough]];
        case KEY_REQKEY_DEFL_USER_SESSION_KEYRING: {
            TRY_ASSIGN(to, user_session_keyring());
            break;
        }
        default: {
            TRY_ASSIGN(to, user_keyring());
            break;
        }
    }
    TRY(permit(*to, true, Need::write));
    return to;
}

// Nobody is asked to construct the key: as where there is no /sbin/request-key, the answer is
// remembered for a while by a negative key.
Result<i32> fail_construction(const KeyType& type, std::string_view description, Ref<Key> to) {
    if (type.kind == Kind::keyring) return Err(Error::perm);
    if (!to) {
        TRY_ASSIGN(to, default_destination());
    }
    TRY_ASSIGN(auto fresh, make_key(type, description));
    fresh->negative = true;
    fresh->expiry = now_seconds() + kNegativeSeconds;
    store().key_may_die_at(fresh->expiry + store().limits.gc_delay_seconds.load());
    TRY(link_key(*to, std::move(fresh)));
    return Err(Error::noent);
}

Result<i64> add_key(u64 type_name, u64 description_address, u64 payload_address, u64 length,
                    i32 keyring) {
    if (length > kMostBytes) return Err(Error::inval);
    TypeName type;
    TRY(type.read(type_name));
    Text description;
    if (description_address != 0) {
        TRY(description.read(description_address));
        if (description.view().starts_with('.') && type.view().starts_with("keyring"))
            return Err(Error::perm);
    }
    Payload payload;
    if (length != 0) {
        TRY_ASSIGN(payload, Payload::from_user(payload_address, length));
    }
    Locked locked;
    TRY_ASSIGN(const Found to, look_up(keyring, Create::yes, Partial::no, Need::write));
    return create_or_update(to, find_type(type.view()), description.view(), std::move(payload));
}

Result<i64> request_key(u64 type_name, u64 description_address, u64 callout_address,
                        i32 destination) {
    TypeName name;
    TRY(name.read(type_name));
    Text description, callout;
    TRY(description.read(description_address));
    if (callout_address != 0) TRY(callout.read(callout_address));
    Locked locked;
    Found to;
    if (destination != 0) {
        TRY_ASSIGN(to, look_up(destination, Create::yes, Partial::no, Need::write));
    }
    TRY_ASSIGN(const KeyType* const type, name.find());
    auto found = search_own({.index = {type->kind, description.view()}, .skip_expired = true});
    if (!found) {
        if (found.error() != Error::again) return Err(found.error());
        if (callout_address == 0) return Err(Error::nokey);
        return fail_construction(*type, description.view(), to.key);
    }
    if (to.key) {
        TRY(permit(*found->key, found->possessed, Need::link));
        TRY(link_key(*to.key, found->key));
    }
    TRY(validate(*found->key));
    return (*found)->serial;
}

}  // namespace

Result<i64> sys_add_key(u64 type, u64 description, u64 payload, u64 length, i32 keyring) {
    return answer(add_key(type, description, payload, length, keyring));
}

Result<i64> sys_request_key(u64 type, u64 description, u64 callout, i32 destination) {
    return answer(request_key(type, description, callout, destination));
}

}  // namespace tenon::personality
