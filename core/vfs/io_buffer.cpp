#include <tenon/arch/user_copy.h>
#include <tenon/vfs/io_buffer.h>

#include <algorithm>
#include <cstring>

namespace tenon::vfs {

IoBuffer::IoBuffer(Space space, std::span<const Segment> segments)
    : space_(space),
      one_{0, 0},
      rest_(segments.data()),
      rest_count_(segments.size()),
      remaining_(0) {
    for (const Segment& s : segments) remaining_ += s.length_bytes;
    next_segment();
}

void IoBuffer::next_segment() {
    while (one_.length_bytes == 0 && rest_count_ != 0) {
        one_ = *rest_++;
        rest_count_--;
    }
    if (one_.length_bytes > remaining_) one_.length_bytes = remaining_;
}

template <typename Move>
Result<usize> IoBuffer::transfer(usize length, Move&& move) {
    length = std::min(length, remaining_);
    usize done = 0;
    while (done < length) {
        usize part = std::min(length - done, one_.length_bytes);
        usize left = move(one_.base, done, part);
        usize moved = part - left;
        one_.base += moved;
        one_.length_bytes -= moved;
        remaining_ -= moved;
        done += moved;
        if (left != 0) {
            if (done == 0) return Err(Error::fault);
            return done;
        }
        next_segment();
    }
    return done;
}

Result<usize> IoBuffer::put(const void* from, usize length) {
    const u8* p = static_cast<const u8*>(from);
    return transfer(length, [&](u64 base, usize at, usize part) -> usize {
        if (space_ == Space::user) return arch::copy_to_user_raw(base, p + at, part);
        std::memcpy(reinterpret_cast<void*>(base), p + at, part);
        return 0;
    });
}

Result<usize> IoBuffer::get(void* to, usize length) {
    u8* p = static_cast<u8*>(to);
    return transfer(length, [&](u64 base, usize at, usize part) -> usize {
        if (space_ == Space::user) return arch::copy_from_user_raw(p + at, base, part);
        std::memcpy(p + at, reinterpret_cast<const void*>(base), part);
        return 0;
    });
}

Result<usize> IoBuffer::put_zeros(usize length) {
    return transfer(length, [&](u64 base, usize, usize part) -> usize {
        if (space_ == Space::user) return arch::clear_user_raw(base, part);
        std::memset(reinterpret_cast<void*>(base), 0, part);
        return 0;
    });
}

void IoBuffer::skip(usize length) {
    (void)transfer(length, [](u64, usize, usize) -> usize { return 0; });
}

void IoBuffer::truncate(usize length) {
    remaining_ = std::min(remaining_, length);
    one_.length_bytes = std::min(one_.length_bytes, remaining_);
}

}  // namespace tenon::vfs
