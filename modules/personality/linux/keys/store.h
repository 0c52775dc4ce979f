// All keys there are.
#pragma once

#include <tenon/lib/format.h>

#include "personality/linux/keys/key.h"

namespace tenon::personality::keys {

enum class Quota : u8 { counted, may_overrun, free };

struct SerialOfKey {
    using type = i32;
    i32 operator()(const Key& key) const { return key.serial; }
};

struct Limits {
    std::atomic<u32> max_keys{200}, max_bytes{20'000};
    std::atomic<u32> root_max_keys{1'000'000}, root_max_bytes{25'000'000};
    std::atomic<u32> gc_delay_seconds{300}, persistent_expiry_seconds{3 * 24 * 3600};
};

class Store {
  public:
    ~Store();
    Limits limits;
    sync::Mutex lock{sync::LockRank::sleeping_leaf};

    // --- all that follows with the lock
    // A key without a payload, linked nowhere. Error::inval (description), dquot, nomem.
    Result<Ref<Key>> make(const KeyType& type, std::string_view description, u32 uid, u32 gid,
                          u32 permissions, Quota quota);
    // Error::nokey.
    Result<Ref<Key>> find(i32 serial);
    // The oldest keyring of that name that the caller may search. Error::nokey.
    Result<Ref<Key>> find_named(std::string_view name);
    // Counts what the payload (or the links) of a key take. Error::dquot.
    Result<void> reserve(Key& key, usize data_length);
    // Puts `payload`, which was checked, in the place of the old one. Error::dquot.
    Result<void> fill(Key& key, Payload payload);
    // Moves it to another user's account. Error::dquot, nomem.
    Result<void> change_owner(Key& key, u32 uid);
    void revoke(Key& key);
    void invalidate(Key& key);
    Result<Account*> account(u32 uid);
    // Links to keys that have been dead long enough go.
    void collect_garbage();
    void key_may_die_at(i64 seconds) {
        if (next_collection_ == 0 || seconds < next_collection_) next_collection_ = seconds;
    }
    template <typename F>
    void for_each_key(F&& visit) {
        for (Key& key : keys_) visit(key);
    }
    template <typename F>
    void for_each_account(F&& visit) {
        for (Account& a : accounts_) visit(a);
    }
    void bury(Key& key);  // [Key]
    // A number for a walk over keyrings, so that it enters each of them once a depth.
    u64 next_walk() { return ++walks_; }

    u64 byte_limit(const Account& a) const {
        return a.uid == 0 ? limits.root_max_bytes.load() : limits.max_bytes.load();
    }
    u32 key_limit(const Account& a) const {
        return a.uid == 0 ? limits.root_max_keys.load() : limits.max_keys.load();
    }

  private:
    void unlink_dead(bool (*dead)(const Key&, i64 limit), i64 limit);

    bi::set<Key, bi::member_hook<Key, SetHook, &Key::serial_hook>, bi::key_of_value<SerialOfKey>>
        keys_;
    List<Account, &Account::hook> accounts_;
    List<Key, &Key::dead_hook> dead_;
    bool burying_ = false;
    u64 walks_ = 0;
    i64 next_collection_ = 0;  // seconds; 0: nothing waits for one
};

Store& store();

// Holds the store's lock.
class Locked {
  public:
    Locked() : guard_(store().lock) { store().collect_garbage(); }

  private:
    sync::MutexGuard guard_;
};

// Checks what a new payload of that type must be. Error::inval.
Result<void> check_payload(const KeyType& type, const Payload& payload);

// Module load and unload.
Result<void> init();
void exit();

}  // namespace tenon::personality::keys
