// Network devices: what a driver implements, and what it calls.
//
//     class Nic final : public net::NetDeviceOps {
//         Result<void> open() override { ... fill the ring from net::get_buffer(port_, ...) ... }
//         u32 transmit(u32 queue, std::span<const net::Outgoing> packets) override {
//             ... descriptors of packet.segments(); remember packet.handle ...
//         }
//         irq::Handled on_interrupt() { mask(); net::schedule_poll(port_, 0); ... }
//         u32 poll(u32 queue, u32 budget) override {
//             ... net::transmitted(port_, handles); net::receive(port_, ...); unmask when < budget
//         }
//     };
//     TRY_ASSIGN(device_, net::register_device(context, {.name = "eth%d"}, ops, port_));
//
// Packets belong to the network layer. A driver knows them by handles, numbers: one that was
// answered before, or that an earlier instance of the driver was given, is refused. When the driver
// goes, the layer has all of them back; a driver that faults leaks none.
//
// Why in batches: one crossing of the gate, and one taking of the queue's lock, serve up to
// kBatch packets each way. Why polling: an interrupt only says that there is work; a thread of the
// network layer (one a CPU, scheduled like any other) asks for it, a budget at a time, so that a
// flood delays neither programs nor other devices, and a driver's fault ends a call in a thread.
#pragma once

#include <tenon/device/device.h>
#include <tenon/module/context.h>
#include <tenon/net/interface.h>

namespace tenon::net {

// Limits of a device.
inline constexpr u32 kMaxDeviceQueues = 16;
inline constexpr u32 kMaxRing = 4096;  // packets in flight in a queue, each way
inline constexpr u32 kBatch = 32;      // given to transmit() at once
inline constexpr u32 kBudget = 64;     // given to poll()

// Names one registration of a driver; a copy that outlives it does no harm.
struct Port {
    // 0: none.
    u32 value = 0;
};
// Names a packet while the driver has it, or a buffer.
struct TransmitHandle {
    // No meaning of its own.
    u64 value = 0;
};
struct BufferHandle {
    // No meaning of its own.
    u64 value = 0;
};

// A packet to send. `packet` is valid until transmit() returns; its segments' memory until the
// handle was answered.
struct Outgoing {
    // What to send, and how to call it later.
    const Packet* packet = nullptr;
    TransmitHandle handle;
    // The packet's, for short.
    std::span<const Segment> segments() const { return packet->segments(); }
    u32 length_bytes() const { return packet->length_bytes(); }
};

// Memory for what a device receives: within one page.
struct Buffer {
    // How to call it later, where it is and how long.
    BufferHandle handle;
    u8* data = nullptr;
    u32 length_bytes = 0;
};
// What a device wrote of one: `length_bytes` from `offset` on.
struct Received {
    // The buffer, and where in it.
    BufferHandle handle;
    u32 offset = 0;
    u32 length_bytes = 0;
};

// What a device should let in beside broadcasts and its own address.
struct ReceiveMode {
    // Everything, or everything for a group.
    bool promiscuous = false;
    bool all_multicast = false;
    std::span<const HardwareAddress> groups;  // valid during the call
};

// All calls in thread context, through the gate. open, stop, set_* and statistics come one at a
// time; transmit and poll one at a time for each queue, and only between open and stop.
class NetDeviceOps {
  public:
    virtual ~NetDeviceOps() = default;
    // Makes the device ready to send and to receive.
    virtual Result<void> open() = 0;
    // From its return on the device touches no packet: those that it had are dropped.
    virtual void stop() = 0;
    // Starts to send packets, the first `n` of them, and returns n: fewer when there is no room;
    // the rest comes again when some were answered. transmitted() tells that one was sent (or given
    // up), in any context, also before this returns.
    virtual u32 transmit(u32 queue, std::span<const Outgoing> packets) = 0;
    // Answers what was sent and gives on what came, at most `budget` packets of that; returns how
    // many. Less than the budget: nothing is left, and the next interrupt asks for a poll again.
    virtual u32 poll(u32 queue, u32 budget) { return 0; }
    virtual Result<void> set_mtu(u32 mtu) { return {}; }
    virtual Result<void> set_address(const HardwareAddress& address) {
        return Err(Error::opnotsupp);
    }
    virtual void set_receive_mode(const ReceiveMode& mode) {}
    // Adds what only the hardware counts: errors, collisions, what it missed.
    virtual void statistics(InterfaceStatistics& out) {}
};

// What a device is, and what it can do.
struct DeviceOptions {
    std::string_view name;               // "eth%d": the first free number
    LinkType type = LinkType::ethernet;  // how its frames begin
    // What it has by itself; a zero one: the layer makes one up, and keeps it.
    HardwareAddress address;
    // At first, and what a user may set.
    u32 mtu = 1500;
    u32 min_mtu = 68;
    u32 max_mtu = 1500;
    u32 flags = kBroadcast | kMulticast;  // of kBroadcast, kMulticast, kNoArp, kLoopback
    u32 queues = 1;                       // 1..kMaxDeviceQueues, each with a side for each way
    u32 transmit_ring = 256;              // packets in flight in a queue, 1..kMaxRing
    u32 receive_ring = 0;                 // buffers in a queue, 0..kMaxRing
    u32 backlog = 1000;                   // packets that wait for room in a queue
    bool has_carrier = true;
    // The device itself, for /sys; null: a virtual one.
    device::Device* parent = nullptr;
};

// Publishes a device, not up: /sys/class/net/NAME, /proc/net/dev. `port` is what the driver calls
// the functions below with: it is set before anybody can call the driver.
//
// Dropping the handle takes it away. When the driver's module goes in order to come again (a
// restart after a fault, an update), the interface stays, and the next device that the module
// registers with the same options.name and queues serves it: its address, MTU, receive mode and
// being open are set up anew, from a worker. What the driver had is dropped and counted, what waits
// goes out, in order. Errors: exist, inval, nomem, nospc.
TENON_API Result<module::Held> register_device(module::Context& context,
                                               const DeviceOptions& options,
                                               std::unique_ptr<NetDeviceOps> ops, Port& port);

// --- Calls of the driver. Any context, unless it says otherwise.

// The packets are sent, or given up. How many handles were refused.
TENON_API u32 transmitted(Port port, std::span<const TransmitHandle> handles);
// A buffer to receive into. Errors: nobufs (all are out), nomem, inval (more than a page), nodev.
TENON_API Result<Buffer> get_buffer(Port port, u32 queue, u32 length_bytes = 2048);
TENON_API void put_buffer(Port port, BufferHandle handle);
// Asks for poll(queue). Once, however often it is called before.
TENON_API void schedule_poll(Port port, u32 queue);
TENON_API void set_carrier(Port port, bool carrier);

// Within poll() only, for its queue. They are given on in the order of the calls when poll()
// returns.
// A frame in one buffer, or in several.
TENON_API bool receive(Port port, u32 queue, std::span<const Received> pieces);
// A frame that lies elsewhere: it is copied.
TENON_API bool receive_copy(Port port, u32 queue, std::span<const u8> frame);
// A packet to send is what is received: nothing is copied. Answers the handle.
TENON_API bool turn_around(Port port, u32 queue, TransmitHandle handle);

}  // namespace tenon::net
