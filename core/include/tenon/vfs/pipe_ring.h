// The bookkeeping of a pipe: a ring of slots, each a piece of a page. Pure arithmetic, so that the
// host can test it; who owns the lock and copies the bytes is pipe.cpp.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::vfs {

// `P` is the page type; the ring never looks inside.
template <typename P>
struct PipeSlot {
    P* page = nullptr;
    u16 offset = 0;
    u16 length = 0;
    bool packet = false;      // a read takes it whole or loses the rest
    bool may_append = false;  // the last write left room that a later small one may fill
};

template <typename P>
class PipeRing {
  public:
    // `slots` is caller's memory, `count` a power of two.
    void init(PipeSlot<P>* slots, u32 count) {
        slots_ = slots;
        mask_ = count - 1;
        head_ = tail_ = 0;
    }
    u32 capacity() const { return mask_ + 1; }
    u32 used() const { return head_ - tail_; }
    bool empty() const { return head_ == tail_; }
    bool full() const { return used() > mask_; }
    PipeSlot<P>& front() { return slots_[tail_ & mask_]; }
    PipeSlot<P>& at(u32 i) { return slots_[(tail_ + i) & mask_]; }
    PipeSlot<P>& back() { return slots_[(head_ - 1) & mask_]; }
    // A fresh slot behind the last; not full.
    PipeSlot<P>& push() { return slots_[head_++ & mask_] = PipeSlot<P>{}; }
    // The front slot's page goes back to the caller.
    P* pop() {
        P* page = front().page;
        front().page = nullptr;
        tail_++;
        return page;
    }
    usize bytes() const {
        usize n = 0;
        for (u32 i = tail_; i != head_; i++) n += slots_[i & mask_].length;
        return n;
    }
    // Moves the contents to another array; false (nothing done) if they do not fit.
    bool resize(PipeSlot<P>* slots, u32 count) {
        if (used() > count) return false;
        u32 n = used();
        for (u32 i = 0; i < n; i++) slots[i] = at(i);
        slots_ = slots;
        mask_ = count - 1;
        tail_ = 0;
        head_ = n;
        return true;
    }

  private:
    PipeSlot<P>* slots_ = nullptr;
    u32 mask_ = 0;
    u32 head_ = 0, tail_ = 0;
};

}  // namespace tenon::vfs
