// An interface with its queues, and the driver that serves it for now.
//
// Theory. A NetDevice is the network layer's, a driver's instance only serves it. It is `attached`
// while an instance does, held while one went and the next is awaited, gone for good when !there_.
// It is `running` while the driver is open: only then are transmit() and poll() called. What a
// driver has in hand, packets and buffers, are slots of a queue, named by number and generation.
//
// Who calls the driver about a queue says so in the queue (`dispatching`, `polling`), under the
// queue's lock and having looked at `running` under it: to stop a device is to clear `running`, and
// to wait for the queues. Calls about settings are made under `settings_lock_` and counted in
// `calls_`; a departure waits for those too, but never for the lock, whose holder may be inside the
// driver that departs.
//
// Locks: settings_lock_ (sleeps) before lock_ and a queue's lock (any context, nothing is taken
// under them, no packet is freed under them).
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/device.h>
#include <tenon/sync/mutex.h>

#include "core.h"

namespace tenon::net {

class NetDevice;
inline constexpr u32 kMaxInterfaces = 64;

// What has numbered places, some of them free.
template <typename T>
struct Ring {
    struct Slot {
        T* what = nullptr;
        u64 generation = 0;
    };
    std::unique_ptr<Slot[]> slots;
    std::unique_ptr<u16[]> free;
    u32 size = 0, free_count = 0;
    bool create(u32 places) {
        size = free_count = places;
        if (places == 0) return true;
        slots.reset(new (std::nothrow) Slot[places]);
        free.reset(new (std::nothrow) u16[places]);
        if (!slots || !free) return false;
        for (u32 i = 0; i < places; ++i) free[i] = static_cast<u16>(places - 1 - i);
        return true;
    }
    u32 put(T* what, u64 generation) {
        const u16 place = free[--free_count];
        slots[place] = {what, generation};
        return place;
    }
    // Null when the place holds nothing of that generation.
    T* look(u32 place, u64 generation) const {
        return place < size && slots[place].generation == generation ? slots[place].what : nullptr;
    }
    T* take(u32 place, u64 generation) {
        T* const what = look(place, generation);
        if (what == nullptr) return nullptr;
        slots[place].what = nullptr;
        free[free_count++] = static_cast<u16>(place);
        return what;
    }
};

struct HardwareQueue {
    NetDevice* device = nullptr;
    u32 index = 0;

    sync::SpinLock lock{sync::LockRank::spin_leaf};
    // --- guarded by lock
    PacketList backlog;
    Ring<Packet> sent;
    Ring<mm::Page> buffers;
    u64 generation = 0;
    bool dispatching = false, polling = false, poll_again = false;
    bool full = false;  // the driver took less than it was given
    u64 transmit_packets = 0, transmit_bytes = 0, transmit_dropped = 0;
    u64 lost = 0, refused = 0;

    // --- the poll's own: written while `polling` by that task alone
    Task* poller = nullptr;
    PacketList received;
    std::atomic<u64> receive_packets{0}, receive_bytes{0}, multicast{0};
    std::atomic<u64> receive_dropped{0}, receive_length_errors{0};

    // --- waiting for a poll thread (receive.cpp)
    std::atomic<bool> scheduled{false}, wants_poll{false};
    HardwareQueue* next = nullptr;
};

// What a handle's number is made of.
struct HandleParts {
    u64 generation;
    u32 queue, place;
    explicit HandleParts(u64 value)
        : generation(value >> 24), queue((value >> 16) & 0xff), place(value & 0xffff) {}
    static u64 value(u64 generation, u32 queue, u32 place) {
        return (generation << 24) | (u64{queue} << 16) | place;
    }
};

class NetDevice final : public Interface {
  public:
    static Result<Ref<NetDevice>> create(const DeviceOptions& options, std::string_view name,
                                         u32 place, u32 index, std::string_view module_name);
    ~NetDevice();

    std::string_view module_name() const { return module_name_; }
    std::string_view wanted_name() const { return wanted_name_; }
    u32 place() const { return place_; }
    // Held, and whose departure is over.
    bool is_held() const { return held_since_ns_.load(std::memory_order_relaxed) != 0; }
    // For a driver's next instance, and it alone: attach() follows, or unclaim().
    bool claim();
    void unclaim();
    void arm(u64 in_ns);  // the worker, in a while
    bool carrier_is_told() const { return carrier_told_.load(std::memory_order_relaxed); }
    bool same_device(const DeviceOptions& options) const;

    // --- The driver's coming and going (netdev.cpp). Thread context.
    void attach(std::unique_ptr<NetDeviceOps> ops, module::Gate& gate, const DeviceOptions& options,
                Port& port);
    void detach();
    bool give_up();  // what is held and not claimed, for good
    void kill();
    void tick();

    // --- Settings (settings.cpp)
    Result<void> change_flags(u32 flags);
    Result<void> change_mtu(u32 mtu);
    Result<void> change_address(const HardwareAddress& address);
    void count_promiscuous(i32 delta);
    void count_all_multicast(i32 delta);
    Result<void> join(const HardwareAddress& group);
    Result<void> leave(const HardwareAddress& group);
    void change_queue_length(u32 packets);
    InterfaceStatistics read_statistics();
    InterfaceStatistics read_statistics_locked();
    HoldStatistics read_hold_statistics();
    void resume();
    bool resume_locked();

    // --- Sending (transmit.cpp)
    Result<void> send(PacketRef packet, u32 flow);
    void dispatch(HardwareQueue& queue);
    bool dispatch_if_waiting(HardwareQueue& queue);
    void show_outgoing(std::span<const Outgoing> batch);
    void take_back(HardwareQueue& queue, std::span<const Outgoing> batch);

    // --- Receiving (receive.cpp): true when there may be more
    bool poll(HardwareQueue& queue);
    void deliver(HardwareQueue& queue);

    HardwareQueue* queue(u32 index) { return index < queues_count_ ? &queues_[index] : nullptr; }
    bool is_port(Port port) const {
        return port_.load(std::memory_order_acquire) == port.value && port.value != 0;
    }
    bool running() const { return running_.load(std::memory_order_acquire); }
    void set_carrier(bool carrier);
    // Of the address: 0 the device itself, 1 made up here, 3 a user.
    u32 address_assigned_by() const { return address_set_ ? 3 : address_made_up_ ? 1 : 0; }
    // After `dispatching` or `polling` was cleared.
    void queue_is_idle() {
        if (!running()) idle_.wake_all();
    }
    module::Gated<NetDeviceOps>& ops() { return ops_; }

    // The folder in sysfs (sysfs.cpp).
    Result<void> publish(device::Device* parent);
    void unpublish() { device_.release(); }

    sync::RcuHead rcu;

  private:
    NetDevice() = default;
    // Calls the driver about a setting. False: it is away, and will be told when it comes.
    template <typename R, typename... P, typename... A>
    Result<bool> call(R (NetDeviceOps::*method)(P...), A&&... arguments);
    Result<void> bring_up();
    void take_down();
    void tell_receive_mode();
    void tell_all();     // to an instance that was told nothing yet
    void stop_queues();  // clears running_, waits for the queues
    // Sets it, if that instance is still there, and looks for what waits.
    void start_queues(u32 port);
    void reclaim(bool lost);  // what the driver had
    void drop_backlog();
    void bury();  // what is not there any more

    char module_name_[56] = {}, wanted_name_[kInterfaceNameBytes] = {};
    u32 place_ = 0, queues_count_ = 0, port_number_ = 0;
    u32 transmit_ring_ = 0, receive_ring_ = 0;
    bool address_made_up_ = false;
    std::unique_ptr<HardwareQueue[]> queues_;
    std::atomic<bool> running_{false}, carrier_told_{false};
    std::atomic<u32> port_{0};  // 0: no driver
    sync::WaitQueue idle_;

    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    // --- guarded by lock_
    module::Gated<NetDeviceOps> ops_;
    Ref<module::Gate> gate_;
    bool attached_ = false, departing_ = false, claimed_ = false;
    u32 calls_ = 0;
    HoldStatistics holds_{};
    std::atomic<u64> held_since_ns_{0};

    // User memory is not touched under it, but drivers allocate.
    sync::Mutex settings_lock_{sync::LockRank::pipe};
    // --- guarded by settings_lock_
    u32 opened_port_ = 0;            // the instance that was opened; 0: none
    std::atomic<u32> told_port_{0};  // the instance that knows the settings
    bool address_set_ = false;
    u32 promiscuous_count_ = 0, all_multicast_count_ = 0;
    static constexpr u32 kMaxGroups = 64;
    struct Group {
        HardwareAddress address;
        u32 count = 0;
    };
    std::unique_ptr<Group[]> groups_;
    u32 group_count_ = 0;
    InterfaceStatistics hardware_{}, hardware_before_{};  // by this instance, by those before

    module::Held device_;
    module::WorkHandle work_;
    module::TimerHandle timer_;  // last: it queues the work
    void on_timer() { (void)work_.queue(); }
};

// table.cpp
void forget_device(NetDevice& device);
void stop_table();
// Whose driver of today the port names, or null; under RCU.
NetDevice* device_of(Port port);

// module.cpp: parameters
u64 hold_limit_ns();
bool unload_is_restart();

// receive.cpp
Result<void> start_poll_threads();  // once; again is harmless
void stop_poll_threads();
void schedule(HardwareQueue& queue);  // any context

// transmit.cpp: packets that will not be sent again cost their senders nothing more, whoever still
// looks at them. Without the queue's lock: senders are woken.
void discharge(PacketList& packets);

u16 ethernet_protocol(std::span<const u8> head);

// handlers.cpp
struct Handlers {
    static void set(HandlerPlace& place, module::Gated<PacketHandler> handler);
    static bool incoming();
    static bool outgoing();
    static void receive(std::span<const Arrival> arrivals, bool outgoing);
    static void event(InterfaceEvent event, Interface& interface);
    static void stop();
};

}  // namespace tenon::net
