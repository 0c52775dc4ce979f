// Links between keyrings and keys.
#pragma once

#include "personality/linux/keys/store.h"

namespace tenon::personality::keys {

// Keyrings in keyrings are searched this deep.
inline constexpr u32 kMaxDepth = 6;

// With the lock, all of them.

// Room for one link. What was not used is given back.
class LinkPlan {
  public:
    ~LinkPlan();
    // Before a key of that index is linked. Error::notdir, kRevoked, perm (the keyring is
    // restricted), dquot, nomem.
    Result<void> make(Key& keyring, const Index& index);
    // Takes the place of a link of the same index.
    void carry_out(Ref<Key> key);

  private:
    Key* keyring_ = nullptr;
    std::unique_ptr<Link> fresh_;  // null: an older link of the same index is used
};

// Plan and link. Error::deadlk (a cycle), loop (too deep), and LinkPlan::make()'s.
Result<void> link_key(Key& keyring, Ref<Key> key);
// Error::notdir, noent.
Result<void> unlink_key(Key& keyring, Key& key);
Result<void> clear(Key& keyring);
// Null: none.
Link* find_link(Key& keyring, const Index& index);

// What a search looks for: an index, or one key.
struct Query {
    Index index;
    const Key* only = nullptr;
    bool any_state = false;     // also keys that are revoked, expired or negative
    bool skip_expired = false;  // as if they were not there
};
// Of the tree below the keyring, and itself. Error::again: nothing there; notdir, acces, nokey,
// kRevoked, keyexpired.
Result<Found> search(Found keyring, const Query& query);

}  // namespace tenon::personality::keys
