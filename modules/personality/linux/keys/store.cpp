#include "personality/linux/keys/store.h"

#include <tenon/lib/random.h>
#include <tenon/mm/slab.h>

#include <algorithm>
#include <cstring>

#include "personality/linux/keys/keyring.h"

namespace tenon::personality::keys {

namespace {

constinit Store* g_store = nullptr;

constexpr usize kMostUserBytes = 32'767;

// A logon key's description says whose it is: "service:name".
Result<void> check_description(const KeyType& type, std::string_view text) {
    if (text.empty()) return Err(Error::inval);
    if (type.kind != Kind::logon) return {};
    const usize colon = text.find(':');
    if (colon == 0 || colon == std::string_view::npos) return Err(Error::inval);
    return {};
}

// Seconds; 0: it lives.
i64 died_at(const Key& k) {
    if (k.revoked_at == 0) return k.expiry;
    return k.expiry == 0 ? k.revoked_at : std::min(k.revoked_at, k.expiry);
}

}  // namespace

Store& store() {
    return *g_store;
}

Result<void> init() {
    g_store = mm::make<Store>().release();
    if (g_store == nullptr) return Err(Error::nomem);
    return {};
}

void exit() {
    delete g_store;
    g_store = nullptr;
}

// No task has keyrings any more: what is left belongs to users.
Store::~Store() {
    {
        sync::MutexGuard guard(lock);
        for (Account& a : accounts_) {
            a.user.reset();
            a.user_session.reset();
            a.persistent.reset();
        }
    }
    accounts_.clear_and_dispose([](Account* a) { delete a; });
}

Result<void> check_payload(const KeyType& type, const Payload& payload) {
    const usize size = payload.size();
    const bool right =
        type.kind == Kind::keyring ? size == 0 : size != 0 && size <= kMostUserBytes;
    if (!right) return Err(Error::inval);
    return {};
}

Result<Account*> Store::account(u32 uid) {
    for (Account& a : accounts_)
        if (a.uid == uid) return &a;
    auto fresh = mm::make<Account>();
    if (!fresh) return Err(Error::nomem);
    fresh->uid = uid;
    auto at = std::find_if(accounts_.begin(), accounts_.end(),
                           [&](const Account& a) { return a.uid > uid; });
    accounts_.insert(at, *fresh);
    return fresh.release();
}

// Spec: Linux key_alloc() for the order of the checks.
Result<Ref<Key>> Store::make(const KeyType& type, std::string_view description, u32 uid, u32 gid,
                             u32 permissions, Quota quota) {
    TRY(check_description(type, description));
    TRY_ASSIGN(Account* const owner, account(uid));
    const u64 cost = quota == Quota::free ? 0 : description.size() + 1;
    if (quota == Quota::counted && (owner->counted_keys + 1 > key_limit(*owner) ||
                                    owner->counted_bytes + cost > byte_limit(*owner)))
        return Err(Error::dquot);
    auto fresh = mm::make<Key>();
    if (!fresh) return Err(Error::nomem);
    fresh->description_text.reset(new (std::nothrow) char[description.size() + 1]);
    if (!fresh->description_text) return Err(Error::nomem);
    std::memcpy(fresh->description_text.get(), description.data(), description.size());
    fresh->description_text[description.size()] = '\0';
    fresh->description = {fresh->description_text.get(), description.size()};
    fresh->type = &type;
    fresh->uid = uid;
    fresh->gid = gid;
    fresh->permissions = permissions;
    fresh->account = owner;
    fresh->in_quota = quota != Quota::free;
    fresh->quota_bytes = cost;
    ++owner->keys;
    if (fresh->in_quota) {
        ++owner->counted_keys;
        owner->counted_bytes += cost;
    }
    // Random, so that they tell nothing of what others do.
    do {
        fresh->serial = static_cast<i32>(random::get<u32>() >> 1);
    } while (fresh->serial < 3 || !keys_.insert(*fresh).second);
    return adopt_ref(fresh.release());
}

// The keys that only a dead key's links held die with it, one after the other.
void Store::bury(Key& key) {
    keys_.erase(keys_.iterator_to(key));
    dead_.push_back(key);
    if (burying_) return;
    burying_ = true;
    while (!dead_.empty()) {
        Key& next = dead_.front();
        dead_.pop_front();
        next.links.clear_and_dispose([](Link* link) { delete link; });
        --next.account->keys;
        if (next.in_quota) {
            --next.account->counted_keys;
            next.account->counted_bytes -= next.quota_bytes;
        }
        delete &next;
    }
    burying_ = false;
}

Result<Ref<Key>> Store::find(i32 serial) {
    auto at = keys_.find(serial);
    if (at == keys_.end()) return Err(Error::nokey);
    return Ref<Key>(&*at);
}

Result<Ref<Key>> Store::find_named(std::string_view name) {
    for (Key& key : keys_) {
        if (!key.is_keyring() || key.revoked || key.description != name) continue;
        if (permit(key, false, Need::search)) return Ref<Key>(&key);
    }
    return Err(Error::nokey);
}

Result<void> Store::reserve(Key& key, usize data_length) {
    if (key.in_quota) {
        Account& owner = *key.account;
        if (data_length > key.data_length &&
            owner.counted_bytes + (data_length - key.data_length) > byte_limit(owner))
            return Err(Error::dquot);
        owner.counted_bytes += data_length - key.data_length;
        key.quota_bytes += data_length - key.data_length;
    }
    key.data_length = data_length;
    return {};
}

Result<void> Store::fill(Key& key, Payload payload) {
    TRY(reserve(key, payload.size()));
    std::swap(key.payload, payload);
    key.negative = false;
    key.expiry = 0;
    return {};
}

// Spec: Linux keyctl_chown_key().
Result<void> Store::change_owner(Key& key, u32 uid) {
    TRY_ASSIGN(Account* const to, account(uid));
    Account& from = *key.account;
    if (key.in_quota) {
        if (to->counted_keys + 1 > key_limit(*to) ||
            to->counted_bytes + key.quota_bytes > byte_limit(*to))
            return Err(Error::dquot);
        ++to->counted_keys;
        to->counted_bytes += key.quota_bytes;
        --from.counted_keys;
        from.counted_bytes -= key.quota_bytes;
    }
    ++to->keys;
    --from.keys;
    key.account = to;
    key.uid = uid;
    return {};
}

void Store::revoke(Key& key) {
    if (key.revoked) return;
    key.revoked = true;
    key.revoked_at = now_seconds();
    (void)reserve(key, 0);
    key.payload = {};
    key.links.clear_and_dispose([](Link* link) { delete link; });
    key_may_die_at(key.revoked_at + limits.gc_delay_seconds.load());
}

void Store::unlink_dead(bool (*dead)(const Key&, i64 limit), i64 limit) {
    Link* gone = nullptr;
    for (Key& keyring : keys_) {
        usize removed = 0;
        for (auto at = keyring.links.begin(); at != keyring.links.end();) {
            Link& link = *at++;
            if (!dead(*link.key, limit)) continue;
            keyring.links.erase(keyring.links.iterator_to(link));
            link.next_dead = std::exchange(gone, &link);
            ++removed;
        }
        if (removed != 0)
            (void)reserve(
                keyring, keyring.data_length - std::min(keyring.data_length, removed * kLinkBytes));
    }
    // The walk is over: keys may leave the set now.
    while (gone != nullptr) delete std::exchange(gone, gone->next_dead);
}

void Store::invalidate(Key& key) {
    if (key.invalidated) return;
    key.invalidated = true;
    unlink_dead([](const Key& k, i64) { return k.invalidated; }, 0);
}

void Store::collect_garbage() {
    if (next_collection_ == 0) return;
    const i64 now = now_seconds(), delay = limits.gc_delay_seconds.load();
    if (now < next_collection_) return;
    next_collection_ = 0;
    unlink_dead(
        [](const Key& k, i64 limit) {
            const i64 at = died_at(k);
            return at != 0 && at <= limit;
        },
        now - delay);
    for (const Key& key : keys_) {
        const i64 at = died_at(key);
        if (at != 0 && at + delay > now) key_may_die_at(at + delay);
    }
}

}  // namespace tenon::personality::keys
