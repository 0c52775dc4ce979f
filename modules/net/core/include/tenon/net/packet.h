// Packets: counted buffers of one or more segments.
//
// A packet is made by whoever has bytes to send, or by the network layer from what a device
// received. Once it was given on, it is not changed any more and may be looked at by many at once:
// a device that sends it, sockets that watch, the protocol that it is for. What differs between
// them (direction, protocol, when it came) travels beside it, see interface.h.
//
// The first segment may lie in the packet itself: one allocation then makes it all. Others are
// parts of pages, of which the packet holds a reference. All memory is the network layer's, whoever
// asks: it stays when the module that asked is swept.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/page.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/vfs/io_buffer.h>

#include <span>

namespace tenon::net {

inline constexpr u32 kMaxSegments = 18;  // 64 KiB of pages, and headers
// Of any packet, its headers included.
inline constexpr u32 kMaxPacketBytes = 65536 + 128;

class NetDevice;

// A piece of memory within one page frame, or in the packet itself.
struct Segment {
    // Where it begins, and how long it is.
    u8* data = nullptr;
    u32 length_bytes = 0;
    mm::Page* page = nullptr;  // a reference that the packet holds; null: in the packet
};

// How much of what a sender made is still under way: the room that is left for it. Counted by the
// packets too, so that it outlives the sender's socket.
class SendRoom : public RefCounted<SendRoom> {
  public:
    // Error::nomem.
    static Result<Ref<SendRoom>> create(u32 limit_bytes) { return make(limit_bytes); }
    // Whether a sender may make one more packet, of whatever size; and whether half is free, which
    // is when poll says so.
    bool has_room() const {
        return used_.load(std::memory_order_relaxed) < limit_.load(std::memory_order_relaxed);
    }
    bool has_half() const {
        return used_.load(std::memory_order_relaxed) < limit_.load(std::memory_order_relaxed) / 2;
    }
    // A larger one wakes who waits for room.
    void set_limit(u32 bytes) {
        if (bytes != limit_.load(std::memory_order_relaxed)) change_limit(bytes);
    }
    u32 used_bytes() const { return used_.load(std::memory_order_relaxed); }
    sync::WaitQueue room;  // woken when there is room again, and when half is free

  private:
    friend class Packet;
    TENON_API static Result<Ref<SendRoom>> make(u32 limit_bytes);
    TENON_API void change_limit(u32 bytes);
    void give_back(u32 bytes);
    std::atomic<u32> used_{0}, limit_{0};
};

// The bytes of one frame, and what they cost. How they may be used: at the top of this file.
class Packet final : public RefCounted<Packet> {
  public:
    // `length_bytes` of memory to be written, after `headroom_bytes` for headers. Up to a page in
    // the packet itself, the rest in pages. Errors: nomem, msgsize. Any context.
    TENON_API static Result<Ref<Packet>> create(u32 length_bytes, u32 headroom_bytes = 0);
    // A packet of pieces of pages; their references become the packet's, when it is made.
    TENON_API static Result<Ref<Packet>> of_pages(std::span<const Segment> pieces);

    // All segments together, and each.
    u32 length_bytes() const { return length_bytes_; }
    std::span<const Segment> segments() const { return {table(), segment_count_}; }
    // The bytes that lie together at the start: at least min(length, 128) of what create() made
    // and of what a device received.
    std::span<const u8> head() const { return {table()->data, table()->length_bytes}; }
    // Whether others look at it: then it is not to be written.
    bool is_shared() const { return ref_count() != 1; }

    // --- While it is not shared.
    std::span<u8> writable_head() { return {table()->data, table()->length_bytes}; }
    // Room for a header before the first byte; null when there is none.
    TENON_API u8* push(u32 bytes);
    // Cuts bytes off the start (of the head alone: false) or the end.
    TENON_API bool pull(u32 bytes);
    TENON_API void trim(u32 length_bytes);
    // Fills the packet from `offset` on with what `from` has. Error::fault. May sleep.
    TENON_API Result<void> fill(u32 offset, vfs::IoBuffer& from);
    TENON_API void fill(u32 offset, std::span<const u8> from);
    // Counts it against a sender, until it is freed, or received by this machine. Once.
    TENON_API void charge(Ref<SendRoom> room);
    TENON_API void discharge();
    bool is_charged_to(const SendRoom& room) const { return room_.get() == &room; }

    // Bytes from `offset` on, as many as there are and `to` takes. May sleep; Error::fault.
    TENON_API Result<usize> copy_to(u32 offset, vfs::IoBuffer& to, usize length_bytes) const;
    TENON_API usize copy_to(u32 offset, std::span<u8> to) const;

    // What it costs in memory: what a queue that is limited by bytes counts.
    u32 memory_bytes() const { return memory_bytes_; }

    // For RefCounted: gives the memory back, and the room to whom it is charged.
    TENON_API void on_last_ref();

  private:
    friend class PacketList;
    friend class NetDevice;
    Packet() = default;
    static Result<Ref<Packet>> allocate(u32 segments, u32 own_bytes);
    Segment* table() { return reinterpret_cast<Segment*>(this + 1); }
    const Segment* table() const { return reinterpret_cast<const Segment*>(this + 1); }
    template <typename Visit>
    void each_piece(u32 offset, usize length, Visit&& visit) const;

    Packet* next_ = nullptr;
    u32 length_bytes_ = 0, memory_bytes_ = 0, headroom_ = 0;
    u16 segment_count_ = 0;
    u8 segment_room_ = 0;
    bool shown_ = false;  // to who watches what goes out, though the driver did not take it
    Ref<SendRoom> room_;
    // The segments follow, then the packet's own bytes.
};
// A counted reference of one.
using PacketRef = Ref<Packet>;

// A queue of packets, linked through themselves: a packet is in one at most. No lock of its own.
class PacketList {
  public:
    PacketList() = default;
    PacketList(PacketList&& o) noexcept
        : first_(std::exchange(o.first_, nullptr)),
          last_(std::exchange(o.last_, nullptr)),
          count_(std::exchange(o.count_, 0)) {}
    ~PacketList() { clear(); }
    TENON_NONCOPYABLE(PacketList);
    // How many there are.
    bool empty() const { return first_ == nullptr; }
    u32 count() const { return count_; }
    // Takes over a reference. The packet is in no other list.
    void push_back(PacketRef packet) {
        Packet* p = packet.release();
        p->next_ = nullptr;
        (last_ != nullptr ? last_->next_ : first_) = p;
        last_ = p;
        ++count_;
    }
    void push_front(PacketRef packet) {
        Packet* p = packet.release();
        p->next_ = first_;
        if (first_ == nullptr) last_ = p;
        first_ = p;
        ++count_;
    }
    // The first, or null.
    PacketRef pop_front() {
        Packet* p = first_;
        if (p == nullptr) return {};
        first_ = std::exchange(p->next_, nullptr);
        if (first_ == nullptr) last_ = nullptr;
        --count_;
        return PacketRef(p, kAdoptRef);
    }
    // All of the other, which is empty then.
    void take(PacketList& o) {
        if (o.first_ == nullptr) return;
        (last_ != nullptr ? last_->next_ : first_) = o.first_;
        last_ = o.last_;
        count_ += o.count_;
        o.first_ = o.last_ = nullptr;
        o.count_ = 0;
    }
    // Drops all of them.
    void clear() {
        while (pop_front()) {
        }
    }

  private:
    Packet* first_ = nullptr;
    Packet* last_ = nullptr;
    u32 count_ = 0;
};

}  // namespace tenon::net
