// Timers by expiry. Pure: the owner locks. T has deadline_ns_-like access through Traits and a
// hook.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/types.h>

namespace tenon::time {

template <typename T, bi::set_member_hook<bi::link_mode<bi::safe_link>> T::*Hook,
          typename DeadlineOf>
class ExpiryTree {
  public:
    // True when it is now the first to expire. Equal ones keep their order.
    bool insert(T& timer) {
        auto it = tree_.insert(tree_.upper_bound(timer), timer);
        return it == tree_.begin();
    }
    void erase(T& timer) { tree_.erase(tree_.iterator_to(timer)); }
    // The first timer if it has expired, taken out; else null.
    T* take_expired(u64 now_ns) {
        if (tree_.empty()) return nullptr;
        T& first = *tree_.begin();
        if (DeadlineOf{}(first) > now_ns) return nullptr;
        tree_.erase(tree_.begin());
        return &first;
    }
    usize count() const { return tree_.size(); }  // walks
    // When the next one expires; ~0: none.
    u64 next_ns() const { return tree_.empty() ? ~u64{0} : DeadlineOf{}(*tree_.begin()); }

  private:
    struct Earlier {
        bool operator()(const T& a, const T& b) const { return DeadlineOf{}(a) < DeadlineOf{}(b); }
    };
    using Tree =
        bi::multiset<T, bi::member_hook<T, bi::set_member_hook<bi::link_mode<bi::safe_link>>, Hook>,
                     bi::compare<Earlier>, bi::constant_time_size<false>>;
    Tree tree_;
};

}  // namespace tenon::time
