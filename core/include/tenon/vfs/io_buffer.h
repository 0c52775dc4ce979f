// The bytes of one read or write: user or kernel memory, in one or more segments.
#pragma once

#include <tenon/lib/result.h>

#include <span>

namespace tenon::vfs {

// A cursor over segments. put() fills the buffer (for reads), get() drains it (for writes); both
// advance, return how many bytes moved, and Error::fault only when nothing at all could be moved.
// May sleep (page faults) unless mm::FaultsDisabled.
class IoBuffer {
  public:
    struct Segment {
        u64 base;  // user address, or kernel pointer
        usize length_bytes;
    };
    enum class Space : u8 { user, kernel };

    static IoBuffer user(u64 address, usize length_bytes) {
        return IoBuffer(Space::user, {address, length_bytes});
    }
    static IoBuffer kernel(void* p, usize length_bytes) {
        return IoBuffer(Space::kernel, {reinterpret_cast<u64>(p), length_bytes});
    }
    static IoBuffer kernel(const void* p, usize length_bytes) {
        return kernel(const_cast<void*>(p), length_bytes);
    }
    // `segments` must outlive the buffer. Total length must have been checked by the caller.
    TENON_API IoBuffer(Space space, std::span<const Segment> segments);
    IoBuffer(const IoBuffer&) = default;
    IoBuffer& operator=(const IoBuffer&) = default;

    usize remaining() const { return remaining_; }
    TENON_API Result<usize> put(const void* from, usize length_bytes);
    TENON_API Result<usize> get(void* to, usize length_bytes);
    TENON_API Result<usize> put_zeros(usize length_bytes);
    TENON_API void skip(usize length_bytes);      // forwards
    TENON_API void truncate(usize length_bytes);  // remaining() = min(remaining, length)
    // The address of the next byte and how many follow contiguously; for direct access by sockets
    // and page cache.
    Segment front() const { return one_; }

  private:
    IoBuffer(Space space, Segment one) : space_(space), one_(one), remaining_(one.length_bytes) {}
    void next_segment();
    template <typename Move>
    Result<usize> transfer(usize length_bytes, Move&& move);
    Space space_;
    Segment one_;  // current segment, advanced
    const Segment* rest_ = nullptr;
    usize rest_count_ = 0;
    usize remaining_;
};

}  // namespace tenon::vfs
