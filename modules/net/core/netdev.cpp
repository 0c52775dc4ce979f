// An interface's life: drivers that come, go and come again.
#include "netdev.h"

#include <tenon/lib/random.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

namespace tenon::net {

namespace {

constexpr u64 kMs = 1'000'000;

bool comes_again(const module::Gate& gate) {
    return gate.successor_expected() || unload_is_restart();
}

template <usize N>
void copy_name(char (&to)[N], std::string_view from) {
    std::memcpy(to, from.data(), std::min(from.size(), N - 1));
}

// One that nobody else has: of those that are given out locally.
HardwareAddress made_up_address() {
    HardwareAddress a;
    random::fill(a.bytes);
    a.bytes[0] = static_cast<u8>((a.bytes[0] & 0xfe) | 2);
    return a;
}

}  // namespace

Result<Ref<NetDevice>> NetDevice::create(const DeviceOptions& o, std::string_view name, u32 place,
                                         u32 index, std::string_view module_name) {
    Ref<NetDevice> self = adopt_ref(new (std::nothrow) NetDevice);
    if (!self) return Err(Error::nomem);
    copy_name(self->name_, name);
    copy_name(self->wanted_name_, o.name);
    copy_name(self->module_name_, module_name);
    self->place_ = place;
    self->index_ = index;
    self->type_ = o.type;
    self->flags_ = o.flags & (kBroadcast | kMulticast | kNoArp | kLoopback);
    self->mtu_ = o.mtu;
    self->min_mtu_ = o.min_mtu;
    self->max_mtu_ = o.max_mtu;
    self->queue_length_ = o.backlog;
    self->carrier_ = o.has_carrier;
    const bool has_address = !o.address.is_zero() || o.type == LinkType::loopback;
    self->address_ = std::bit_cast<u64>(has_address ? o.address : made_up_address());
    self->address_made_up_ = !has_address;
    self->transmit_ring_ = o.transmit_ring;
    self->receive_ring_ = o.receive_ring;
    self->queues_count_ = o.queues;
    self->queues_.reset(new (std::nothrow) HardwareQueue[o.queues]);
    self->groups_.reset(new (std::nothrow) Group[kMaxGroups]);
    if (!self->queues_ || !self->groups_) return Err(Error::nomem);
    for (u32 i = 0; i < o.queues; ++i) {
        HardwareQueue& q = self->queues_[i];
        q.device = self.get();
        q.index = i;
        if (!q.sent.create(o.transmit_ring) || !q.buffers.create(o.receive_ring))
            return Err(Error::nomem);
    }
    TRY_ASSIGN(self->work_, core_context().make_work<&NetDevice::tick>(self.get()));
    TRY_ASSIGN(self->timer_, core_context().make_timer<&NetDevice::on_timer>(self.get()));
    return self;
}

NetDevice::~NetDevice() = default;

// A driver's call in an interrupt may still look at it.
void Interface::on_last_ref() {
    sync::rcu_delete<offsetof(NetDevice, rcu)>(static_cast<NetDevice*>(this));
}

bool NetDevice::same_device(const DeviceOptions& o) const {
    return o.type == type_ && o.queues == queues_count_ && o.transmit_ring == transmit_ring_ &&
           o.receive_ring == receive_ring_ &&
           (address_set_ || o.type == LinkType::loopback ||
            (o.address.is_zero() ? address_made_up_ : o.address == address()));
}

bool NetDevice::claim() {
    sync::IrqSpinGuard guard(lock_);
    if (!is_there() || !is_held() || claimed_) return false;
    return claimed_ = true;
}

void NetDevice::unclaim() {
    sync::IrqSpinGuard guard(lock_);
    claimed_ = false;
}

bool NetDevice::give_up() {
    {
        sync::IrqSpinGuard guard(lock_);
        if (!is_there() || !is_held() || claimed_) return false;
        there_ = false;
    }
    bury();
    return true;
}

void NetDevice::attach(std::unique_ptr<NetDeviceOps> ops, module::Gate& gate,
                       const DeviceOptions& o, Port& out) {
    u64 held_ns = 0;
    const Port port{((++port_number_ & 0xffffff) << 8) | place_};
    // Before anybody can call the driver: that may be at once.
    out = port;
    if (!carrier_is_told()) carrier_ = o.has_carrier;
    // Of the instance before; its last reference may be dropped, so not under the lock.
    Ref<module::Gate> other(&gate);
    {
        sync::IrqSpinGuard guard(lock_);
        ops_ = module::Gated<NetDeviceOps>::own(std::move(ops), &gate);
        gate_.swap(other);
        attached_ = true;
        claimed_ = false;
        if (const u64 since = held_since_ns_.exchange(0); since != 0) {
            held_ns = time::monotonic_ns() - since;
            holds_.longest_ns = std::max(holds_.longest_ns, held_ns);
        } else {
            told_port_ = port.value;  // a fresh one has no settings yet
        }
    }
    port_.store(port.value, std::memory_order_release);
    if (held_ns != 0) {
        log::notice("{}: {} serves it again, {} us held", name(), module_name(), held_ns / 1000);
        // Not from here: the driver's instance is still being made.
        (void)work_.queue();
    }
}

// The driver's handle went. Nothing of it is called any more when this returns.
void NetDevice::detach() {
    module::Gated<NetDeviceOps> ops;
    Ref<module::Gate> gate;
    const u64 now_ns = time::monotonic_ns();
    // What it says from now on is not heard.
    port_.store(0, std::memory_order_release);
    {
        sync::IrqSpinGuard guard(lock_);
        if (!attached_) return;
        attached_ = false;
        departing_ = true;
        gate = std::move(gate_);
    }
    stop_queues();
    (void)idle_.wait(
        [&] {
            sync::IrqSpinGuard guard(lock_);
            return calls_ == 0;
        },
        sync::WaitMode::uninterruptible);
    reclaim(true);
    const bool wait = comes_again(*gate);
    {
        sync::IrqSpinGuard guard(lock_);
        ops = std::move(ops_);
        departing_ = false;
        // From here on the next instance may take it.
        if (wait) {
            gate_ = std::move(gate);
            held_since_ns_ = now_ns;
            ++holds_.holds;
        }
    }
    // Of the driver's object, in its module: as it is destroyed it may still call, in vain.
    ops.reset();
    if (wait)
        arm(100 * kMs);
    else
        kill();
}

// For good: what waits is dropped, whoever refers to it finds it down.
void NetDevice::kill() {
    {
        sync::IrqSpinGuard guard(lock_);
        if (!there_.exchange(false)) return;
    }
    bury();
}

void NetDevice::bury() {
    stop_queues();
    // bring_up() looks at there_ after it set the flag: one of the two takes it back.
    if (flags_.fetch_and(~u32{kUp}) & kUp) Handlers::event(InterfaceEvent::down, *this);
    drop_backlog();
    Handlers::event(InterfaceEvent::removed, *this);
    unpublish();
    forget_device(*this);
}

void NetDevice::tick() {
    bool gave_up = false, away = false, wanted = false;
    {
        sync::IrqSpinGuard guard(lock_);
        away = !attached_;
        wanted = attached_ && !running_;
        gave_up =
            away && is_there() && is_held() && !claimed_ &&
            (time::monotonic_ns() - held_since_ns_ >= hold_limit_ns() || !comes_again(*gate_));
        // Under the lock: from here on no instance takes it.
        if (gave_up) there_ = false;
    }
    if (gave_up) {
        log::err("{}: {} did not come back: the interface is gone", name(), module_name());
        bury();
        return;
    }
    if (away) {
        if (is_there()) arm(10 * kMs);
        return;
    }
    if (wanted) resume();
    for (u32 i = 0; i < queues_count_; ++i) {
        {
            sync::IrqSpinGuard guard(queues_[i].lock);
            queues_[i].full = false;
        }
        schedule(queues_[i]);
    }
}

void NetDevice::arm(u64 in_ns) {
    timer_.arm_at(time::monotonic_ns() + in_ns);
}

void NetDevice::stop_queues() {
    running_.store(false, std::memory_order_release);
    for (u32 i = 0; i < queues_count_; ++i) {
        HardwareQueue& q = queues_[i];
        (void)idle_.wait(
            [&] {
                sync::IrqSpinGuard guard(q.lock);
                return !q.dispatching && !q.polling;
            },
            sync::WaitMode::uninterruptible);
    }
}

void NetDevice::start_queues(u32 port) {
    {
        sync::IrqSpinGuard guard(lock_);
        if (!attached_ || port_ != port) return;
        running_.store(true, std::memory_order_release);
    }
    // The driver may have asked since its open(), in vain.
    for (u32 i = 0; i < queues_count_; ++i) {
        queues_[i].wants_poll = true;
        schedule(queues_[i]);
    }
}

// With the queues stopped. The device does not touch them any more: it was stopped, or its module
// is gone, before whose end it may no longer be bus master.
void NetDevice::reclaim(bool lost) {
    for (u32 i = 0; i < queues_count_; ++i) {
        HardwareQueue& q = queues_[i];
        PacketList packets;
        for (u32 place = 0; place < q.sent.size; ++place) {
            sync::IrqSpinGuard guard(q.lock);
            const auto& slot = q.sent.slots[place];
            if (slot.what == nullptr) continue;
            packets.push_back(adopt_ref(q.sent.take(place, slot.generation)));
        }
        for (u32 place = 0; place < q.buffers.size; ++place) {
            mm::Page* page = nullptr;
            {
                sync::IrqSpinGuard guard(q.lock);
                page = q.buffers.take(place, q.buffers.slots[place].generation);
            }
            if (page != nullptr) mm::page_unref(page);
        }
        q.received.clear();
        {
            sync::IrqSpinGuard guard(q.lock);
            q.full = false;
            q.transmit_dropped += packets.count();
            if (lost) q.lost += packets.count();
        }
        discharge(packets);
    }
}

void NetDevice::drop_backlog() {
    for (u32 i = 0; i < queues_count_; ++i) {
        PacketList packets;
        {
            sync::IrqSpinGuard guard(queues_[i].lock);
            packets.take(queues_[i].backlog);
            queues_[i].transmit_dropped += packets.count();
        }
        discharge(packets);
    }
}

void NetDevice::set_carrier(bool carrier) {
    carrier_told_ = true;
    carrier_ = carrier;
}

}  // namespace tenon::net
