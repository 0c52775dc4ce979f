// Sending: from the caller to the queue's backlog, from there in batches to the driver.
//
// One caller at a time hands a queue's packets to the driver; who comes meanwhile leaves his in the
// backlog, and the first takes them along. So packets keep their order, callers do not wait for
// each other, and the busier a queue is, the larger the batches.
#include "netdev.h"

namespace tenon::net {

namespace {

constexpr u64 kRetryNs = 2'000'000;
constexpr u32 kMaxBatches = 16;  // that one caller hands over at a time

}  // namespace

void discharge(PacketList& packets) {
    while (const PacketRef packet = packets.pop_front()) packet->discharge();
}

Result<void> NetDevice::send(PacketRef packet, u32 flow) {
    if (packet->length_bytes() > mtu() + header_bytes() + 4) return Err(Error::msgsize);
    HardwareQueue& q = queues_[queues_count_ == 1 ? 0 : flow % queues_count_];
    bool mine = false;
    packet->shown_ = false;
    {
        sync::IrqSpinGuard guard(q.lock);
        if (!is_up()) return Err(Error::netdown);
        if (q.backlog.count() >= transmit_queue_length()) {
            ++q.transmit_dropped;
            return Err(Error::nobufs);
        }
        q.backlog.push_back(std::move(packet));
        mine = !q.dispatching && !q.full && running();
        if (mine) q.dispatching = true;
    }
    if (mine) dispatch(q);
    return {};
}

bool NetDevice::dispatch_if_waiting(HardwareQueue& q) {
    {
        sync::IrqSpinGuard guard(q.lock);
        if (q.dispatching || q.full || q.backlog.empty() || !running()) return false;
        q.dispatching = true;
    }
    dispatch(q);
    return true;
}

// With q.dispatching set by the caller. Until nothing waits, or the driver has enough; or the
// caller has done its share: a poll thread goes on for it.
void NetDevice::dispatch(HardwareQueue& q) {
    bool more = false;
    for (u32 batches = 0;; ++batches) {
        Outgoing batch[kBatch];
        u32 count = 0;
        {
            sync::IrqSpinGuard guard(q.lock);
            const bool enough = batches == kMaxBatches;
            more = enough && !q.full && !q.backlog.empty() && running();
            while (!enough && count < kBatch && q.sent.free_count != 0 && !q.full && running()) {
                PacketRef packet = q.backlog.pop_front();
                if (!packet) break;
                // For the batch, until the driver was called.
                packet->ref();
                Outgoing& out = batch[count++];
                out.packet = packet.get();
                const u64 generation = ++q.generation & (~u64{0} >> 24);
                out.handle = {HandleParts::value(generation, q.index,
                                                 q.sent.put(packet.release(), generation))};
            }
            if (count == 0) q.dispatching = false;
        }
        if (count == 0) break;
        if (Handlers::outgoing()) show_outgoing({batch, count});
        const u32 taken = std::min(
            ops_.call(&NetDeviceOps::transmit, q.index, std::span<const Outgoing>(batch, count)),
            count);
        if (taken < count) take_back(q, {batch + taken, count - taken});
        for (u32 i = 0; i < count; ++i) PacketRef(const_cast<Packet*>(batch[i].packet), kAdoptRef);
    }
    if (more) schedule(q);
    queue_is_idle();
}

void NetDevice::show_outgoing(std::span<const Outgoing> batch) {
    Arrival arrivals[kBatch];
    u32 count = 0;
    for (const Outgoing& out : batch) {
        Packet* const packet = const_cast<Packet*>(out.packet);
        const auto head = packet->head();
        if (head.size() < kEthernetHeaderBytes || std::exchange(packet->shown_, true)) continue;
        arrivals[count++] = {packet, this, ethernet_protocol(head), Delivery::outgoing};
    }
    if (count != 0) Handlers::receive({arrivals, count}, true);
}

// What the driver did not take goes to the front again, in order, unless it was answered all the
// same. A driver on its way out takes nothing, either.
void NetDevice::take_back(HardwareQueue& q, std::span<const Outgoing> batch) {
    bool nothing_to_wait_for = false;
    {
        sync::IrqSpinGuard guard(q.lock);
        for (auto out = batch.rbegin(); out != batch.rend(); ++out) {
            const HandleParts h(out->handle.value);
            if (Packet* packet = q.sent.take(h.place, h.generation))
                q.backlog.push_front(adopt_ref(packet));
        }
        q.full = true;
        nothing_to_wait_for = q.sent.free_count == q.sent.size;
    }
    if (nothing_to_wait_for) arm(kRetryNs);
}

u32 transmitted(Port port, std::span<const TransmitHandle> handles) {
    u32 refused = 0;
    sync::RcuGuard rcu;
    NetDevice* device = device_of(port);
    if (device == nullptr) return static_cast<u32>(handles.size());
    PacketList done;
    while (!handles.empty()) {
        const u32 index = HandleParts(handles.front().value).queue;
        HardwareQueue* q = device->queue(index);
        if (q == nullptr) {
            ++refused;
            handles = handles.subspan(1);
            continue;
        }
        bool more = false;
        {
            sync::IrqSpinGuard guard(q->lock);
            for (; !handles.empty(); handles = handles.subspan(1)) {
                const HandleParts h(handles.front().value);
                if (h.queue != index) break;
                Packet* packet =
                    device->is_port(port) ? q->sent.take(h.place, h.generation) : nullptr;
                if (packet == nullptr) {
                    ++refused;
                    ++q->refused;
                    continue;
                }
                ++q->transmit_packets;
                q->transmit_bytes += packet->length_bytes();
                done.push_back(adopt_ref(packet));
            }
            q->full = false;
            more = !q->backlog.empty() && !q->dispatching;
        }
        // The driver is not called from here: this may be its interrupt.
        if (more) schedule(*q);
    }
    discharge(done);
    return refused;
}

}  // namespace tenon::net
