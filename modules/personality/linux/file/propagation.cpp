#include "personality/linux/file/propagation.h"

#include <bit>

namespace tenon::personality {

namespace {

using vfs::Mount;
using vfs::MountTable;

constexpr usize kMostMounts = 100'000;  // fs.mount-max

bool is_covered_by(const vfs::Dentry& point, const vfs::Dentry& top) {
    for (const vfs::Dentry* d = &point; d != nullptr; d = d->parent())
        if (d == &top) return true;
    return false;
}

Ref<Mount> ref(Mount& m) {
    return Ref<Mount>(&m);
}
void move(Mount& mount, const vfs::Path& place) {
    const Ref<Mount> held = ref(mount);
    MountTable::detach_locked(mount);
    (void)MountTable::attach_locked(held, place);
}

Result<Ref<Mount>> clone(const Mount& from, Ref<vfs::Dentry> root) {
    TRY_ASSIGN(Ref<Mount> made,
               MountTable::make(from.super, std::move(root), from.flags.load(), from.source));
    made->peer_group = from.peer_group;
    made->master_group = from.master_group;
    return made;
}

// The smallest number above `floor` that no group has. Those between 1 and `floor` are taken, by
// mounts that are not in the table yet.
u32 unused_group(u32 floor) {
    for (;; floor += 64) {
        u64 used = 0;
        const auto note = [&](u32 group) {
            if (group > floor && group - floor <= 64) used |= u64{1} << (group - floor - 1);
        };
        for (const Mount& m : MountTable::all_locked()) {
            note(m.peer_group);
            note(m.master_group);
        }
        if (used != ~u64{0}) return floor + 1 + static_cast<u32>(std::countr_one(used));
    }
}

enum : u32 { kInvented = 1, kSeen = 2, kQueued = 4, kCandidate = 8, kGoes = 16 };

void clear_marks(u32 which) {
    for (Mount& m : MountTable::all_locked()) m.marks &= ~which;
}

// Gives a group to those of `tree` that have none; the last number given.
u32 invent_groups(const MountTree& tree, u32 floor) {
    for (Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m)) {
        m->marks &= ~kInvented;
        if (m->peer_group != 0) continue;
        m->peer_group = floor = unused_group(floor);
        m->marks |= kInvented;
    }
    return floor;
}

void forget_groups(const MountTree& tree) {
    for (Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m))
        if (m->marks & kInvented) m->peer_group = 0;
}

void leave_group(Mount& mount) {
    const u32 group = mount.peer_group;
    if (group == 0) return;
    mount.peer_group = 0;
    for (const Mount& m : MountTable::all_locked())
        if (m.peer_group == group) {
            mount.master_group = group;
            return;
        }
    for (Mount& m : MountTable::all_locked())
        if (m.master_group == group) m.master_group = mount.master_group;
}

// Marks with kSeen every mount that gets the events of `from`, and `from` itself.
void mark_receivers(Mount& from) {
    clear_marks(kSeen | kQueued);
    from.marks |= kSeen | kQueued;
    for (bool more = is_shared(from); more;) {
        more = false;
        for (Mount& giver : MountTable::all_locked()) {
            if (!(giver.marks & kQueued)) continue;
            giver.marks &= ~kQueued;
            if (!is_shared(giver)) continue;
            for (Mount& m : MountTable::all_locked())
                if (!(m.marks & kSeen) &&
                    (m.peer_group == giver.peer_group || m.master_group == giver.peer_group)) {
                    m.marks |= kSeen | kQueued;
                    more = true;
                }
        }
    }
}

// What is mounted on the whole of `mount`, or null.
Mount* cover_of(const Mount& mount) {
    return mount.root->is_mount_point() ? MountTable::find_rcu(mount, *mount.root) : nullptr;
}

bool has_children_but(const Mount& mount, const Mount* but) {
    for (const Mount& m : MountTable::all_locked())
        if (m.parent.get() == &mount && &m != but) return true;
    return false;
}

}  // namespace

// --- Trees --------------------------------------------------------------------------------------

MountTree::~MountTree() {
    while (first_ != nullptr) {
        Mount* m = first_;
        first_ = m->chain;
        m->chain = nullptr;
        m->unref();
    }
}

void MountTree::add(Ref<Mount> mount) {
    Mount* m = mount.release();
    m->chain = nullptr;
    (last_ != nullptr ? last_->chain : first_) = m;
    last_ = m;
    ++count_;
}

void MountTree::insert_after(Mount& at, Ref<Mount> mount) {
    Mount* m = mount.release();
    m->chain = at.chain;
    at.chain = m;
    if (last_ == &at) last_ = m;
    ++count_;
}

// Depth first, as Linux lists them.
void MountTree::collect(Mount& top) {
    add(ref(top));
    for (Mount* at = first_; at != nullptr; at = at->chain) {
        Mount* end = at;
        for (Mount& m : MountTable::all_locked())
            if (m.parent.get() == at) {
                insert_after(*end, ref(m));
                end = &m;
            }
    }
}

Result<void> MountTree::copy(Mount& top, const Ref<vfs::Dentry>& root, bool recursive) {
    TRY_ASSIGN(Ref<Mount> made, clone(top, root));
    made->twin = &top;  // of a copy: what it is a copy of
    add(std::move(made));
    if (!recursive) return {};
    for (Mount* at = first_; at != nullptr; at = at->chain) {
        Mount* end = at;
        for (Mount& m : MountTable::all_locked()) {
            if (m.parent.get() != at->twin || is_unbindable(m)) continue;
            if (at == first_ && !is_covered_by(*m.mount_point, *root)) continue;
            TRY_ASSIGN(Ref<Mount> child, clone(m, m.root));
            Mount* fresh = child.get();
            fresh->twin = &m;
            fresh->parent = ref(*at);
            fresh->mount_point = m.mount_point;
            insert_after(*end, std::move(child));
            end = fresh;
        }
    }
    return {};
}

// Of a whole tree that may hang nowhere.
Result<void> MountTree::copy_all(const MountTree& of) {
    for (Mount* m = of.top(); m != nullptr; m = after(*m)) {
        TRY_ASSIGN(Ref<Mount> made, clone(*m, m->root));
        if (m != of.top()) {
            made->parent = ref(*m->parent->twin);
            made->mount_point = m->mount_point;
        }
        m->twin = made.get();
        add(std::move(made));
    }
    return {};
}

bool tree_has_unbindable(const MountTree& tree) {
    for (const Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m))
        if (is_unbindable(*m)) return true;
    return false;
}

// --- Making images ------------------------------------------------------------------------------

Images::~Images() {
    while (first_ != nullptr) {
        Image* image = first_;
        first_ = image->next;
        delete image;
    }
}

Result<Images::Image*> Images::make(const MountTree& source, Mount& at, bool as_slave) {
    auto* image = new (std::nothrow) Image();
    if (image == nullptr) return Err(Error::nomem);
    (last_ != nullptr ? last_->next : first_) = image;
    last_ = image;
    image->at = &at;
    TRY(image->tree.copy_all(source));
    count_ += image->tree.count();
    if (!as_slave) return image;
    for (Mount *m = image->tree.top(), *s = source.top(); m != nullptr;
         m = MountTree::after(*m), s = MountTree::after(*s)) {
        m->master_group = s->peer_group;
        m->peer_group = 0;
    }
    return image;
}

// The members of `group` get images that are peers of `source`.
Result<void> Images::follow_group(const MountTree& source, u32 group, const Mount* skip,
                                  const vfs::Dentry& point) {
    for (Mount& m : MountTable::all_locked())
        if (m.peer_group == group && &m != skip && is_covered_by(point, *m.root))
            TRY(make(source, m, false));
    return {};
}

Result<void> Images::find(const MountTree& source, Mount& parent, const vfs::Dentry& point) {
    u32 last_group = invent_groups(source, 0);
    TRY(follow_group(source, parent.peer_group, &parent, point));
    // Groups whose slaves come next, with the tree that those get images of.
    struct Group {
        u32 number;
        const MountTree* source;
        Group* next;
    };
    struct Queue {
        Group* first = nullptr;
        Group** end = &first;
        ~Queue() {
            while (Group* g = first) {
                first = g->next;
                delete g;
            }
        }
        Result<void> add(u32 number, const MountTree& source) {
            auto* g = new (std::nothrow) Group{number, &source, nullptr};
            if (g == nullptr) return Err(Error::nomem);
            *end = g;
            end = &g->next;
            return {};
        }
        bool has(u32 number) const {
            for (const Group* g = first; g != nullptr; g = g->next)
                if (g->number == number) return true;
            return false;
        }
    } queue;
    TRY(queue.add(parent.peer_group, source));
    for (const Group* q = queue.first; q != nullptr; q = q->next) {
        for (Mount& m : MountTable::all_locked()) {
            if (m.master_group != q->number) continue;
            if (m.peer_group == 0) {
                if (is_covered_by(point, *m.root)) TRY(make(*q->source, m, true));
                continue;
            }
            if (queue.has(m.peer_group)) continue;
            const MountTree* theirs = q->source;
            // The first member that shows the place starts the group's own images.
            for (Mount& peer : MountTable::all_locked()) {
                if (peer.peer_group != m.peer_group || !is_covered_by(point, *peer.root)) continue;
                TRY_ASSIGN(Image* image, make(*q->source, peer, true));
                last_group = invent_groups(image->tree, last_group);
                theirs = &image->tree;
                TRY(follow_group(*theirs, m.peer_group, &peer, point));
                break;
            }
            TRY(queue.add(m.peer_group, *theirs));
        }
    }
    return {};
}

// Cannot fail: the places are known, and a mount that is there already comes to lie on top.
void Images::hang(const Ref<vfs::Dentry>& point) {
    for (Image* image = first_; image != nullptr; image = image->next) {
        Mount* top = image->tree.top();
        const Ref<Mount> there(MountTable::find_rcu(*image->at, *point));
        if (there) MountTable::detach_locked(*there);
        (void)MountTable::attach_locked(ref(*top), vfs::Path(ref(*image->at), point));
        if (there) (void)MountTable::attach_locked(there, vfs::Path(ref(*top), top->root));
        for (Mount* m = MountTree::after(*top); m != nullptr; m = MountTree::after(*m))
            (void)MountTable::attach_locked(ref(*m), vfs::Path(m->parent, m->mount_point));
    }
}

Result<void> graft(MountTree& tree, const vfs::Path& at, Grafting how, Images& made) {
    // Somebody may have mounted here since the lookup: go on top.
    vfs::Path place = at;
    while (Mount* above = MountTable::find_rcu(*place.mount, *place.dentry))
        place = vfs::Path(ref(*above), above->root);
    if (!place.mount->attached()) return Err(Error::inval);
    if (place.dentry->is_unlinked()) return Err(Error::noent);
    if (is_shared(*place.mount))
        if (auto done = made.find(tree, *place.mount, *place.dentry); !done) {
            forget_groups(tree);
            return done;
        }
    usize total = made.count_ + (how == Grafting::fresh ? tree.count() : 0);
    for (const Mount& m : MountTable::all_locked()) total += m.id != 0;
    if (total > kMostMounts) {
        if (is_shared(*place.mount)) forget_groups(tree);
        return Err(Error::nospc);
    }
    if (how == Grafting::moving) {
        move(*tree.top(), place);
    } else {
        Mount* top = tree.top();
        TRY(MountTable::attach_locked(ref(*top), place));
        for (Mount* m = MountTree::after(*top); m != nullptr; m = MountTree::after(*m))
            TRY(MountTable::attach_locked(ref(*m), vfs::Path(m->parent, m->mount_point)));
    }
    made.hang(place.dentry);
    return {};
}

// --- Taking down --------------------------------------------------------------------------------

bool in_use(const Mount& mount, u32 own) {
    if (has_children_but(mount, nullptr) || mount.ref_count() > own) return true;
    mark_receivers(*mount.parent);
    for (const Mount& receiver : MountTable::all_locked()) {
        if (!(receiver.marks & kSeen)) continue;
        const Mount* image = MountTable::find_rcu(receiver, *mount.mount_point);
        if (image == nullptr || image == &mount) continue;
        const Mount* cover = cover_of(*image);
        if (has_children_but(*image, cover)) continue;  // it stays
        if (image->ref_count() > (cover != nullptr ? 2u : 1u)) return true;
    }
    return false;
}

void take_down(MountTree& tree, MountTree& gone) {
    clear_marks(kCandidate | kGoes);
    for (Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m)) m->marks |= kGoes;
    for (Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m)) {
        if (!is_shared(*m->parent)) continue;
        mark_receivers(*m->parent);
        for (const Mount& receiver : MountTable::all_locked())
            if (receiver.marks & kSeen)
                if (Mount* image = MountTable::find_rcu(receiver, *m->mount_point))
                    image->marks |= kCandidate;
    }
    // An image goes if all below it go; what covers the whole of it does not keep it.
    for (bool more = true; more;) {
        more = false;
        for (Mount& image : MountTable::all_locked()) {
            if ((image.marks & (kCandidate | kGoes)) != kCandidate) continue;
            bool stays = false;
            for (const Mount& m : MountTable::all_locked())
                stays |= m.parent.get() == &image && !(m.marks & kGoes) &&
                         m.mount_point != image.root;
            if (stays) continue;
            image.marks |= kGoes;
            gone.add(ref(image));
            more = true;
        }
    }
    MountTree covers;  // each notes in `twin` what it comes to hang in place of
    for (Mount* image = gone.top(); image != nullptr; image = MountTree::after(*image)) {
        Mount* cover = cover_of(*image);
        if (cover == nullptr || (cover->marks & kGoes)) continue;
        cover->twin = image;
        while (cover->twin->parent->marks & kGoes) cover->twin = cover->twin->parent.get();
        covers.add(ref(*cover));
    }
    for (MountTree* each : {&tree, &gone})
        for (Mount* m = each->top(); m != nullptr; m = MountTree::after(*m)) {
            MountTable::detach_locked(*m);
            leave_group(*m);
            m->master_group = 0;
        }
    for (Mount* m = covers.top(); m != nullptr; m = MountTree::after(*m))
        move(*m, vfs::Path(m->twin->parent, m->twin->mount_point));
}

void change_propagation(MountTree& tree, Propagation to) {
    if (to == Propagation::shared) invent_groups(tree, 0);
    for (Mount* m = tree.top(); m != nullptr; m = MountTree::after(*m)) {
        if (to != Propagation::shared) leave_group(*m);
        if (to == Propagation::is_private || to == Propagation::unbindable) m->master_group = 0;
        if (to == Propagation::unbindable)
            m->flags.fetch_or(vfs::kMountUnbindable);
        else if (to != Propagation::slave)
            m->flags.fetch_and(~u32{vfs::kMountUnbindable});
    }
}

}  // namespace tenon::personality
