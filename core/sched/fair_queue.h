// The fair class's arithmetic and queue (EEVDF). Pure: host tests run it with entities of their
// own.
//
// An entity has: tree_hook, vruntime, deadline (virtual ns), slice_ns, lag, weight. The running
// entity is `current` in each call and is not in the tree. Virtual times are compared by signed
// distance.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/types.h>

#include <algorithm>

#include "core/sched/weights.h"

namespace tenon::sched {

template <typename E>
class FairQueue {
  public:
    // Real time to virtual time of an entity with this weight.
    static constexpr u64 virtual_ns(u64 ns, u32 weight) {
        return weight == kNiceZeroWeight ? ns : ns * kNiceZeroWeight / weight;
    }

    bool empty() const { return tree_.empty(); }
    u32 size() const { return size_; }

    // The current entity ran for `ns`. True when it has used up its slice: it has a new deadline,
    // and somebody else should be looked for.
    bool charge(E& current, u64 ns) {
        current.vruntime += virtual_ns(ns, current.weight);
        if (distance(current.vruntime, current.deadline) < 0) return false;
        turn_over(current);
        return true;
    }

    // The current entity gives away the rest of its slice. One that is ahead has none to give: did
    // its deadline move all the same, many calls in a row would leave it a slice of seconds.
    void yield(E& current) {
        if (!eligible(current, &current)) return;
        current.vruntime = current.deadline;
        turn_over(current);
    }

    // Where the ideal machine would be: the weighted average of all virtual times.
    u64 average(const E* current) const {
        if (current != nullptr && size_ == 0) return current->vruntime;
        i64 sum = sum_;
        i64 load = load_;
        if (current != nullptr) {
            sum += key(*current) * current->weight;
            load += current->weight;
        }
        if (load == 0) return base_;
        // Rounded down, so that an entity exactly at the average stays eligible.
        i64 quotient = sum / load;
        if (sum < 0 && quotient * load != sum) --quotient;
        return base_ + static_cast<u64>(quotient);
    }

    // May `e` run: is it not ahead of the average? Without a division.
    bool eligible(const E& e, const E* current) const {
        i64 sum = sum_;
        i64 load = load_;
        if (current != nullptr) {
            sum += key(*current) * current->weight;
            load += current->weight;
        }
        return sum >= key(e) * load;
    }

    // Gives an entity that joins (and is in no queue) its virtual time and deadline. A new one
    // starts with half a slice, so that forking buys nothing.
    enum class Joining : u8 { fresh, woken };
    void place(E& e, const E* current, Joining how) {
        const u64 v = average(current);
        i64 lag = 0;
        if (how == Joining::woken && e.lag != 0) {
            const i64 load = load_ + (current != nullptr ? current->weight : 0);
            // Joining moves the average towards the entity; owed time is scaled up so that what is
            // left after that is the lag.
            if (load != 0) lag = e.lag * (load + e.weight) / load;
        }
        e.vruntime = v - static_cast<u64>(lag);
        u64 slice = virtual_ns(e.slice_ns, e.weight);
        if (how == Joining::fresh) slice /= 2;
        e.deadline = e.vruntime + slice;
    }

    // Remembers what a leaving entity is owed. It still counts: as `current`, or in the tree.
    void save_lag(E& e, const E* current) {
        if (current == &e && size_ == 0) {
            e.lag = 0;
            base_ = e.vruntime;
            return;
        }
        const i64 limit = static_cast<i64>(virtual_ns(2 * e.slice_ns, e.weight));
        e.lag = std::clamp(distance(average(current), e.vruntime), -limit, limit);
        if (size_ == 1 && current == nullptr) base_ = e.vruntime;
    }

    void insert(E& e) {
        tree_.insert(e);
        sum_ += key(e) * e.weight;
        load_ += e.weight;
        ++size_;
    }
    void erase(E& e) {
        tree_.erase(tree_.iterator_to(e));
        sum_ -= key(e) * e.weight;
        load_ -= e.weight;
        --size_;
        if (size_ == 0) sum_ = 0;
    }

    // The entity to run: the earliest deadline among the eligible, `current` (may be null)
    // included. Null only if there is nobody. Entities of one weight come eligible first, so that
    // the walk is long only when many heavy ones are ahead.
    E* pick(E* current) {
        if (tree_.empty()) return current;
        E* best = nullptr;
        for (E& e : tree_) {
            if (!eligible(e, current)) continue;
            best = &e;
            break;
        }
        if (current != nullptr &&
            (best == nullptr ||
             (distance(current->deadline, best->deadline) <= 0 && eligible(*current, current))))
            return current;
        return best != nullptr ? best : &*tree_.begin();
    }

    // Would `woken`, in the tree, be picked before the current one?
    bool preempts(const E& woken, const E& current) const {
        return distance(woken.deadline, current.deadline) < 0 && eligible(woken, &current);
    }

    // Real ns until the current entity's slice is used up.
    static u64 slice_left_ns(const E& current) {
        const i64 left = distance(current.deadline, current.vruntime);
        if (left <= 0) return 0;
        return current.weight == kNiceZeroWeight
                   ? static_cast<u64>(left)
                   : static_cast<u64>(left) * current.weight / kNiceZeroWeight + 1;
    }

    // Visits the waiting ones, latest deadline first, until `visit` says stop (true).
    template <typename F>
    E* find_last(F&& visit) {
        for (auto it = tree_.rbegin(); it != tree_.rend(); ++it)
            if (visit(*it)) return &*it;
        return nullptr;
    }

    static constexpr i64 distance(u64 a, u64 b) { return static_cast<i64>(a - b); }

  private:
    static constexpr i64 kRebaseDistance = i64{1} << 36;

    struct EarlierDeadline {
        bool operator()(const E& a, const E& b) const {
            return distance(a.deadline, b.deadline) < 0;
        }
    };
    using Tree = bi::multiset<
        E, bi::member_hook<E, bi::set_member_hook<bi::link_mode<bi::safe_link>>, &E::tree_hook>,
        bi::compare<EarlierDeadline>, bi::constant_time_size<false>>;

    void turn_over(E& current) {
        current.deadline = current.vruntime + virtual_ns(current.slice_ns, current.weight);
        // Keeps the sums small however long the queue lives.
        if (distance(current.vruntime, base_) > kRebaseDistance) rebase(current.vruntime);
    }
    i64 key(const E& e) const { return distance(e.vruntime, base_); }
    void rebase(u64 to) {
        sum_ -= load_ * distance(to, base_);
        base_ = to;
    }

    Tree tree_;
    // Over the tree: sum of (vruntime - base_) * weight, and of weight.
    i64 sum_ = 0;
    i64 load_ = 0;
    u64 base_ = 0;
    u32 size_ = 0;
};

}  // namespace tenon::sched
