// The module net_core, as far as a driver calls it. Packets are the kernel's own (packet.cpp); a
// thread polls, as there.
#include <tenon/mock/net.h>
#include <tenon/sched/kthread.h>
#include <tenon/sync/wait_queue.h>

#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon::net {

module::Gate* core_gate() {
    return nullptr;
}

}  // namespace tenon::net

namespace tenon::mock {

namespace {

struct State {
    std::string name;
    net::DeviceOptions options;
    module::Gated<net::NetDeviceOps> ops;
    u32 port = 0;
    bool is_up = false, carrier = true;
    bool dispatching = false, full = false;
    std::deque<net::PacketRef> backlog;
    struct InHand {
        net::PacketRef packet;
        u32 queue;
    };
    std::map<u64, InHand> in_hand;
    struct Lent {
        mm::Page* page;
        u32 queue;
    };
    std::map<u64, Lent> lent;
    std::vector<std::string> arrived;
    u64 sent = 0, refused = 0;
    u32 wanted = 0;  // queues that asked for a poll, by bit
    bool polling = false;
    SimTask* poller = nullptr;
    sync::WaitQueue wait;

    bool can_dispatch() const {
        return is_up && !full && !backlog.empty() && in_hand.size() < options.transmit_ring;
    }
    void dispatch();
    void reclaim() {
        in_hand.clear();
        for (auto& [handle, l] : lent) mm::page_unref(l.page);
        lent.clear();
    }
};

std::vector<std::unique_ptr<State>>& interfaces() {
    static auto* list = new std::vector<std::unique_ptr<State>>;
    return *list;
}
State* find(std::string_view name) {
    for (auto& i : interfaces())
        if (i->name == name) return i.get();
    return nullptr;
}
State* find(net::Port port) {
    for (auto& i : interfaces())
        if (i->port == port.value) return i.get();
    return nullptr;
}
u32 last_port = 0;
u64 last_handle = 0;

void State::dispatch() {
    if (dispatching) return;
    dispatching = true;
    while (can_dispatch()) {
        net::Outgoing batch[net::kBatch];
        std::vector<net::PacketRef> kept;
        u32 count = 0;
        while (count < net::kBatch && !backlog.empty() && in_hand.size() < options.transmit_ring) {
            kept.push_back(backlog.front());
            batch[count++] = {backlog.front().get(), {++last_handle}};
            in_hand[last_handle] = {backlog.front(), 0};
            backlog.pop_front();
        }
        const u32 taken = ops.call(&net::NetDeviceOps::transmit, 0u,
                                   std::span<const net::Outgoing>(batch, count));
        full = taken < count;
        for (u32 i = count; i-- > taken;) {
            const auto at = in_hand.find(batch[i].handle.value);
            if (at == in_hand.end()) continue;
            backlog.push_front(at->second.packet);
            in_hand.erase(at);
        }
    }
    dispatching = false;
}

void poll_thread(State* s) {
    SimTask& self = *world().running;
    while (!self.stop) {
        (void)s->wait.wait(
            [&] { return self.stop || (s->is_up && (s->wanted != 0 || s->can_dispatch())); },
            sync::WaitMode::uninterruptible);
        if (self.stop || !s->is_up) continue;
        s->dispatch();
        for (u32 q = 0; q < s->options.queues; ++q) {
            if ((s->wanted & (1u << q)) == 0) continue;
            s->wanted &= ~(1u << q);
            s->polling = true;
            const u32 done = s->ops.call(&net::NetDeviceOps::poll, q, net::kBudget);
            s->polling = false;
            if (done >= net::kBudget) s->wanted |= 1u << q;
        }
    }
}

void let_go(void* state) {
    module::GateAttribution core(nullptr);
    auto* s = static_cast<State*>(state);
    s->is_up = false;
    s->poller->stop = true;
    s->wait.wake_all();
    join(*s->poller);
    s->port = 0;
    s->reclaim();
    s->backlog.clear();
    s->ops.reset();
    std::erase_if(interfaces(), [&](auto& i) { return i.get() == state; });
}

std::string text_of(const net::Packet& packet) {
    std::string text(packet.length_bytes(), '\0');
    packet.copy_to(0, {reinterpret_cast<u8*>(text.data()), text.size()});
    return text;
}

}  // namespace

bool NetInterface::exists() const {
    return find(name_) != nullptr;
}

Result<void> NetInterface::up() const {
    State* s = find(name_);
    if (s == nullptr) return Err(Error::nodev);
    if (s->is_up) return {};
    if (auto opened = s->ops.call(&net::NetDeviceOps::open); !opened) {
        s->reclaim();
        return opened;
    }
    s->is_up = true;
    s->wait.wake_all();
    return {};
}

void NetInterface::down() const {
    State* s = find(name_);
    if (s == nullptr || !s->is_up) return;
    s->is_up = false;
    s->ops.call(&net::NetDeviceOps::stop);
    s->reclaim();
    s->backlog.clear();
    s->full = false;
}

Result<void> NetInterface::send(std::string_view frame) const {
    State* s = find(name_);
    if (s == nullptr) return Err(Error::nxio);
    if (!s->is_up) return Err(Error::netdown);
    if (s->backlog.size() >= s->options.backlog) return Err(Error::nobufs);
    TRY_ASSIGN(auto packet, net::Packet::create(static_cast<u32>(frame.size())));
    packet->fill(0, {reinterpret_cast<const u8*>(frame.data()), frame.size()});
    s->backlog.push_back(std::move(packet));
    s->dispatch();
    settle();
    return {};
}

u64 NetInterface::sent() const {
    const State* s = find(name_);
    return s != nullptr ? s->sent : 0;
}
usize NetInterface::pending() const {
    const State* s = find(name_);
    return s != nullptr ? s->backlog.size() + s->in_hand.size() : 0;
}
u64 NetInterface::refused() const {
    const State* s = find(name_);
    return s != nullptr ? s->refused : 0;
}
std::vector<std::string> NetInterface::received() const {
    State* s = find(name_);
    return s != nullptr ? std::exchange(s->arrived, {}) : std::vector<std::string>{};
}
usize NetInterface::buffers() const {
    const State* s = find(name_);
    return s != nullptr ? s->lent.size() : 0;
}
Result<void> NetInterface::set_mtu(u32 mtu) const {
    State* s = find(name_);
    if (s == nullptr) return Err(Error::nodev);
    if (mtu < s->options.min_mtu || mtu > s->options.max_mtu) return Err(Error::inval);
    return s->ops.call(&net::NetDeviceOps::set_mtu, mtu);
}
Result<void> NetInterface::set_address(const net::HardwareAddress& address) const {
    State* s = find(name_);
    if (s == nullptr) return Err(Error::nodev);
    if (address.is_zero() || address.is_group()) return Err(Error::addrnotavail);
    return s->ops.call(&net::NetDeviceOps::set_address, address);
}
void NetInterface::set_receive_mode(const net::ReceiveMode& mode) const {
    if (State* s = find(name_)) s->ops.call(&net::NetDeviceOps::set_receive_mode, mode);
}
net::InterfaceStatistics NetInterface::statistics() const {
    net::InterfaceStatistics out{};
    if (State* s = find(name_)) s->ops.call(&net::NetDeviceOps::statistics, out);
    return out;
}
bool NetInterface::carrier() const {
    const State* s = find(name_);
    return s != nullptr && s->carrier;
}

}  // namespace tenon::mock

namespace tenon::net {

namespace {

bool give_on(mock::State& s, PacketRef packet) {
    if (!s.polling || mock::world().running != s.poller) {
        ADD_FAILURE() << "a frame is given on outside of poll()";
        return false;
    }
    s.arrived.push_back(mock::text_of(*packet));
    return true;
}

// What a handle stands for, taken; null, and counted, when it stands for nothing.
PacketRef take(mock::State& s, TransmitHandle handle) {
    const auto at = s.in_hand.find(handle.value);
    if (at == s.in_hand.end()) {
        ++s.refused;
        return {};
    }
    PacketRef packet = at->second.packet;
    s.in_hand.erase(at);
    ++s.sent;
    s.full = false;
    s.wait.wake_all();
    return packet;
}

mm::Page* take(mock::State& s, BufferHandle handle) {
    const auto at = s.lent.find(handle.value);
    if (at == s.lent.end()) {
        ++s.refused;
        return nullptr;
    }
    mm::Page* page = at->second.page;
    s.lent.erase(at);
    return page;
}

}  // namespace

Result<module::Held> register_device(module::Context& context, const DeviceOptions& options,
                                     std::unique_ptr<NetDeviceOps> ops, Port& port) {
    if (!ops) return Err(Error::nomem);
    if (options.name.empty() || options.queues == 0 || options.queues > kMaxDeviceQueues ||
        options.mtu < options.min_mtu || options.mtu > options.max_mtu)
        return Err(Error::inval);
    if (mock::find(options.name) != nullptr) return Err(Error::exist);
    auto fresh = std::make_unique<mock::State>();
    mock::State* s = fresh.get();
    s->name = options.name;
    s->options = options;
    s->options.name = s->name;
    s->carrier = options.has_carrier;
    s->ops = module::Gated<NetDeviceOps>::own(std::move(ops), &context.gate());
    s->port = port.value = ++mock::last_port;
    {
        module::GateAttribution core(nullptr);
        s->poller = &mock::spawn([s] { mock::poll_thread(s); });
    }
    mock::interfaces().push_back(std::move(fresh));
    auto held = context.hold("network interface", &mock::let_go, s);
    if (!held) mock::let_go(s);
    return held;
}

u32 transmitted(Port port, std::span<const TransmitHandle> handles) {
    module::GateAttribution core(nullptr);
    mock::State* s = mock::find(port);
    u32 refused = 0;
    for (TransmitHandle handle : handles)
        if (s == nullptr || !take(*s, handle)) ++refused;
    return refused;
}

Result<Buffer> get_buffer(Port port, u32 queue, u32 length_bytes) {
    mock::State* s = mock::find(port);
    if (length_bytes == 0 || length_bytes > kPageSize) return Err(Error::inval);
    if (s == nullptr) return Err(Error::nodev);
    if (mock::step_fails(__builtin_return_address(0))) return Err(Error::nomem);
    usize in_queue = 0;
    for (auto& [handle, l] : s->lent) in_queue += l.queue == queue;
    if (in_queue >= s->options.receive_ring) return Err(Error::nobufs);
    module::GateAttribution core(nullptr);
    TRY_ASSIGN(mm::Page * page, mm::alloc_page());
    s->lent[++mock::last_handle] = {page, queue};
    return Buffer{{mock::last_handle}, static_cast<u8*>(mm::page_address(page)), length_bytes};
}

void put_buffer(Port port, BufferHandle handle) {
    module::GateAttribution core(nullptr);
    if (mock::State* s = mock::find(port))
        if (mm::Page* page = take(*s, handle)) mm::page_unref(page);
}

void schedule_poll(Port port, u32 queue) {
    mock::State* s = mock::find(port);
    if (s == nullptr) return;
    s->wanted |= 1u << queue;
    s->wait.wake_all();
}

bool receive(Port port, u32, std::span<const Received> pieces) {
    module::GateAttribution core(nullptr);
    mock::State* s = mock::find(port);
    if (s == nullptr) return false;
    std::vector<Segment> segments;
    bool good = !pieces.empty();
    for (const Received& r : pieces) {
        mm::Page* page = take(*s, r.handle);
        if (page == nullptr) {
            good = false;
            continue;
        }
        good = good && r.length_bytes != 0 && r.offset < kPageSize &&
               r.length_bytes <= kPageSize - r.offset;
        segments.push_back({static_cast<u8*>(mm::page_address(page)) + (good ? r.offset : 0),
                            good ? r.length_bytes : 0, page});
    }
    if (good) {
        if (auto packet = Packet::of_pages(segments)) return give_on(*s, std::move(*packet));
    }
    for (const Segment& segment : segments) mm::page_unref(segment.page);
    return false;
}

bool receive_copy(Port port, u32, std::span<const u8> frame) {
    module::GateAttribution core(nullptr);
    mock::State* s = mock::find(port);
    auto packet = Packet::create(static_cast<u32>(frame.size()));
    if (s == nullptr || !packet) return false;
    (*packet)->fill(0, frame);
    return give_on(*s, std::move(*packet));
}

bool turn_around(Port port, u32, TransmitHandle handle) {
    module::GateAttribution core(nullptr);
    mock::State* s = mock::find(port);
    PacketRef packet = s != nullptr ? take(*s, handle) : PacketRef();
    return packet && give_on(*s, std::move(packet));
}

void set_carrier(Port port, bool carrier) {
    if (mock::State* s = mock::find(port)) s->carrier = carrier;
}

}  // namespace tenon::net
