// Dentries and their cache: hash, eviction, moves.
//
// Locks: move lock -> hash stripe (dentry_parent); list lock (dentry) is innermost and alone.
// Eviction is a clock over all hashed dentries: what was looked up since the hand came by last is
// passed over once. The cache's own reference is dropped by whoever takes a dentry off the hash.
#include <tenon/lib/intrusive.h>
#include <tenon/vfs/dentry.h>

#include <cstring>
#include <utility>

#include "core/lib/rcu_hash.h"
#include "core/vfs/dentry_cache.h"

namespace tenon::vfs {

struct DentryCache::State {
    RcuHash<Dentry, &Dentry::hash_next_> hash{sync::LockRank::dentry_parent};
    sync::SpinLock list_lock{sync::LockRank::dentry};
    List<Dentry, &Dentry::lru_hook_> list;
    sync::SpinLock move_lock{sync::LockRank::spin_outer};
    std::atomic<u64> count{0};
    u64 limit = 4096;
};

constinit DentryCache::State* DentryCache::state_ = nullptr;
constinit TreeSequence DentryCache::tree_sequence;

namespace {

// A name that was replaced, until no reader can hold it.
struct RetiredName {
    sync::RcuHead rcu;
    const void* name;
};

usize buckets_for_memory() {
    u64 pages = mm::memory_stats().total_pages;
    usize buckets = 1024;
    while (buckets < 65536 && buckets * 16 < pages) buckets *= 2;
    return buckets;
}

}  // namespace

sync::SpinLock& DentryCache::tree_lock() {
    return state_->move_lock;
}

Result<void> DentryCache::init() {
    state_ = new (std::nothrow) State();
    if (state_ == nullptr) return Err(Error::nomem);
    usize buckets = buckets_for_memory();
    state_->limit = buckets * 2;
    return state_->hash.init(buckets);
}

u32 DentryCache::hash_name(std::string_view name) {
    // Eight bytes a round; names are short, so set-up matters more than the mixing.
    u64 h = name.size() * 0x9e3779b97f4a7c15ull;
    const char* p = name.data();
    usize n = name.size();
    for (; n >= 8; p += 8, n -= 8) {
        u64 word;
        std::memcpy(&word, p, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    u64 tail = 0;
    for (usize i = 0; i < n; i++) tail |= u64{static_cast<u8>(p[i])} << (i * 8);
    h = (h ^ tail) * 0xff51afd7ed558ccdull;
    return static_cast<u32>(h ^ (h >> 32));
}

Dentry* DentryCache::find_rcu(const Dentry& parent, std::string_view name, u32 hash) {
    return state_->hash.find(key(&parent, hash), [&](const Dentry& d) {
        if (d.hash_ != hash || d.parent_.load() != &parent) return false;
        std::string_view have = d.name();
        return have.size() == name.size() &&
               std::memcmp(have.data(), name.data(), name.size()) == 0;
    });
}

Ref<Dentry> DentryCache::find(const Dentry& parent, std::string_view name, u32 hash) {
    for (;;) {
        u32 sequence = tree_sequence.read();
        {
            sync::RcuGuard rcu;
            Dentry* d = find_rcu(parent, name, hash);
            if (d != nullptr && d->try_ref()) {
                mark_accessed(*d);
                return adopt_ref(d);
            }
        }
        if (!TreeSequence::busy(sequence) && !tree_sequence.changed(sequence)) return {};
        arch::cpu_relax();
    }
}

Result<Ref<Dentry>> DentryCache::make(Dentry* parent, std::string_view name, u32 hash,
                                      Ref<Inode> inode) {
    auto* d = new (std::nothrow) Dentry();
    if (d == nullptr) return Err(Error::nomem);
    Ref<Dentry> result = adopt_ref(d);
    if (name.size() < Dentry::kInlineName) {
        auto* in_place = reinterpret_cast<Dentry::Name*>(d->inline_name_);
        in_place->length = static_cast<u32>(name.size());
        std::memcpy(in_place->text, name.data(), name.size());
        in_place->text[name.size()] = '\0';
        d->name_.assign(in_place);
    } else {
        TRY_ASSIGN(const Dentry::Name* heap, make_name(name));
        d->name_.assign(heap);
    }
    d->hash_ = hash;
    if (parent != nullptr) {
        parent->ref();
        d->parent_.assign(parent);
    }
    d->inode_.assign(inode.release());
    return result;
}

Result<Ref<Dentry>> Dentry::make_root(Ref<Inode> inode) {
    return DentryCache::make(nullptr, "/", 0, std::move(inode));
}

Result<Ref<Dentry>> Dentry::make_anonymous(Ref<Inode> inode, std::string_view name) {
    TRY_ASSIGN(Ref<Dentry> d, DentryCache::make(nullptr, name, 0, std::move(inode)));
    d->anonymous_ = true;
    return d;
}

Ref<Dentry> DentryCache::insert(Ref<Dentry> dentry) {
    Dentry* parent = dentry->parent();
    usize k = key(parent, dentry->hash_);
    {
        sync::SpinGuard guard(state_->hash.lock_for(k));
        Dentry* other = find_rcu(*parent, dentry->name(), dentry->hash_);
        if (other != nullptr && other->try_ref()) return adopt_ref(other);
        dentry->ref();  // the cache's own
        dentry->hashed_.store(true, std::memory_order_relaxed);
        state_->hash.insert_locked(k, *dentry);
        sync::SpinGuard list_guard(state_->list_lock);
        state_->list.push_back(*dentry);
    }
    if (state_->count.fetch_add(1, std::memory_order_relaxed) >= state_->limit) trim();
    return dentry;
}

void DentryCache::instantiate(Dentry& dentry, Ref<Inode> inode) {
    TENON_DEBUG_ASSERT(dentry.inode() == nullptr);
    dentry.inode_.assign(inode.release());
}

// Off the hash and the list; true if this call did it. The caller then drops the cache's reference.
bool DentryCache::unhash(Dentry& dentry) {
    for (;;) {
        Dentry* parent = dentry.parent();
        usize k = key(parent, dentry.hash_);
        sync::SpinGuard guard(state_->hash.lock_for(k));
        // A move may have rehashed it while we chose the lock.
        if (dentry.parent() != parent || key(parent, dentry.hash_) != k) continue;
        if (!dentry.hashed_.load(std::memory_order_relaxed)) return false;
        if (!state_->hash.erase_locked(k, dentry)) continue;
        dentry.hashed_.store(false, std::memory_order_relaxed);
        sync::SpinGuard list_guard(state_->list_lock);
        if (dentry.lru_hook_.is_linked()) state_->list.erase(state_->list.iterator_to(dentry));
        state_->count.fetch_sub(1, std::memory_order_relaxed);
        return true;
    }
}

void DentryCache::drop(Dentry& dentry, Drop why) {
    if (why == Drop::unlinked) dentry.unlinked_.store(true, std::memory_order_relaxed);
    if (unhash(dentry)) dentry.unref();
}

void Dentry::invalidate() {
    Ref<Dentry> keep(this);
    DentryCache::drop(*this, DentryCache::Drop::unlinked);
    if (inode() != nullptr && inode()->is_dir()) DentryCache::shrink_below(*this);
}

void DentryCache::tell_if_gone(const Dentry& dentry) {
    Inode* inode = dentry.inode_.load();
    if (is_watched(inode) && inode->nlink == 0 && dentry.is_unlinked()) [[unlikely]]
        notify_slow(kNotifyDeleteSelf, nullptr, {}, *inode, 0);
}

// Upwards in a loop: of a tree that was removed under an open descriptor, the lowest directory
// keeps all those above.
void DentryCache::dispose(Dentry& first) {
    for (Dentry* dentry = &first; dentry != nullptr;) {
        Inode* inode = dentry->inode_.load();
        tell_if_gone(*dentry);
        Dentry* parent = dentry->parent_.load();
        // Readers under RCU may still look at the inode's fields and at the parent: both wait for a
        // grace period themselves before their memory goes.
        if (inode != nullptr) inode->unref();
        sync::rcu_call(dentry->rcu_, [](sync::RcuHead* head) {
            auto* d =
                reinterpret_cast<Dentry*>(reinterpret_cast<u8*>(head) - offsetof(Dentry, rcu_));
            const Dentry::Name* name = d->name_.load();
            if (name != d->inline_name()) mm::kfree(const_cast<Dentry::Name*>(name));
            delete d;
        });
        dentry = nullptr;
        if (parent == nullptr) continue;
        if (parent->freeze_if_unique())
            dentry = parent;
        else
            parent->unref();
    }
}

void Dentry::on_last_ref() {
    DentryCache::dispose(*this);
}

// Takes an unused dentry off the hash and kills it. Under RCU; the caller disposes of it later.
bool DentryCache::evict(Dentry& dentry) {
    Dentry* parent = dentry.parent();
    usize k = key(parent, dentry.hash_);
    sync::SpinGuard guard(state_->hash.lock_for(k));
    if (dentry.parent() != parent || key(parent, dentry.hash_) != k ||
        !dentry.hashed_.load(std::memory_order_relaxed) || dentry.is_mount_point() ||
        !dentry.freeze_if_unique())
        return false;
    state_->hash.erase_locked(k, dentry);
    dentry.hashed_.store(false, std::memory_order_relaxed);
    state_->count.fetch_sub(1, std::memory_order_relaxed);
    return true;
}

// Gives back room after an insertion: looks at a few dentries from the hand of the clock on.
void DentryCache::trim() {
    Dentry* dead[4];
    u32 freed = 0;
    {
        sync::RcuGuard rcu;  // keeps the memory between the list and evict()
        for (u32 looked = 0; looked < 32 && freed < 4; looked++) {
            Dentry* victim;
            {
                sync::SpinGuard guard(state_->list_lock);
                if (state_->list.empty()) break;
                victim = &state_->list.front();
                state_->list.pop_front();
                if (victim->accessed_.exchange(false, std::memory_order_relaxed) ||
                    victim->ref_count() != 1) {
                    state_->list.push_back(*victim);
                    continue;
                }
            }
            if (evict(*victim)) {
                dead[freed++] = victim;
                continue;
            }
            sync::SpinGuard guard(state_->list_lock);
            if (victim->hashed_.load(std::memory_order_relaxed) && !victim->lru_hook_.is_linked())
                state_->list.push_back(*victim);
        }
    }
    for (u32 i = 0; i < freed; i++) dispose(*dead[i]);  // may sleep: the inode may go with it
}

void drop_unused_names() {
    for (u64 left = DentryCache::count() + 1; left != 0; --left) DentryCache::trim();
}

namespace {
template <typename Wanted, typename List, typename Evict>
bool shrink_pass(sync::SpinLock& lock, List& list, Wanted&& wanted, Evict&& evict) {
    bool any = false;
    // One dentry at a time: the list may change while its lock is free, so start over then.
    for (;;) {
        Ref<Dentry> found;
        {
            sync::SpinGuard guard(lock);
            for (Dentry& d : list)
                if (wanted(d) && d.ref_count() == 1 && d.try_ref()) {
                    found = adopt_ref(&d);
                    break;
                }
        }
        if (!found) return any;
        evict(*found);
        any = true;
    }
}
}  // namespace

void DentryCache::shrink_super(SuperBlock& super) {
    // Children keep their parents, so leaves go first, level by level.
    while (shrink_pass(
        state_->list_lock, state_->list,
        [&](Dentry& d) {
            // The topmost ancestor tells the file system for negative dentries, too.
            const Dentry* top = &d;
            while (top->inode() == nullptr && top->parent() != nullptr) top = top->parent();
            return top->inode() != nullptr && &top->inode()->super() == &super;
        },
        [](Dentry& d) { drop(d, Drop::forgotten); })) {
    }
}

void DentryCache::shrink_children(Dentry& top) {
    while (shrink_pass(
        state_->list_lock, state_->list,
        [&](Dentry& d) { return d.parent() == &top && !d.is_mount_point(); },
        [](Dentry& d) { drop(d, Drop::forgotten); })) {
    }
}

void DentryCache::shrink_below(Dentry& top) {
    while (shrink_pass(
        state_->list_lock, state_->list,
        [&](Dentry& d) {
            for (const Dentry* up = d.parent(); up != nullptr; up = up->parent())
                if (up == &top) return !d.is_mount_point();
            return false;
        },
        [](Dentry& d) { drop(d, Drop::forgotten); })) {
    }
}

u64 DentryCache::count() {
    return state_->count.load(std::memory_order_relaxed);
}

Result<const Dentry::Name*> DentryCache::make_name(std::string_view name) {
    auto* n = static_cast<Dentry::Name*>(mm::kmalloc(Dentry::Name::kHeader + name.size() + 1));
    if (n == nullptr) return Err(Error::nomem);
    n->length = static_cast<u32>(name.size());
    std::memcpy(n->text, name.data(), name.size());
    n->text[name.size()] = '\0';
    return n;
}

void DentryCache::set_name(Dentry& dentry, const Dentry::Name* name) {
    const Dentry::Name* old = dentry.name_.exchange(name);
    if (old == dentry.inline_name()) return;
    // Under the tree lock: no sleep.
    void* memory = mm::kmalloc(sizeof(RetiredName), mm::Alloc::atomic);
    if (memory == nullptr) return;  // a leak of a few bytes rather than a reader's use after free
    auto* retired = new (memory) RetiredName{{}, old};
    sync::rcu_call(retired->rcu, [](sync::RcuHead* head) {
        auto* r = reinterpret_cast<RetiredName*>(head);
        mm::kfree(const_cast<void*>(r->name));
        mm::kfree(r);
    });
}

void DentryCache::move(Dentry& dentry, Dentry& new_parent, const Dentry::Name* name,
                       Dentry* replaced) {
    if (replaced != nullptr) drop(*replaced, Drop::unlinked);
    Dentry* old_parent = dentry.parent();
    {
        TreeWrite write;
        bool was_hashed;
        usize old_key = key(old_parent, dentry.hash_);
        {
            sync::SpinGuard stripe(state_->hash.lock_for(old_key));
            was_hashed = dentry.hashed_.load(std::memory_order_relaxed);
            if (was_hashed) state_->hash.erase_locked(old_key, dentry);
            dentry.hashed_.store(false, std::memory_order_relaxed);
        }
        set_name(dentry, name);
        new_parent.ref();
        dentry.parent_.assign(&new_parent);
        dentry.hash_ = hash_name({name->text, name->length});
        usize new_key = key(&new_parent, dentry.hash_);
        if (was_hashed) {
            sync::SpinGuard stripe(state_->hash.lock_for(new_key));
            dentry.hashed_.store(true, std::memory_order_relaxed);
            state_->hash.insert_locked(new_key, dentry);
        }
    }
    if (old_parent != nullptr) old_parent->unref();
}

DentryMoveNames::~DentryMoveNames() {
    for (const void* n : names_)
        if (n != nullptr) mm::kfree(const_cast<void*>(n));
}

Result<void> DentryMoveNames::prepare(const Dentry&, std::string_view new_name, const Dentry* other,
                                      std::string_view name_of_other) {
    TRY_ASSIGN(names_[0], DentryCache::make_name(new_name));
    if (other == nullptr) return {};
    TRY_ASSIGN(names_[1], DentryCache::make_name(name_of_other));
    return {};
}

void DentryMoveNames::move(Dentry& moved, Dentry& new_parent, Dentry* replaced) {
    using Name = std::remove_cvref_t<decltype(*DentryCache::make_name({}))>;
    DentryCache::move(moved, new_parent, static_cast<Name>(std::exchange(names_[0], nullptr)),
                      replaced);
}

void DentryMoveNames::exchange(Dentry& a, Dentry& b) {
    using Name = std::remove_cvref_t<decltype(*DentryCache::make_name({}))>;
    Ref<Dentry> parent_a(a.parent()), parent_b(b.parent());
    DentryCache::move(a, *parent_b, static_cast<Name>(std::exchange(names_[0], nullptr)), nullptr);
    DentryCache::move(b, *parent_a, static_cast<Name>(std::exchange(names_[1], nullptr)), nullptr);
}

void invalidate_child(Dentry& parent, std::string_view name) {
    Ref<Dentry> child = DentryCache::find(parent, name, DentryCache::hash_name(name));
    if (child) child->invalidate();
}

}  // namespace tenon::vfs
