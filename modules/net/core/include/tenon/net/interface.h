// Interfaces, as protocols and personalities use them. Drivers: device.h.
//
// An Interface belongs to the network layer. Its driver may go and come again (a restart, a hot
// update): index, name, address, flags and whoever refers to it stay, and packets wait or are
// dropped meanwhile.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/module/service.h>
#include <tenon/net/packet.h>
#include <tenon/sync/rcu.h>

#include <bit>

namespace tenon::net {

// The numbers are everybody's. Of these a user sets up, no_arp, promiscuous, all_multicast and
// multicast.
enum InterfaceFlag : u32 {
    kUp = 0x1,
    kBroadcast = 0x2,
    kLoopback = 0x8,
    kPointToPoint = 0x10,
    kRunning = 0x40,  // told, not kept: up and with a carrier
    kNoArp = 0x80,
    kPromiscuous = 0x100,
    kAllMulticast = 0x200,
    kMulticast = 0x1000,
    kLowerUp = 0x10000,  // told: has a carrier
};

// What kind of link it is, by the numbers of the ARP registry, and how its frames begin.
enum class LinkType : u16 { ethernet = 1, loopback = 772 };
// Both kinds have these.
inline constexpr u32 kEthernetHeaderBytes = 14;
inline constexpr u32 kEthernetAddressBytes = 6;
inline constexpr u32 kInterfaceNameBytes = 16;  // the NUL included

// A link-layer address: six bytes, in one word so that it is read at once.
struct HardwareAddress {
    // In the order of transmission.
    u8 bytes[kEthernetAddressBytes] = {};
    u8 unused[2] = {};  // of one word, to be read at once
    // Whether it is no address, and whether it is one of a group (or of all).
    bool is_zero() const { return *this == HardwareAddress{}; }
    bool is_group() const { return (bytes[0] & 1) != 0; }
    bool operator==(const HardwareAddress&) const = default;
};

// Since the interface came. Drivers add what only the hardware knows.
struct InterfaceStatistics {
    // Whole frames that were carried, and what was lost of them, by whose fault.
    u64 receive_packets;
    u64 transmit_packets;
    u64 receive_bytes;
    u64 transmit_bytes;
    u64 receive_errors;
    u64 transmit_errors;
    u64 receive_dropped;
    u64 transmit_dropped;
    u64 multicast;
    u64 collisions;
    // Receive errors by kind.
    u64 receive_length_errors;
    u64 receive_over_errors;
    u64 receive_crc_errors;
    u64 receive_frame_errors;
    u64 receive_fifo_errors;
    u64 receive_missed_errors;
    // Transmit errors by kind.
    u64 transmit_aborted_errors;
    u64 transmit_carrier_errors;
    u64 transmit_fifo_errors;
    u64 transmit_heartbeat_errors;
    u64 transmit_window_errors;
    u64 receive_compressed;
    u64 transmit_compressed;
    u64 receive_nohandler;
};

// The driver's coming and going, for tests and people: /sys/class/net/NAME/hold.
struct HoldStatistics {
    // How often it went, and how long the longest absence was.
    u64 holds;
    u64 longest_ns;
    u64 lost;     // sent packets that the driver had when it went
    u64 refused;  // answers of a driver that is no more, or given twice
};

// One interface, as everybody but its driver sees it.
class Interface : public RefCounted<Interface> {
  public:
    // What does not change while it is there: its number, which no other gets after it, its name,
    // its kind and the length of its frames' header.
    u32 index() const { return index_; }
    std::string_view name() const { return name_; }
    LinkType type() const { return type_; }
    u32 header_bytes() const { return kEthernetHeaderBytes; }
    // The largest frame's bytes, without the header.
    u32 mtu() const { return mtu_.load(std::memory_order_relaxed); }
    // What set_mtu() takes; a maximum of 0: no limit.
    u32 min_mtu() const { return min_mtu_; }
    u32 max_mtu() const { return max_mtu_; }
    // As a user is told them: with kRunning and kLowerUp as they are now; kPromiscuous and
    // kAllMulticast when he asked for them.
    TENON_API u32 flags() const;
    // As they are: kPromiscuous when anybody asked.
    u32 kept_flags() const { return flags_.load(std::memory_order_relaxed); }
    bool is_up() const { return (flags_.load(std::memory_order_acquire) & kUp) != 0; }
    bool has_carrier() const { return carrier_.load(std::memory_order_relaxed); }
    // False once it is gone for good.
    bool is_there() const { return there_.load(std::memory_order_acquire); }
    // Its own address.
    HardwareAddress address() const {
        return std::bit_cast<HardwareAddress>(address_.load(std::memory_order_relaxed));
    }
    // How many packets wait in a queue at most.
    u32 transmit_queue_length() const { return queue_length_.load(std::memory_order_relaxed); }

    // --- Settings. Thread context, may sleep; no permission is asked for. While the driver is away
    // they are kept for the next.
    // Takes over kUp, kNoArp, kMulticast, kPromiscuous and kAllMulticast; others are left alone.
    TENON_API Result<void> set_flags(u32 flags);
    TENON_API Result<void> set_mtu(u32 mtu);  // inval
    // Errors: addrnotavail, opnotsupp, busy.
    TENON_API Result<void> set_address(const HardwareAddress& address);
    TENON_API void set_transmit_queue_length(u32 packets);
    // Counted: as often on as off. `delta` is 1 or -1.
    TENON_API void add_promiscuous(i32 delta);
    TENON_API void add_all_multicast(i32 delta);
    TENON_API Result<void> add_group(const HardwareAddress& group);   // nomem
    TENON_API Result<void> drop_group(const HardwareAddress& group);  // noent

    // Sends a frame that begins with its link header. Thread context; may sleep. Frames of one
    // `flow`, whatever number that is, are sent in the order of the calls. Errors: netdown,
    // msgsize; nobufs when the queue is full and the packet was dropped.
    TENON_API Result<void> transmit(PacketRef packet, u32 flow);

    // Since it came. Asks the driver; may sleep.
    TENON_API InterfaceStatistics statistics();
    TENON_API HoldStatistics hold_statistics();

    // For RefCounted: the memory goes after a grace period.
    TENON_API void on_last_ref();

  private:
    friend class NetDevice;
    Interface() = default;
    ~Interface() = default;
    // What the accessors read; the network layer writes it.
    u32 index_ = 0;
    char name_[kInterfaceNameBytes] = {};
    LinkType type_ = LinkType::ethernet;
    u32 min_mtu_ = 0, max_mtu_ = 0;
    std::atomic<u32> flags_{0}, mtu_{1500}, queue_length_{1000};
    std::atomic<bool> carrier_{true}, there_{true};
    std::atomic<u64> address_{0};
    std::atomic<u32> user_flags_{0};  // of kPromiscuous and kAllMulticast
};

// Null when there is none. Thread context.
TENON_API Ref<Interface> find_interface(u32 index);
TENON_API Ref<Interface> find_interface(std::string_view name);
// In the order of their indices; visit() may sleep.
TENON_API void for_each_interface(void (*visit)(Interface&, void*), void* context);

// An interface as of one moment.
struct InterfaceInfo {
    // As Interface's accessors of these names answer.
    u32 index = 0;
    char name[kInterfaceNameBytes] = {};  // with its NUL
    LinkType type = LinkType::ethernet;   // how its frames begin
    u32 flags = 0;                        // as a user is told them
    u32 mtu = 0;                          // bytes, without the header
    u32 transmit_queue_length = 0;        // packets
    HardwareAddress address;              // its own
};

// The same for who must not stand on the network layer, personalities: the service
// "net-interfaces". Error::nodev when there is no such interface (any more), others as above.
class Interfaces : public module::Service {
  public:
    // Of this class and InterfaceInfo.
    static constexpr u32 kInterfaceVersion = 1;
    // What there is, as of now.
    virtual Result<InterfaceInfo> by_name(std::string_view name) = 0;
    virtual Result<InterfaceInfo> by_index(u32 index) = 0;
    // As the functions of Interface of these names.
    virtual Result<void> set_flags(u32 index, u32 flags) = 0;
    virtual Result<void> set_mtu(u32 index, u32 mtu) = 0;
    virtual Result<void> set_address(u32 index, const HardwareAddress& address) = 0;
    virtual Result<void> set_transmit_queue_length(u32 index, u32 packets) = 0;
    virtual Result<void> add_group(u32 index, const HardwareAddress& group) = 0;
    virtual Result<void> drop_group(u32 index, const HardwareAddress& group) = 0;
};

// The three parts of an Ethernet header. `at` has room for kEthernetHeaderBytes.
TENON_API void write_ethernet_header(u8* at, const HardwareAddress& to, const HardwareAddress& from,
                                     u16 protocol);

// --- Whoever wants packets: a protocol, a socket family.

// What frames are given as that have a length in the place of a type.
inline constexpr u16 kProtocol8023 = 1;
inline constexpr u16 kProtocol8022 = 4;

// For whom a frame is, by its link address; or that it leaves this machine.
enum class Delivery : u8 { host = 0, broadcast = 1, multicast = 2, other_host = 3, outgoing = 4 };

// A packet as a handler sees it. The handler may keep a reference of the packet.
struct Arrival {
    // The frame from its link header on, where it came or goes, and to whom.
    Packet* packet = nullptr;
    Interface* interface = nullptr;
    u16 protocol = 0;                    // the frame's type, in the machine's byte order
    Delivery delivery = Delivery::host;  // to whom
};

// What became of an interface.
enum class InterfaceEvent : u8 { added, up, down, removed, changed };

// A protocol, or a socket family, as the network layer sees it.
class PacketHandler {
  public:
    virtual ~PacketHandler() = default;
    // Packets that came in, or that go out, in order: from one queue of one interface at a time.
    // Thread context, may sleep, but not for long.
    virtual void receive(std::span<const Arrival> arrivals) = 0;
    // Of any interface. Thread context.
    virtual void event(InterfaceEvent event, Interface& interface) {}
};

// A handler's place in the network layer. It asks for nothing at first.
class HandlerPlace : public RefCounted<HandlerPlace> {
  public:
    // Whether it wants what comes in, and what goes out. From now on.
    TENON_API void want(bool incoming, bool outgoing);

  private:
    friend struct Handlers;
    module::Gated<PacketHandler> handler_;
    std::atomic<bool> incoming_{false}, outgoing_{false};
    sync::RcuHead rcu_;

  public:
    // For RefCounted: the memory goes after a grace period.
    TENON_API void on_last_ref();
};
// Errors: nospc, nomem. `handler` must outlive its place: borrowed, behind its module's gate.
TENON_API Result<Ref<HandlerPlace>> add_handler(module::Gated<PacketHandler> handler);
// Nothing is given to it any more; calls that are under way end by themselves.
TENON_API void remove_handler(HandlerPlace& place);

}  // namespace tenon::net
