#include <tenon/lib/assert.h>
#include <tenon/lib/radix_tree.h>

#include <new>

namespace tenon {

struct RadixTree::Node {
    u8 shift;  // of the index bits that choose a slot here; 0: slots hold items
    u8 count = 0;
    sync::RcuHead rcu;
    std::atomic<void*> slots[kSlots] = {};

    std::atomic<void*>& slot(u64 index) { return slots[(index >> shift) & (kSlots - 1)]; }
    // One past the largest index below this node when it is a root, less one.
    u64 last_index() const {
        return shift + kBits >= 64 ? ~u64{0} : (u64{1} << (shift + kBits)) - 1;
    }
};

RadixTree::Node* RadixTree::as_node(void* p) {
    const uptr word = reinterpret_cast<uptr>(p);
    return (word & 1) != 0 ? reinterpret_cast<Node*>(word & ~uptr{1}) : nullptr;
}

void* RadixTree::tag(Node* node) {
    return reinterpret_cast<void*>(reinterpret_cast<uptr>(node) | 1);
}

void RadixTree::free_later(Node* node) {
    sync::rcu_call(node->rcu, [](sync::RcuHead* head) {
        delete container_of_offset<Node>(head, offsetof(Node, rcu));
    });
}

RadixTree::Node* RadixTree::make_node(u32 shift) {
    Node* node = new (std::nothrow) Node;
    if (node != nullptr) node->shift = static_cast<u8>(shift);
    return node;
}

// Nodes that an insert made before it ran out of memory are all that can be left.
void RadixTree::free_nodes(void* p) {
    Node* node = as_node(p);
    if (node == nullptr) return;
    for (auto& slot : node->slots) free_nodes(slot.load(std::memory_order_relaxed));
    delete node;
}

RadixTree::~RadixTree() {
    free_nodes(root_.load(std::memory_order_relaxed));
}

void* RadixTree::find(u64 index) const {
    void* p = root_.load(std::memory_order_acquire);
    Node* node = as_node(p);
    if (node == nullptr) return index == 0 ? p : nullptr;
    if (index > node->last_index()) return nullptr;
    for (;;) {
        // Pairs with the release stores of insert().
        p = node->slot(index).load(std::memory_order_acquire);
        if (node->shift == 0 || p == nullptr) return p;
        node = as_node(p);
        if (node == nullptr) return p;
    }
}

void* RadixTree::next(u64 index, u64& found) const {
    for (;;) {
        void* p = root_.load(std::memory_order_acquire);
        Node* node = as_node(p);
        if (node == nullptr) {
            if (p == nullptr || index != 0) return nullptr;
            found = 0;
            return p;
        }
        if (index > node->last_index()) return nullptr;
        // Down along `index`; where the way ends, on to the next slot that holds something.
        for (;;) {
            u64 slot = (index >> node->shift) & (kSlots - 1);
            const u64 first_slot = slot;
            p = nullptr;
            for (; slot < kSlots; ++slot) {
                p = node->slots[slot].load(std::memory_order_acquire);
                if (p != nullptr) break;
            }
            if (slot != first_slot) {
                const u64 above = node->shift + kBits >= 64
                                      ? 0
                                      : (index >> (node->shift + kBits)) << (node->shift + kBits);
                if (slot == kSlots) {
                    // Nothing left in this node: start again behind it.
                    const u64 step =
                        node->shift + kBits >= 64 ? 0 : u64{1} << (node->shift + kBits);
                    index = above + step;
                    if (step == 0 || index == 0) return nullptr;
                    break;
                }
                index = above | (slot << node->shift);
            }
            if (node->shift == 0) {
                found = index;
                return p;
            }
            node = as_node(p);
        }
    }
}

u64 RadixTree::next_gap(u64 index) const {
    while (find(index) != nullptr) ++index;
    return index;
}

// Makes the root a node that covers `index`.
bool RadixTree::grow(u64 index) {
    for (;;) {
        void* p = root_.load(std::memory_order_relaxed);
        Node* root = as_node(p);
        if (root != nullptr && index <= root->last_index()) return true;
        Node* node = make_node(root == nullptr ? 0 : root->shift + kBits);
        if (node == nullptr) return false;
        if (p != nullptr) {
            node->slots[0].store(p, std::memory_order_relaxed);
            node->count = 1;
        }
        root_.store(tag(node), std::memory_order_release);
    }
}

Result<void> RadixTree::insert(u64 index, void* item) {
    if (empty() && index == 0) {
        root_.store(item, std::memory_order_release);
        return {};
    }
    if (!grow(index)) return Err(Error::nomem);
    Node* node = as_node(root_.load(std::memory_order_relaxed));
    while (node->shift != 0) {
        std::atomic<void*>& slot = node->slot(index);
        void* p = slot.load(std::memory_order_relaxed);
        if (p == nullptr) {
            Node* child = make_node(node->shift - kBits);
            // What grew so far is consistent and goes with the last item.
            if (child == nullptr) return Err(Error::nomem);
            slot.store(tag(child), std::memory_order_release);
            ++node->count;
            node = child;
        } else {
            node = as_node(p);
        }
    }
    std::atomic<void*>& slot = node->slot(index);
    if (slot.load(std::memory_order_relaxed) != nullptr) return Err(Error::exist);
    slot.store(item, std::memory_order_release);
    ++node->count;
    return {};
}

void* RadixTree::erase(u64 index) {
    void* p = root_.load(std::memory_order_relaxed);
    Node* node = as_node(p);
    if (node == nullptr) {
        if (index != 0 || p == nullptr) return nullptr;
        root_.store(nullptr, std::memory_order_release);
        return p;
    }
    if (index > node->last_index()) return nullptr;
    Node* path[64 / kBits];
    u32 depth = 0;
    for (;;) {
        path[depth++] = node;
        p = node->slot(index).load(std::memory_order_relaxed);
        if (p == nullptr) return nullptr;
        if (node->shift == 0) break;
        node = as_node(p);
    }
    void* const item = p;
    // Empties the slot and what became empty on the way. Freed is what nothing leads to any more.
    for (Node* empty = nullptr;; empty = node) {
        node = path[--depth];
        node->slot(index).store(nullptr, std::memory_order_release);
        if (empty != nullptr) free_later(empty);
        if (--node->count != 0) break;
        if (depth == 0) {
            root_.store(nullptr, std::memory_order_release);
            free_later(node);
            return item;
        }
    }
    // A root that only leads to its first slot is not needed.
    for (;;) {
        Node* root = as_node(root_.load(std::memory_order_relaxed));
        if (root == nullptr || root->count != 1) break;
        void* only = root->slots[0].load(std::memory_order_relaxed);
        if (only == nullptr) break;
        root_.store(only, std::memory_order_release);
        free_later(root);
    }
    return item;
}

}  // namespace tenon
