// A map from u64 to pointers that readers search under RCU without a lock: the page cache.
//
// Theory: nodes of 16 slots; the root is a node that covers the largest index, or, when index 0 is
// all there is, the item itself (most files fit in one page). A slot holds a node (bit 0 set) or an
// item. Writers serialise outside, publish with release stores and free nodes after a grace period;
// a reader sees, for each index, a value that was there at some moment of its search.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/sync/rcu.h>

namespace tenon {

class RadixTree {
  public:
    RadixTree() = default;
    ~RadixTree();  // must hold no items any more
    TENON_NONCOPYABLE(RadixTree);

    // Readers: under RcuGuard or the writers' lock.
    void* find(u64 index) const;
    // The first item at or after `index`, its place in `found`; null when there is none.
    void* next(u64 index, u64& found) const;
    // First index >= `index` without an item.
    u64 next_gap(u64 index) const;

    // Writers. Items are non-null, with bit 0 clear. Error::exist, nomem.
    Result<void> insert(u64 index, void* item);
    void* erase(u64 index);
    bool empty() const { return root_.load(std::memory_order_relaxed) == nullptr; }

  private:
    struct Node;
    static constexpr u32 kBits = 4, kSlots = 1u << kBits;
    static Node* as_node(void* p);
    static void* tag(Node* node);
    static void free_later(Node* node);
    static void free_nodes(void* p);
    Node* make_node(u32 shift);
    bool grow(u64 index);

    std::atomic<void*> root_{nullptr};
};

}  // namespace tenon
