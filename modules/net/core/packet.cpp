// Packets' memory. One allocation for a packet of up to a page; no copy but to and from programs.
#include <tenon/mm/slab.h>
#include <tenon/net/packet.h>
#include <tenon/vfs/types.h>

#include <algorithm>
#include <cstring>

#include "core.h"

namespace tenon::net {

namespace {

constexpr u32 kAlign = 16;
// What is kept of a longer packet in itself: headers, and to fill the slab's size class.
constexpr u32 kHeadBytes = 256;

mm::Alloc how() {
    return may_sleep() ? mm::Alloc::no_oom : mm::Alloc::atomic;
}

}  // namespace

Result<Ref<SendRoom>> SendRoom::make(u32 limit_bytes) {
    module::GateAttribution attribution(core_gate());
    Ref<SendRoom> self = adopt_ref(new (std::nothrow) SendRoom);
    if (!self) return Err(Error::nomem);
    self->set_limit(limit_bytes);
    return self;
}

void SendRoom::change_limit(u32 bytes) {
    if (limit_.exchange(bytes, std::memory_order_seq_cst) < bytes)
        room.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
}

// Wakes only at the two marks that somebody waits for: a lock less for each packet.
void SendRoom::give_back(u32 bytes) {
    const u32 before = used_.fetch_sub(bytes, std::memory_order_seq_cst), now = before - bytes;
    const u32 limit = limit_.load(std::memory_order_relaxed);
    if ((before >= limit && now < limit) || (before >= limit / 2 && now < limit / 2))
        room.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
}

Result<Ref<Packet>> Packet::allocate(u32 segments, u32 own_bytes) {
    const usize bytes = sizeof(Packet) + segments * sizeof(Segment) + own_bytes;
    void* memory = mm::kmalloc(bytes, how());
    if (memory == nullptr) return Err(Error::nomem);
    auto* packet = new (memory) Packet;
    packet->segment_room_ = static_cast<u8>(segments);
    packet->memory_bytes_ = static_cast<u32>(bytes);
    return Ref<Packet>(packet, kAdoptRef);
}

Result<Ref<Packet>> Packet::create(u32 length_bytes, u32 headroom_bytes) {
    if (length_bytes > kMaxPacketBytes || headroom_bytes > kPageSize / 2)
        return Err(Error::msgsize);
    module::GateAttribution attribution(core_gate());
    const u32 headroom = (headroom_bytes + kAlign - 1) & ~(kAlign - 1);
    const bool fits = length_bytes + headroom <= kPageSize - 256;
    const u32 own = fits ? length_bytes : kHeadBytes;
    const u32 pages =
        fits ? 0 : static_cast<u32>((length_bytes - own + kPageSize - 1) >> kPageShift);
    TRY_ASSIGN(Ref<Packet> packet, allocate(1 + pages, headroom + own));
    packet->headroom_ = headroom;
    packet->length_bytes_ = length_bytes;
    Segment* s = packet->table();
    s[0] = {reinterpret_cast<u8*>(s + 1 + pages) + headroom, own, nullptr};
    packet->segment_count_ = 1;
    for (u32 left = length_bytes - own; left != 0;) {
        TRY_ASSIGN(mm::Page * page, mm::alloc_page(how()));
        const u32 n = std::min<u32>(left, kPageSize);
        s[packet->segment_count_++] = {static_cast<u8*>(mm::page_address(page)), n, page};
        packet->memory_bytes_ += kPageSize;
        left -= n;
    }
    return packet;
}

Result<Ref<Packet>> Packet::of_pages(std::span<const Segment> pieces) {
    if (pieces.empty() || pieces.size() > kMaxSegments) return Err(Error::inval);
    u32 length = 0;
    for (const Segment& s : pieces) {
        if (s.page == nullptr || s.length_bytes > kPageSize) return Err(Error::inval);
        length += s.length_bytes;
    }
    if (length > kMaxPacketBytes) return Err(Error::msgsize);
    module::GateAttribution attribution(core_gate());
    TRY_ASSIGN(Ref<Packet> packet, allocate(static_cast<u32>(pieces.size()), 0));
    std::ranges::copy(pieces, packet->table());
    packet->segment_count_ = static_cast<u16>(pieces.size());
    packet->length_bytes_ = length;
    packet->memory_bytes_ += static_cast<u32>(pieces.size() * kPageSize);
    return packet;
}

void Packet::on_last_ref() {
    for (const Segment& s : segments()) {
        if (s.page != nullptr) mm::page_unref(s.page);
    }
    discharge();
    this->~Packet();
    mm::kfree(this);
}

void Packet::charge(Ref<SendRoom> room) {
    room->used_.fetch_add(memory_bytes_, std::memory_order_relaxed);
    room_ = std::move(room);
}

void Packet::discharge() {
    if (room_) Ref<SendRoom>(std::move(room_))->give_back(memory_bytes_);
}

u8* Packet::push(u32 bytes) {
    if (bytes > headroom_) return nullptr;
    headroom_ -= bytes;
    length_bytes_ += bytes;
    Segment& first = table()[0];
    first.length_bytes += bytes;
    return first.data -= bytes;
}

bool Packet::pull(u32 bytes) {
    Segment& first = table()[0];
    if (bytes > first.length_bytes) return false;
    headroom_ += bytes;
    length_bytes_ -= bytes;
    first.length_bytes -= bytes;
    first.data += bytes;
    return true;
}

void Packet::trim(u32 length_bytes) {
    if (length_bytes >= length_bytes_) return;
    length_bytes_ = length_bytes;
    u32 left = length_bytes, kept = 0;
    for (u32 i = 0; i < segment_count_; ++i) {
        Segment& s = table()[i];
        s.length_bytes = std::min(s.length_bytes, left);
        left -= s.length_bytes;
        if (i == 0 || s.length_bytes != 0)
            ++kept;
        else
            mm::page_unref(s.page);
    }
    segment_count_ = static_cast<u16>(kept);
}

// Calls visit(data, length) for the pieces of a range, until it says false.
template <typename Visit>
void Packet::each_piece(u32 offset, usize length, Visit&& visit) const {
    for (const Segment& s : segments()) {
        if (length == 0) return;
        if (offset >= s.length_bytes) {
            offset -= s.length_bytes;
            continue;
        }
        const usize n = std::min<usize>(length, s.length_bytes - offset);
        if (!visit(s.data + offset, n)) return;
        length -= n;
        offset = 0;
    }
}

Result<void> Packet::fill(u32 offset, vfs::IoBuffer& from) {
    Result<void> result;
    each_piece(offset, from.remaining(), [&](u8* data, usize n) {
        auto got = from.get(data, n);
        if (!got || *got != n) result = Err(Error::fault);
        return result.has_value();
    });
    return result;
}

void Packet::fill(u32 offset, std::span<const u8> from) {
    each_piece(offset, from.size(), [&](u8* data, usize n) {
        std::memcpy(data, from.data(), n);
        from = from.subspan(n);
        return true;
    });
}

Result<usize> Packet::copy_to(u32 offset, vfs::IoBuffer& to, usize length_bytes) const {
    usize done = 0;
    Result<void> result;
    each_piece(offset, std::min(length_bytes, to.remaining()), [&](const u8* data, usize n) {
        auto moved = to.put(data, n);
        if (!moved || *moved != n) {
            result = Err(Error::fault);
            return false;
        }
        done += n;
        return true;
    });
    if (!result) return Err(result.error());
    return done;
}

usize Packet::copy_to(u32 offset, std::span<u8> to) const {
    usize done = 0;
    each_piece(offset, to.size(), [&](const u8* data, usize n) {
        std::memcpy(to.data() + done, data, n);
        done += n;
        return true;
    });
    return done;
}

}  // namespace tenon::net
