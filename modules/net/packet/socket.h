// A packet socket.
//
// Locks: the registry's (sleeps) guards what a socket is bound to and whether it is `hooked`, that
// is: whether packets are given to it. Whoever delivers holds it for reading. The socket's own
// (spin) guards its queue. No packet is sent under either.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/interface.h>
#include <tenon/net/socket.h>
#include <tenon/sync/mutex.h>

#include <cstring>

namespace tenon::net::packet {

inline constexpr u16 kFamilyPacket = 17;
inline constexpr u16 kAllProtocols = 3;
inline constexpr i32 kLevel = 263;  // of its socket options

// A link-layer address as it travels. Spec: man 7 packet.
struct LinkAddress {
    u16 family = kFamilyPacket;
    u16 protocol = 0;  // network byte order
    i32 interface = 0;
    u16 type = 0;
    u8 delivery = 0;
    u8 length = 0;
    u8 bytes[8] = {};
};
static_assert(sizeof(LinkAddress) == 20);

constexpr u16 swapped(u16 v) {
    return static_cast<u16>((v << 8) | (v >> 8));
}

// What a socket asked of an interface; undone when it goes.
struct Membership {
    ListHook hook;
    Ref<Interface> interface;
    u16 type = 0, length = 0;
    u8 bytes[8] = {};
    u32 count = 1;
};

class PacketSocket final : public Socket {
  public:
    static Result<std::unique_ptr<Socket>> create(Kind kind, u16 protocol);
    ~PacketSocket() override;

    Error take_error() override;
    Result<void> bind(const Address& address) override;
    Result<Address> name(bool peer) override;
    Result<usize> send(Message& message, bool nonblocking) override;
    Result<usize> receive(Message& message, bool nonblocking) override;
    Result<void> shutdown(Shut) override { return Err(Error::opnotsupp); }
    usize readable_bytes() override;
    usize unsent_bytes() override { return room_->used_bytes(); }
    Result<void> set_option(i32 level, i32 name, std::span<const u8> value) override;
    Result<usize> get_option(i32 level, i32 name, std::span<u8> value) override;
    u32 poll(vfs::File& file, vfs::PollTable* table) override;

    // --- With the registry held.
    ListHook hook;
    bool wants(const Arrival& arrival, const Interface& interface) const;
    bool wants_outgoing() const {
        return hooked_ && protocol_ == kAllProtocols && !ignore_outgoing_;
    }
    bool hooked() const { return hooked_; }
    void deliver(const Arrival& arrival);
    void interface_event(InterfaceEvent event, Interface& interface);

  private:
    struct Entry {
        ListHook hook;
        PacketRef packet;
        u32 skip = 0;  // bytes of the header that this socket does not see
        LinkAddress from;
    };
    PacketSocket(Kind kind, u16 protocol) : Socket(kFamilyPacket, kind, 0), protocol_(protocol) {}
    bool has_entry();
    bool has_header() const { return kind() == Kind::raw; }
    void report(Error error);
    Result<PacketRef> take_in(Message& message, Interface& interface, u16 protocol,
                              const LinkAddress* to, bool nonblocking);
    Result<void> join(const Membership& wanted);
    void leave(const Membership& wanted);

    // --- guarded by the registry
    u16 protocol_;  // that it is bound to, in the machine's byte order; 0: it gets nothing
    Ref<Interface> interface_;  // that it is bound to
    i32 interface_index_ = 0;   // 0: any; -1: the one that it was bound to is gone
    bool hooked_ = false;
    bool ignore_outgoing_ = false, original_device_ = false;
    List<Membership, &Membership::hook> memberships_;

    Ref<SendRoom> room_;
    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    // --- guarded by lock_
    List<Entry, &Entry::hook> queue_;
    u32 queued_bytes_ = 0;
    u32 taken_ = 0, dropped_ = 0;  // since the statistics were read
    std::atomic<Error> error_{Error::none};
    sync::WaitQueue wait_;
};

// registry.cpp: all sockets, behind the lock; these two take it alone.
void add(PacketSocket& socket);
void remove(PacketSocket& socket);
extern constinit sync::RwMutex g_registry;
// After a socket's binding changed; the registry held alone.
void interest_changed();

}  // namespace tenon::net::packet
