// Receiving: threads, one a CPU, that poll the queues which asked for it.
//
// A queue that has work stands in one list, of the CPU that asked. The thread takes the first, lets
// it send what waits, polls it for a budget, gives on what came, and puts it at the end again if
// there is more: no queue waits longer than a round of budgets.
#include <tenon/process/task.h>
#include <tenon/sched/kthread.h>
#include <tenon/sched/scheduler.h>

#include <algorithm>
#include <cstring>

#include "netdev.h"

namespace tenon::net {

namespace {

struct PollThread {
    sync::SpinLock lock{sync::LockRank::spin_leaf};
    HardwareQueue* first = nullptr;  // each with a reference of its device
    HardwareQueue* last = nullptr;
    sync::WaitQueue wait;
    module::Held thread;
    u32 cpu = 0;

    HardwareQueue* take() {
        sync::IrqSpinGuard guard(lock);
        HardwareQueue* q = first;
        if (q == nullptr) return nullptr;
        first = std::exchange(q->next, nullptr);
        if (first == nullptr) last = nullptr;
        return q;
    }
    void put(HardwareQueue& q) {
        {
            sync::IrqSpinGuard guard(lock);
            q.next = nullptr;
            (last != nullptr ? last->next : first) = &q;
            last = &q;
        }
        wait.wake_one();
    }
    bool has_work() {
        sync::IrqSpinGuard guard(lock);
        return first != nullptr;
    }
    static void run(void* self) { static_cast<PollThread*>(self)->loop(); }
    void loop() {
        (void)sched::set_affinity(*current(), CpuMask::of(cpu));
        while (!sched::KThread::should_stop()) {
            (void)wait.wait([this] { return has_work() || sched::KThread::should_stop(); });
            while (HardwareQueue* q = take()) {
                const Ref<NetDevice> device(q->device, kAdoptRef);
                q->scheduled.store(false, std::memory_order_seq_cst);
                (void)device->dispatch_if_waiting(*q);
                if (q->wants_poll.exchange(false, std::memory_order_seq_cst) && device->poll(*q)) {
                    q->wants_poll = true;
                    schedule(*q);
                }
            }
        }
    }
};

struct Threads {
    std::unique_ptr<PollThread[]> of_cpu;
    u32 count = 0;
};
// Threads are started under it.
constinit sync::Mutex g_start_lock{sync::LockRank::pipe};
constinit Threads* g_threads = nullptr;

// Under RCU; null when the driver is none of today's, or has no such queue.
HardwareQueue* queue_of(Port port, u32 index) {
    NetDevice* device = device_of(port);
    return device != nullptr ? device->queue(index) : nullptr;
}

bool append(HardwareQueue& q, PacketRef packet) {
    if (q.poller != current() || !q.device->running()) return false;
    q.received.push_back(std::move(packet));
    return true;
}

}  // namespace

Result<void> start_poll_threads() {
    sync::MutexGuard guard(g_start_lock);
    if (g_threads != nullptr) return {};
    module::GateAttribution attribution(core_gate());
    std::unique_ptr<Threads> threads(new (std::nothrow) Threads);
    if (!threads) return Err(Error::nomem);
    threads->count = arch::online_cpus();
    threads->of_cpu.reset(new (std::nothrow) PollThread[threads->count]);
    if (!threads->of_cpu) return Err(Error::nomem);
    for (u32 i = 0; i < threads->count; ++i) {
        PollThread& t = threads->of_cpu[i];
        t.cpu = i;
        const fmt::Line<16> name("net_poll/{}", i);
        TRY_ASSIGN(t.thread, core_context().start_thread(name.view(), &PollThread::run, &t));
    }
    g_threads = threads.release();
    return {};
}

// No device is left.
void stop_poll_threads() {
    if (g_threads == nullptr) return;
    for (u32 i = 0; i < g_threads->count; ++i) {
        g_threads->of_cpu[i].thread.release();
        while (HardwareQueue* q = g_threads->of_cpu[i].take()) q->device->unref();
    }
    delete std::exchange(g_threads, nullptr);
}

void schedule(HardwareQueue& q) {
    if (q.scheduled.exchange(true, std::memory_order_seq_cst)) return;
    q.device->ref();
    g_threads->of_cpu[arch::cpu_id() % g_threads->count].put(q);
}

void schedule_poll(Port port, u32 queue) {
    sync::RcuGuard rcu;
    HardwareQueue* q = queue_of(port, queue);
    if (q == nullptr) return;
    q->wants_poll.store(true, std::memory_order_seq_cst);
    schedule(*q);
}

u16 ethernet_protocol(std::span<const u8> head) {
    const u16 type = static_cast<u16>((head[12] << 8) | head[13]);
    if (type >= 1536) return type;
    const bool raw = head.size() >= 16 && head[14] == 0xff && head[15] == 0xff;
    return raw ? kProtocol8023 : kProtocol8022;
}

void write_ethernet_header(u8* at, const HardwareAddress& to, const HardwareAddress& from,
                           u16 protocol) {
    std::memcpy(at, to.bytes, kEthernetAddressBytes);
    std::memcpy(at + kEthernetAddressBytes, from.bytes, kEthernetAddressBytes);
    at[12] = static_cast<u8>(protocol >> 8);
    at[13] = static_cast<u8>(protocol);
}

bool NetDevice::poll(HardwareQueue& q) {
    {
        sync::IrqSpinGuard guard(q.lock);
        if (!running()) return false;
        // Another CPU's thread is at it, and may just have found nothing.
        if (q.polling) {
            q.poll_again = true;
            return false;
        }
        q.polling = true;
        q.poller = current();
    }
    bool again = ops_.call(&NetDeviceOps::poll, q.index, kBudget) >= kBudget;
    q.poller = nullptr;
    deliver(q);
    {
        sync::IrqSpinGuard guard(q.lock);
        q.polling = false;
        again = std::exchange(q.poll_again, false) || again;
    }
    queue_is_idle();
    return again;
}

// Gives on what poll() collected.
void NetDevice::deliver(HardwareQueue& q) {
    constexpr auto relaxed = std::memory_order_relaxed;
    const HardwareAddress own = address();
    u64 packets = 0, bytes = 0, groups = 0, wrong = 0;
    while (!q.received.empty()) {
        PacketRef held[kBatch];
        Arrival arrivals[kBatch];
        u32 count = 0;
        while (count < kBatch) {
            PacketRef packet = q.received.pop_front();
            if (!packet) break;
            const auto head = packet->head();
            if (head.size() < kEthernetHeaderBytes) {
                ++wrong;
                continue;
            }
            ++packets;
            bytes += packet->length_bytes();
            Delivery delivery = Delivery::host;
            if (head[0] & 1) {
                // lo has no address for all.
                const bool all = type() != LinkType::loopback &&
                                 std::ranges::all_of(head.first(kEthernetAddressBytes),
                                                     [](u8 b) { return b == 0xff; });
                delivery = all ? Delivery::broadcast : Delivery::multicast;
                groups += !all;
            } else if (std::memcmp(head.data(), own.bytes, kEthernetAddressBytes) != 0) {
                delivery = Delivery::other_host;
            }
            arrivals[count] = {packet.get(), this, ethernet_protocol(head), delivery};
            held[count++] = std::move(packet);
        }
        if (count != 0 && Handlers::incoming()) Handlers::receive({arrivals, count}, false);
    }
    q.receive_packets.fetch_add(packets, relaxed);
    q.receive_bytes.fetch_add(bytes, relaxed);
    q.multicast.fetch_add(groups, relaxed);
    q.receive_length_errors.fetch_add(wrong, relaxed);
}

// --- What drivers call.

Result<Buffer> get_buffer(Port port, u32 queue, u32 length_bytes) {
    if (length_bytes == 0 || length_bytes > kPageSize) return Err(Error::inval);
    // Attributed to the network layer, of which it is a part from now on.
    module::GateAttribution attribution(core_gate());
    TRY_ASSIGN(mm::Page * page,
               mm::alloc_page(may_sleep() ? mm::Alloc::no_oom : mm::Alloc::atomic));
    Error error = Error::nodev;
    {
        sync::RcuGuard rcu;
        HardwareQueue* q = queue_of(port, queue);
        if (q != nullptr) {
            sync::IrqSpinGuard guard(q->lock);
            if (!q->device->is_port(port)) {
                error = Error::nodev;
            } else if (q->buffers.free_count == 0) {
                error = Error::nobufs;
            } else {
                const u64 generation = ++q->generation & (~u64{0} >> 24);
                const u32 place = q->buffers.put(page, generation);
                return Buffer{{HandleParts::value(generation, queue, place)},
                              static_cast<u8*>(mm::page_address(page)),
                              length_bytes};
            }
        }
    }
    mm::page_unref(page);
    return Err(error);
}

namespace {

// The buffer's page, out of its place.
mm::Page* take_buffer(NetDevice& device, Port port, BufferHandle handle) {
    const HandleParts h(handle.value);
    HardwareQueue* q = device.queue(h.queue);
    if (q == nullptr) return nullptr;
    sync::IrqSpinGuard guard(q->lock);
    mm::Page* page = device.is_port(port) ? q->buffers.take(h.place, h.generation) : nullptr;
    if (page == nullptr) ++q->refused;
    return page;
}

}  // namespace

void put_buffer(Port port, BufferHandle handle) {
    sync::RcuGuard rcu;
    if (NetDevice* device = device_of(port))
        if (mm::Page* page = take_buffer(*device, port, handle)) mm::page_unref(page);
}

bool receive(Port port, u32 queue, std::span<const Received> pieces) {
    if (pieces.empty() || pieces.size() > kMaxSegments) return false;
    Segment segments[kMaxSegments];
    u32 count = 0;
    bool good = true;
    sync::RcuGuard rcu;
    HardwareQueue* q = queue_of(port, queue);
    if (q == nullptr) return false;
    for (const Received& r : pieces) {
        mm::Page* page = take_buffer(*q->device, port, r.handle);
        if (page == nullptr) {
            good = false;
            continue;
        }
        // What the device says of its own writing is not believed.
        good = good && r.length_bytes != 0 && r.offset < kPageSize &&
               r.length_bytes <= kPageSize - r.offset;
        segments[count++] = {static_cast<u8*>(mm::page_address(page)) + (good ? r.offset : 0),
                             good ? r.length_bytes : 0, page};
    }
    if (good) {
        if (auto packet = Packet::of_pages({segments, count})) {
            if (append(*q, std::move(*packet))) return true;
            return false;
        }
        q->receive_dropped.fetch_add(1, std::memory_order_relaxed);
    } else {
        q->receive_length_errors.fetch_add(1, std::memory_order_relaxed);
    }
    for (u32 i = 0; i < count; ++i) mm::page_unref(segments[i].page);
    return false;
}

bool receive_copy(Port port, u32 queue, std::span<const u8> frame) {
    auto packet = Packet::create(static_cast<u32>(std::min<usize>(frame.size(), ~u32{0})));
    if (packet) (*packet)->fill(0, frame);
    sync::RcuGuard rcu;
    HardwareQueue* q = queue_of(port, queue);
    if (q == nullptr) return false;
    if (packet) return append(*q, std::move(*packet));
    q->receive_dropped.fetch_add(1, std::memory_order_relaxed);
    return false;
}

bool turn_around(Port port, u32 queue, TransmitHandle handle) {
    sync::RcuGuard rcu;
    HardwareQueue* q = queue_of(port, queue);
    const HandleParts h(handle.value);
    HardwareQueue* from = queue_of(port, h.queue);
    if (q == nullptr || from == nullptr) return false;
    PacketRef packet;
    bool more = false;
    {
        sync::IrqSpinGuard guard(from->lock);
        if (q->device->is_port(port)) packet = adopt_ref(from->sent.take(h.place, h.generation));
        if (!packet) {
            ++from->refused;
            return false;
        }
        ++from->transmit_packets;
        from->transmit_bytes += packet->length_bytes();
        from->full = false;
        more = !from->backlog.empty() && !from->dispatching;
    }
    if (more) schedule(*from);
    // It is the receivers' from here on: a slow one does not hold up its sender.
    packet->discharge();
    return append(*q, std::move(packet));
}

void set_carrier(Port port, bool carrier) {
    sync::RcuGuard rcu;
    if (NetDevice* device = device_of(port)) device->set_carrier(carrier);
}

}  // namespace tenon::net
