#include "personality/linux/keys/keyring.h"

#include <tenon/mm/slab.h>

namespace tenon::personality::keys {

namespace {

// A walk over a tree of keyrings. Each is entered again only on a shorter way, so that the work is
// bounded by the number of links, however they are knotted.
class Walk {
  public:
    explicit Walk(const Query& query) : query_(query), number_(store().next_walk()) {}
    Error why = Error::again;  // the last reason for which a match did not count

    // Whether `key`, which has the index, is what is looked for.
    bool takes(const Key& key, bool possessed) {
        if (query_.only != nullptr && query_.only != &key) return false;
        if (!query_.any_state) {
            if (key.invalidated || key.revoked) return no(kRevoked);
            if (key.expiry != 0 && now_seconds() >= key.expiry)
                return query_.skip_expired ? false : no(Error::keyexpired);
        }
        if (!permit(key, possessed, Need::search)) return no(Error::acces);
        if (!query_.any_state && key.negative) return no(Error::nokey);
        return true;
    }

    Key* descend(Key& keyring, bool possessed, u32 depth) {
        if (keyring.revoked || keyring.invalidated) return nullptr;
        if (keyring.seen_by == number_ && keyring.seen_depth <= depth) return nullptr;
        keyring.seen_by = number_;
        keyring.seen_depth = depth;
        if (Link* link = find_link(keyring, query_.index);
            link != nullptr && takes(*link->key, possessed))
            return link->key.get();
        if (depth == kMaxDepth) return nullptr;
        for (Link& link : keyring.links) {
            Key& inner = *link.key;
            if (!inner.is_keyring()) break;  // they come first
            if (!permit(inner, possessed, Need::search)) continue;
            if (Key* found = descend(inner, possessed, depth + 1)) return found;
        }
        return nullptr;
    }

  private:
    bool no(Error e) {
        why = e;
        return false;
    }
    const Query& query_;
    const u64 number_;
};

// Whether `keyring` is `wanted` or has it below. Error::deadlk: it has; loop: too deep to say.
Result<void> check_without(Key& keyring, const Key& wanted, u64 walk, u32 depth) {
    if (&keyring == &wanted) return Err(Error::deadlk);
    if (keyring.revoked || keyring.invalidated) return {};
    if (keyring.seen_by == walk && keyring.seen_depth <= depth) return {};
    keyring.seen_by = walk;
    keyring.seen_depth = depth;
    for (Link& link : keyring.links) {
        if (!link.key->is_keyring()) break;
        if (link.key.get() == &wanted) return Err(Error::deadlk);
        if (depth == kMaxDepth) return Err(Error::loop);
        TRY(check_without(*link.key, wanted, walk, depth + 1));
    }
    return {};
}

}  // namespace

Link* find_link(Key& keyring, const Index& index) {
    auto at = keyring.links.find(index);
    return at == keyring.links.end() ? nullptr : &*at;
}

LinkPlan::~LinkPlan() {
    if (fresh_) (void)store().reserve(*keyring_, keyring_->data_length - kLinkBytes);
}

Result<void> LinkPlan::make(Key& keyring, const Index& index) {
    if (!keyring.is_keyring()) return Err(Error::notdir);
    if (keyring.revoked) return Err(kRevoked);
    keyring_ = &keyring;
    if (find_link(keyring, index) == nullptr) {
        auto fresh = mm::make<Link>();
        if (!fresh) return Err(Error::nomem);
        TRY(store().reserve(keyring, keyring.data_length + kLinkBytes));
        fresh_ = std::move(fresh);
    }
    if (keyring.restricted) return Err(Error::perm);
    return {};
}

void LinkPlan::carry_out(Ref<Key> key) {
    if (!fresh_) {
        // The old key's description is the link's place in the set: the new one's is the same.
        find_link(*keyring_, key->index())->key.swap(key);
        return;
    }
    fresh_->key = std::move(key);
    keyring_->links.insert(*fresh_.release());
}

Result<void> link_key(Key& keyring, Ref<Key> key) {
    LinkPlan plan;
    TRY(plan.make(keyring, key->index()));
    if (key->is_keyring()) TRY(check_without(*key, keyring, store().next_walk(), 0));
    plan.carry_out(std::move(key));
    return {};
}

Result<void> unlink_key(Key& keyring, Key& key) {
    if (!keyring.is_keyring()) return Err(Error::notdir);
    Link* link = find_link(keyring, key.index());
    if (link == nullptr || link->key.get() != &key) return Err(Error::noent);
    keyring.links.erase(keyring.links.iterator_to(*link));
    (void)store().reserve(keyring, keyring.data_length - kLinkBytes);
    delete link;
    return {};
}

Result<void> clear(Key& keyring) {
    if (!keyring.is_keyring()) return Err(Error::notdir);
    keyring.links.clear_and_dispose([](Link* link) { delete link; });
    (void)store().reserve(keyring, 0);
    return {};
}

// Spec: Linux search_nested_keyrings().
Result<Found> search(Found keyring, const Query& query) {
    if (!keyring->is_keyring()) return Err(Error::notdir);
    TRY(permit(*keyring.key, keyring.possessed, Need::search));
    Walk walk(query);
    if (keyring->index() == query.index) {
        if (walk.takes(*keyring.key, keyring.possessed)) return keyring;
        if (walk.why != Error::again) return Err(walk.why);
    }
    Key* found = walk.descend(*keyring.key, keyring.possessed, 0);
    if (found == nullptr) return Err(walk.why);
    return Found{Ref<Key>(found), keyring.possessed};
}

}  // namespace tenon::personality::keys
