// Settings: what a user asks for, what the driver is told, and what it is told again when it comes
// back.
#include <tenon/trace/log.h>

#include <algorithm>

#include "netdev.h"

namespace tenon::net {

namespace {

constexpr u32 kUserFlags = kNoArp | kMulticast;

void add_up(InterfaceStatistics& sum, const InterfaceStatistics& more) {
    auto* to = reinterpret_cast<u64*>(&sum);
    const auto* from = reinterpret_cast<const u64*>(&more);
    for (usize i = 0; i < sizeof sum / sizeof(u64); ++i) to[i] += from[i];
}

}  // namespace

template <typename R, typename... P, typename... A>
Result<bool> NetDevice::call(R (NetDeviceOps::*method)(P...), A&&... arguments) {
    module::Gated<NetDeviceOps> ops;
    {
        sync::IrqSpinGuard guard(lock_);
        if (!attached_) return false;
        ++calls_;
        ops = ops_.alias();
    }
    Result<bool> answer = true;
    if constexpr (std::is_void_v<R>) {
        ops.call(method, std::forward<A>(arguments)...);
    } else if (auto r = ops.call(method, std::forward<A>(arguments)...); !r) {
        // The gate's word, of an instance on its way out; or the driver's own.
        const module::Gate* gate = ops.gate();
        const bool away = r.error() == Error::nodev && gate != nullptr &&
                          (gate->failed() || gate->successor_expected());
        answer = away ? Result<bool>(false) : Result<bool>(Err(r.error()));
    }
    ops.reset();
    bool last;
    {
        sync::IrqSpinGuard guard(lock_);
        last = --calls_ == 0 && departing_;
    }
    if (last) idle_.wake_all();
    return answer;
}

// Everything as it was, for the driver's next instance: once, by whoever comes first.
void NetDevice::tell_all() {
    const u32 port = port_;
    if (port == 0 || told_port_ == port) return;
    add_up(hardware_before_, hardware_);
    hardware_ = {};
    told_port_ = port;
    if (address_set_) (void)call(&NetDeviceOps::set_address, address());
    (void)call(&NetDeviceOps::set_mtu, mtu());
    tell_receive_mode();
}

// From the worker.
void NetDevice::resume() {
    {
        sync::MutexGuard guard(settings_lock_);
        if (!is_there() || running() || port_ == 0 || resume_locked()) return;
    }
    Handlers::event(InterfaceEvent::down, *this);
}

// False: it was up, and does not come up again.
bool NetDevice::resume_locked() {
    const u32 port = port_;
    tell_all();
    if (!is_up()) return true;
    auto done = call(&NetDeviceOps::open);
    if (!done) {
        log::err("{}: {} does not open it again: it is down", name(), module_name());
        flags_.fetch_and(~u32{kUp}, std::memory_order_acq_rel);
        if (port == port_) reclaim(false);
        drop_backlog();
        return false;
    }
    if (*done) {
        opened_port_ = port;
        start_queues(port);
    }
    return true;
}

Result<void> NetDevice::bring_up() {
    const u32 port = port_;
    tell_all();
    auto opened = call(&NetDeviceOps::open);
    if (!opened) {
        if (port == port_) reclaim(false);  // the buffers that it had by then
        return Err(opened.error());
    }
    flags_.fetch_or(kUp);
    if (!is_there()) {
        // It was killed meanwhile, and nobody takes what would wait in it.
        flags_.fetch_and(~u32{kUp});
        drop_backlog();
        return Err(Error::nodev);
    }
    if (!*opened) return {};
    opened_port_ = port;
    start_queues(port);
    return {};
}

void NetDevice::take_down() {
    flags_.fetch_and(~u32{kUp}, std::memory_order_acq_rel);
    stop_queues();
    const u32 opened = std::exchange(opened_port_, 0);
    if (opened != 0 && opened == port_) {
        (void)call(&NetDeviceOps::stop);
        reclaim(false);
    }
    drop_backlog();
}

Result<void> NetDevice::change_flags(u32 wanted) {
    InterfaceEvent event = InterfaceEvent::changed;
    {
        sync::MutexGuard guard(settings_lock_);
        if (!is_there()) return Err(Error::nodev);
        const u32 before = kept_flags(), told_before = flags();
        flags_.fetch_and(~kUserFlags | (wanted & kUserFlags), std::memory_order_relaxed);
        flags_.fetch_or(wanted & kUserFlags, std::memory_order_relaxed);
        Result<void> result;
        if ((before ^ wanted) & kUp) {
            if (wanted & kUp) {
                result = bring_up();
                event = InterfaceEvent::up;
            } else {
                take_down();
                event = InterfaceEvent::down;
            }
        }
        const auto user_wants = [&](u32 flag, u32& count) {
            if (((user_flags_ ^ wanted) & flag) == 0) return false;
            user_flags_ ^= flag;
            count += wanted & flag ? 1 : u32(-1);
            return true;
        };
        const bool p = user_wants(kPromiscuous, promiscuous_count_);
        const bool m = user_wants(kAllMulticast, all_multicast_count_);
        if (p || m) tell_receive_mode();
        if (!result) return result;
        if (flags() == told_before) return {};
    }
    Handlers::event(event, *this);
    return {};
}

Result<void> NetDevice::change_mtu(u32 mtu) {
    {
        sync::MutexGuard guard(settings_lock_);
        if (!is_there()) return Err(Error::nodev);
        if (mtu == this->mtu()) return {};
        if (mtu > INT32_MAX || mtu < min_mtu_ || (max_mtu_ != 0 && mtu > max_mtu_))
            return Err(Error::inval);
        TRY(call(&NetDeviceOps::set_mtu, mtu));
        mtu_.store(mtu, std::memory_order_relaxed);
    }
    Handlers::event(InterfaceEvent::changed, *this);
    return {};
}

void NetDevice::change_queue_length(u32 packets) {
    if (queue_length_.exchange(packets, std::memory_order_relaxed) != packets)
        Handlers::event(InterfaceEvent::changed, *this);
}

Result<void> NetDevice::change_address(const HardwareAddress& address) {
    {
        sync::MutexGuard guard(settings_lock_);
        if (!is_there()) return Err(Error::nodev);
        if (address.is_zero() || address.is_group()) return Err(Error::addrnotavail);
        TRY(call(&NetDeviceOps::set_address, address));
        address_ = std::bit_cast<u64>(address);
        address_set_ = true;
    }
    Handlers::event(InterfaceEvent::changed, *this);
    return {};
}

// The flags show what is so for anybody.
void NetDevice::tell_receive_mode() {
    HardwareAddress groups[kMaxGroups];
    for (u32 i = 0; i < group_count_; ++i) groups[i] = groups_[i].address;
    const auto show = [&](u32 flag, bool on) {
        if (on)
            flags_.fetch_or(flag, std::memory_order_relaxed);
        else
            flags_.fetch_and(~flag, std::memory_order_relaxed);
    };
    show(kPromiscuous, promiscuous_count_ != 0);
    show(kAllMulticast, all_multicast_count_ != 0);
    (void)call(&NetDeviceOps::set_receive_mode,
               ReceiveMode{.promiscuous = promiscuous_count_ != 0,
                           .all_multicast = all_multicast_count_ != 0,
                           .groups = {groups, group_count_}});
}

void NetDevice::count_promiscuous(i32 delta) {
    sync::MutexGuard guard(settings_lock_);
    promiscuous_count_ += static_cast<u32>(delta);
    tell_receive_mode();
}

void NetDevice::count_all_multicast(i32 delta) {
    sync::MutexGuard guard(settings_lock_);
    all_multicast_count_ += static_cast<u32>(delta);
    tell_receive_mode();
}

Result<void> NetDevice::join(const HardwareAddress& group) {
    sync::MutexGuard guard(settings_lock_);
    Group* const end = groups_.get() + group_count_;
    Group* at = std::find_if(groups_.get(), end, [&](auto& g) { return g.address == group; });
    if (at == end) {
        if (group_count_ == kMaxGroups) return Err(Error::nomem);
        ++group_count_;
        *at = {group, 0};
    }
    if (at->count++ == 0) tell_receive_mode();
    return {};
}

Result<void> NetDevice::leave(const HardwareAddress& group) {
    sync::MutexGuard guard(settings_lock_);
    Group* const end = groups_.get() + group_count_;
    Group* at = std::find_if(groups_.get(), end, [&](auto& g) { return g.address == group; });
    if (at == end) return Err(Error::noent);
    if (--at->count != 0) return {};
    *at = groups_[--group_count_];
    tell_receive_mode();
    return {};
}

// What all instances of the driver counted in hardware.
InterfaceStatistics NetDevice::read_statistics_locked() {
    InterfaceStatistics now{};
    if (told_port_ == port_)
        if (auto there = call(&NetDeviceOps::statistics, now); there && *there) hardware_ = now;
    InterfaceStatistics sum = hardware_before_;
    add_up(sum, hardware_);
    return sum;
}

InterfaceStatistics NetDevice::read_statistics() {
    InterfaceStatistics s{};
    {
        sync::MutexGuard guard(settings_lock_);
        s = read_statistics_locked();
    }
    constexpr auto relaxed = std::memory_order_relaxed;
    for (u32 i = 0; i < queues_count_; ++i) {
        HardwareQueue& q = queues_[i];
        s.receive_packets += q.receive_packets.load(relaxed);
        s.receive_bytes += q.receive_bytes.load(relaxed);
        s.multicast += q.multicast.load(relaxed);
        s.receive_dropped += q.receive_dropped.load(relaxed);
        s.receive_errors += q.receive_length_errors.load(relaxed);
        s.receive_length_errors += q.receive_length_errors.load(relaxed);
        sync::IrqSpinGuard guard(q.lock);
        s.transmit_packets += q.transmit_packets;
        s.transmit_bytes += q.transmit_bytes;
        s.transmit_dropped += q.transmit_dropped;
    }
    return s;
}

HoldStatistics NetDevice::read_hold_statistics() {
    HoldStatistics s;
    {
        sync::IrqSpinGuard guard(lock_);
        s = holds_;
    }
    for (u32 i = 0; i < queues_count_; ++i) {
        sync::IrqSpinGuard guard(queues_[i].lock);
        s.lost += queues_[i].lost;
        s.refused += queues_[i].refused;
    }
    return s;
}

// --- Interface: the face of it.

namespace {

NetDevice& device(Interface& interface) {
    return static_cast<NetDevice&>(interface);
}

}  // namespace

u32 Interface::flags() const {
    u32 flags = (kept_flags() & ~(kPromiscuous | kAllMulticast)) | user_flags_;
    if (!has_carrier()) return flags;
    return flags & kUp ? flags | kRunning | kLowerUp : flags;
}
Result<void> Interface::set_flags(u32 flags) {
    return device(*this).change_flags(flags);
}
Result<void> Interface::set_mtu(u32 mtu) {
    return device(*this).change_mtu(mtu);
}
Result<void> Interface::set_address(const HardwareAddress& address) {
    return device(*this).change_address(address);
}
void Interface::set_transmit_queue_length(u32 packets) {
    device(*this).change_queue_length(packets);
}
void Interface::add_promiscuous(i32 delta) {
    device(*this).count_promiscuous(delta);
}
void Interface::add_all_multicast(i32 delta) {
    device(*this).count_all_multicast(delta);
}
Result<void> Interface::add_group(const HardwareAddress& group) {
    return device(*this).join(group);
}
Result<void> Interface::drop_group(const HardwareAddress& group) {
    return device(*this).leave(group);
}
Result<void> Interface::transmit(PacketRef packet, u32 flow) {
    return device(*this).send(std::move(packet), flow);
}
InterfaceStatistics Interface::statistics() {
    return device(*this).read_statistics();
}
HoldStatistics Interface::hold_statistics() {
    return device(*this).read_hold_statistics();
}

}  // namespace tenon::net
