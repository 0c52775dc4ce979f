// keyctl. Spec: man 2 keyctl; Linux security/keys/keyctl.c for the order of the checks.
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/keys/keyring.h"
#include "personality/linux/keys/task_keys.h"
#include "personality/linux/keys/user_text.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality {

using namespace keys;

namespace {

bool is_admin() {
    return process::capable(process::Capability::sys_admin);
}

Result<i64> get_keyring_id(i32 id, bool create) {
    Locked locked;
    TRY_ASSIGN(const Found found,
               look_up(id, create ? Create::yes : Create::no, Partial::no, Need::search));
    return found->serial;
}

Result<i64> join(u64 name_address) {
    Text name;
    if (name_address != 0) {
        TRY(name.read(name_address));
        if (name.view().starts_with('.')) return Err(Error::perm);
        if (name.view().empty()) return Err(Error::inval);
    }
    Locked locked;
    return join_session(name.view());
}

Result<i64> update(i32 id, u64 address, u64 length) {
    if (length > kPageSize) return Err(Error::inval);
    Payload payload;
    if (length != 0) {
        TRY_ASSIGN(payload, Payload::from_user(address, length));
    }
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::no, Partial::no, Need::write));
    if (!found->type->updatable) return Err(Error::opnotsupp);
    TRY(check_payload(*found->type, payload));
    TRY(store().fill(*found.key, std::move(payload)));
    return 0;
}

Result<i64> revoke(i32 id) {
    Locked locked;
    auto found = look_up(id, Create::no, Partial::no, Need::write);
    if (!found && found.error() == Error::acces)
        found = look_up(id, Create::no, Partial::no, Need::set_attributes);
    if (!found) return Err(found.error());
    store().revoke(*found->key);
    return 0;
}

Result<i64> invalidate(i32 id) {
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::no, Partial::no, Need::search));
    store().invalidate(*found.key);
    return 0;
}

// The text with its NUL, whole or not at all; the result is what it takes.
Result<i64> describe(i32 id, u64 to, u64 room) {
    constexpr usize kMost = 4200;
    std::unique_ptr<char[]> text(new (std::nothrow) char[kMost]);
    if (!text) return Err(Error::nomem);
    fmt::BufferSink sink({text.get(), kMost});
    {
        Locked locked;
        TRY_ASSIGN(const Found found, look_up(id, Create::no, Partial::yes, Need::view));
        fmt::print(sink, "{};{};{};{:08x};{}", found->type->name, found->uid, shown_gid(*found.key),
                   found->permissions, found->description);
    }
    const usize length = sink.text().size() + 1;
    if (to != 0 && room >= length) TRY(mm::copy_to_user(UserAddr{to}, sink.c_str(), length));
    return static_cast<i64>(length);
}

Result<i64> clear_keyring(i32 id) {
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::no, Need::write));
    TRY(clear(*found.key));
    return 0;
}

Result<i64> link(i32 id, i32 keyring) {
    Locked locked;
    TRY_ASSIGN(const Found to, look_up(keyring, Create::yes, Partial::no, Need::write));
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::no, Need::link));
    TRY(link_key(*to.key, found.key));
    return 0;
}

Result<i64> unlink(i32 id, i32 keyring) {
    Locked locked;
    TRY_ASSIGN(const Found from, look_up(keyring, Create::no, Partial::no, Need::write));
    TRY_ASSIGN(const Found found, look_up_any(id));
    TRY(unlink_key(*from.key, *found.key));
    return 0;
}

Result<i64> move(i32 id, i32 from_id, i32 to_id, u32 flags) {
    if (flags & ~KEYCTL_MOVE_EXCL) return Err(Error::inval);
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::no, Need::link));
    TRY_ASSIGN(const Found from, look_up(from_id, Create::no, Partial::no, Need::write));
    TRY_ASSIGN(const Found to, look_up(to_id, Create::yes, Partial::no, Need::write));
    if (from.key == to.key) return 0;
    if (!from->is_keyring() || !to->is_keyring()) return Err(Error::notdir);
    Link* source = find_link(*from.key, found->index());
    if (source == nullptr || source->key != found.key) return Err(Error::noent);
    if ((flags & KEYCTL_MOVE_EXCL) && find_link(*to.key, found->index()) != nullptr)
        return Err(Error::exist);
    TRY(link_key(*to.key, found.key));
    TRY(unlink_key(*from.key, *found.key));
    return 0;
}

Result<i64> search_tree(i32 id, u64 type_name, u64 description_address, i32 destination) {
    TypeName name;
    TRY(name.read(type_name));
    Text description;
    TRY(description.read(description_address));
    Locked locked;
    TRY_ASSIGN(const Found keyring, look_up(id, Create::no, Partial::no, Need::search));
    Found to;
    if (destination != 0) {
        TRY_ASSIGN(to, look_up(destination, Create::yes, Partial::no, Need::write));
    }
    TRY_ASSIGN(const KeyType* const type, name.find());
    const auto found = search(keyring, {{type->kind, description.view()}});
    if (!found) return Err(found.error() == Error::again ? Error::nokey : found.error());
    if (to.key) {
        TRY(permit(*found->key, found->possessed, Need::link));
        TRY(link_key(*to.key, found->key));
    }
    return (*found)->serial;
}

// What a read gives: a payload, or the serial numbers of a keyring's links.
Result<Payload> contents(const Key& key) {
    if (!key.is_keyring()) return Payload::copy_of(key.payload);
    usize count = key.links.size(), i = 0;
    TRY_ASSIGN(Payload out, Payload::of_size(count * sizeof(i32)));
    for (const Link& l : key.links)
        std::memcpy(out.data() + sizeof(i32) * i++, &l.key->serial, sizeof(i32));
    return out;
}

// All of it or nothing; the result is how much there is.
Result<i64> read_key(i32 id, u64 to, u64 room) {
    Payload copy;
    {
        Locked locked;
        auto found = look_up(id, Create::no, Partial::no, kNoCheck);
        if (!found) return Err(Error::nokey);
        const Key& key = *found->key;
        if (key.negative) return Err(Error::nokey);
        // Who possesses a key that it may search for may read it.
        if (!permit(key, found->possessed, Need::read) && !found->possessed)
            return Err(Error::acces);
        if (!key.type->readable) return Err(Error::opnotsupp);
        TRY(validate(key));
        if (key.is_keyring() && to != 0 && room % sizeof(i32) != 0) return Err(Error::inval);
        TRY_ASSIGN(copy, contents(key));
    }
    if (to != 0 && room >= copy.size())
        TRY(mm::copy_to_user(UserAddr{to}, copy.data(), copy.size()));
    return static_cast<i64>(copy.size());
}

Result<i64> change_owner(i32 id, u32 uid, u32 gid) {
    if (uid == ~0u && gid == ~0u) return 0;
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::yes, Need::set_attributes));
    Key& key = *found.key;
    if (!is_admin()) {
        if (uid != ~0u && uid != key.uid) return Err(Error::acces);
        if (gid != ~0u && gid != key.gid && !process::current_credentials().in_group(gid))
            return Err(Error::acces);
    }
    if (uid != ~0u && uid != key.uid) TRY(store().change_owner(key, uid));
    if (gid != ~0u) key.gid = gid;
    return 0;
}

Result<i64> set_permissions(i32 id, u32 permissions) {
    if (permissions &
        ~(kAllNeeds << kPossessor | kAllNeeds << kUser | kAllNeeds << kGroup | kAllNeeds))
        return Err(Error::inval);
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::yes, Need::set_attributes));
    if (!is_admin() && found->uid != process::current_credentials().fsuid) return Err(Error::acces);
    found->permissions = permissions;
    return 0;
}

Result<i64> set_timeout(i32 id, u32 seconds) {
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::yes, Partial::yes, Need::set_attributes));
    found->expiry = seconds == 0 ? 0 : now_seconds() + seconds;
    if (seconds != 0)
        store().key_may_die_at(found->expiry + store().limits.gc_delay_seconds.load());
    return 0;
}

// The result is what was set before.
Result<i64> set_default_destination(i32 which) {
    Locked locked;
    i32& now = linux_task().keys.default_destination;
    switch (which) {
        case KEY_REQKEY_DEFL_THREAD_KEYRING:
            TRY(thread_keyring());
            break;
        case KEY_REQKEY_DEFL_PROCESS_KEYRING:
            TRY(process_keyring());
            break;
        case KEY_REQKEY_DEFL_DEFAULT:
        case KEY_REQKEY_DEFL_SESSION_KEYRING:
        case KEY_REQKEY_DEFL_USER_KEYRING:
        case KEY_REQKEY_DEFL_USER_SESSION_KEYRING:
        case KEY_REQKEY_DEFL_REQUESTOR_KEYRING:
            break;
        case KEY_REQKEY_DEFL_NO_CHANGE:
            return now;
        default:
            return Err(Error::inval);
    }
    return std::exchange(now, which);
}

// No security module labels keys: the label is empty, its NUL is there.
Result<i64> get_security(i32 id, u64 to, u64 room) {
    {
        Locked locked;
        TRY(look_up(id, Create::no, Partial::yes, Need::view));
    }
    if (to != 0 && room != 0) TRY(mm::UserOut<char>(to).write('\0'));
    return 1;
}

Result<i64> get_persistent(u32 uid, i32 destination) {
    const process::Credentials& cred = process::current_credentials();
    if (uid == ~0u)
        uid = cred.uid;
    else if (uid != cred.uid && uid != cred.euid && !cred.has(process::Capability::setuid))
        return Err(Error::perm);
    Locked locked;
    TRY_ASSIGN(const Found to, look_up(destination, Create::yes, Partial::no, Need::write));
    if (!to->is_keyring()) return Err(Error::notdir);
    TRY_ASSIGN(auto keyring, persistent_keyring(uid));
    const i32 serial = keyring->serial;
    TRY(link_key(*to.key, std::move(keyring)));
    return serial;
}

// Without a type: no more links. No type here restricts by another key.
Result<i64> restrict_keyring(i32 id, u64 type_name, u64 restriction) {
    Locked locked;
    TRY_ASSIGN(const Found found, look_up(id, Create::no, Partial::no, Need::set_attributes));
    if (type_name != 0) return Err(Error::noent);
    if (restriction != 0) return Err(Error::inval);
    if (!found->is_keyring()) return Err(Error::notdir);
    if (found->restricted) return Err(Error::exist);
    found->restricted = true;
    return 0;
}

Result<i64> capabilities(u64 to, u64 room) {
    const u8 have[] = {KEYCTL_CAPS0_CAPABILITIES | KEYCTL_CAPS0_PERSISTENT_KEYRINGS |
                           KEYCTL_CAPS0_INVALIDATE | KEYCTL_CAPS0_RESTRICT_KEYRING |
                           KEYCTL_CAPS0_MOVE,
                       0};
    if (room != 0) {
        const usize n = std::min<usize>(room, sizeof(have));
        TRY(mm::copy_to_user(UserAddr{to}, have, n));
        if (room > n) TRY(mm::clear_user(UserAddr{to} + n, room - n));
    }
    return sizeof(have);
}

// No program constructs keys here, so none has the right to.
Result<i64> refuse_to_construct(u64 payload_length) {
    if (payload_length > (1 << 20) - 1) return Err(Error::inval);
    return Err(Error::perm);
}
Result<i64> reject(u32 error) {
    if (error == 0 || error >= 4095 || (error >= 512 && error <= 516)) return Err(Error::inval);
    return Err(Error::perm);
}
Result<i64> assume_authority(i32 id) {
    if (id < 0) return Err(Error::inval);
    if (id == 0) return 0;
    return Err(Error::nokey);
}

Result<i64> session_to_parent() {
    Locked locked;
    TRY(give_session_to_parent());
    return 0;
}

Result<i64> control(i32 option, u64 a, u64 b, u64 c, u64 d) {
    const i32 id = static_cast<i32>(a);
    switch (option) {
        case KEYCTL_GET_KEYRING_ID:
            return get_keyring_id(id, static_cast<i32>(b) != 0);
        case KEYCTL_JOIN_SESSION_KEYRING:
            return join(a);
        case KEYCTL_UPDATE:
            return update(id, b, c);
        case KEYCTL_REVOKE:
            return revoke(id);
        case KEYCTL_CHOWN:
            return change_owner(id, static_cast<u32>(b), static_cast<u32>(c));
        case KEYCTL_SETPERM:
            return set_permissions(id, static_cast<u32>(b));
        case KEYCTL_DESCRIBE:
            return describe(id, b, static_cast<u32>(c));
        case KEYCTL_CLEAR:
            return clear_keyring(id);
        case KEYCTL_LINK:
            return link(id, static_cast<i32>(b));
        case KEYCTL_UNLINK:
            return unlink(id, static_cast<i32>(b));
        case KEYCTL_SEARCH:
            return search_tree(id, b, c, static_cast<i32>(d));
        case KEYCTL_READ:
            return read_key(id, b, c);
        case KEYCTL_INSTANTIATE:
            return refuse_to_construct(c);
        case KEYCTL_INSTANTIATE_IOV:
        case KEYCTL_NEGATE:
            return Err(Error::perm);
        case KEYCTL_SET_REQKEY_KEYRING:
            return set_default_destination(id);
        case KEYCTL_SET_TIMEOUT:
            return set_timeout(id, static_cast<u32>(b));
        case KEYCTL_ASSUME_AUTHORITY:
            return assume_authority(id);
        case KEYCTL_GET_SECURITY:
            return get_security(id, b, c);
        case KEYCTL_SESSION_TO_PARENT:
            return session_to_parent();
        case KEYCTL_REJECT:
            return reject(static_cast<u32>(c));
        case KEYCTL_INVALIDATE:
            return invalidate(id);
        case KEYCTL_GET_PERSISTENT:
            return get_persistent(static_cast<u32>(a), static_cast<i32>(b));
        case KEYCTL_RESTRICT_KEYRING:
            return restrict_keyring(id, b, c);
        case KEYCTL_MOVE:
            return move(id, static_cast<i32>(b), static_cast<i32>(c), static_cast<u32>(d));
        case KEYCTL_CAPABILITIES:
            return capabilities(a, b);
        default:
            return Err(Error::opnotsupp);
    }
}

}  // namespace

Result<i64> sys_keyctl(i32 option, u64 a, u64 b, u64 c, u64 d) {
    return answer(control(option, a, b, c, d));
}

}  // namespace tenon::personality
