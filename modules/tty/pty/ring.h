// Bytes on their way between the two ends of a pair.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/sync/spinlock.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace tenon::tty {

// Any number of writers; peek() and drop() are for one reader at a time. Any thread context.
class Ring {
  public:
    Result<void> init(u32 size_bytes) {  // a power of two
        bytes_.reset(new (std::nothrow) u8[size_bytes]);
        if (!bytes_) return Err(Error::nomem);
        size_ = size_bytes;
        return {};
    }
    usize push(std::span<const u8> bytes) {
        sync::SpinGuard guard(lock_);
        const usize n = std::min<usize>(bytes.size(), size_ - used_locked());
        for (usize done = 0; done < n;) {
            const u32 start = head_ % size_;
            const usize part = std::min<usize>(n - done, size_ - start);
            std::memcpy(bytes_.get() + start, bytes.data() + done, part);
            head_ += static_cast<u32>(part);
            done += part;
        }
        return n;
    }
    // Copies from the front; drop() takes as many of them as were used, if nobody has cleared it.
    usize peek(std::span<u8> out) {
        sync::SpinGuard guard(lock_);
        const usize n = std::min<usize>(out.size(), used_locked());
        for (usize done = 0; done < n;) {
            const u32 start = (tail_ + static_cast<u32>(done)) % size_;
            const usize part = std::min<usize>(n - done, size_ - start);
            std::memcpy(out.data() + done, bytes_.get() + start, part);
            done += part;
        }
        peeked_ = tail_;
        return n;
    }
    void drop(usize n) {
        sync::SpinGuard guard(lock_);
        if (tail_ == peeked_) tail_ += static_cast<u32>(n);
    }
    usize take(std::span<u8> out) {
        const usize n = peek(out);
        drop(n);
        return n;
    }
    void clear() {
        sync::SpinGuard guard(lock_);
        tail_ = head_;
    }
    usize used() {
        sync::SpinGuard guard(lock_);
        return used_locked();
    }
    usize room() { return size_ - used(); }

  private:
    u32 used_locked() const { return head_ - tail_; }
    std::unique_ptr<u8[]> bytes_;
    sync::SpinLock lock_{sync::LockRank::spin_leaf};  // guards what follows
    u32 size_ = 0, head_ = 0, tail_ = 0, peeked_ = 0;
};

}  // namespace tenon::tty
