// Binding, sending, receiving. Spec: man 7 packet; Linux net/packet/af_packet.c for errors and
// their order.
#include "socket.h"

#include <algorithm>

namespace tenon::net::packet {

namespace {

constexpr u32 kAddressBytes = 12;  // of a LinkAddress before the address proper
constexpr u32 kEntryCost = 256;    // charged for a packet beside its memory
constexpr u32 kVlanBytes = 4;
constexpr u16 kVlan = 0x8100;

LinkAddress parsed(const Address& from) {
    LinkAddress a;
    std::memcpy(&a, from.bytes, std::min<usize>(sizeof a, from.length));
    return a;
}

Address written(const LinkAddress& from, u32 length) {
    Address a;
    std::memcpy(a.bytes, &from, sizeof from);
    a.length = length;
    return a;
}

}  // namespace

Result<std::unique_ptr<Socket>> PacketSocket::create(Kind kind, u16 protocol) {
    std::unique_ptr<PacketSocket> self(new (std::nothrow) PacketSocket(kind, protocol));
    if (!self) return Err(Error::nobufs);
    TRY_ASSIGN(self->room_, SendRoom::create(self->options().send_bytes));
    self->hooked_ = protocol != 0;
    add(*self);
    return std::unique_ptr<Socket>(std::move(self));
}

PacketSocket::~PacketSocket() {
    if (!hook.is_linked()) return;
    remove(*this);
    while (!memberships_.empty()) {
        const Membership m = memberships_.front();
        leave(m);
    }
    while (!queue_.empty()) {
        Entry* entry = &queue_.front();
        queue_.pop_front();
        delete entry;
    }
}

void PacketSocket::report(Error error) {
    error_ = error;
    wait_.wake_all();
    room_->room.wake_all();
}

Error PacketSocket::take_error() {
    return error_.exchange(Error::none);
}

Result<void> PacketSocket::bind(const Address& address) {
    if (address.length < sizeof(LinkAddress)) return Err(Error::inval);
    const LinkAddress wanted = parsed(address);
    if (wanted.family != kFamilyPacket) return Err(Error::inval);
    Ref<Interface> interface;
    if (wanted.interface != 0) {
        interface = find_interface(static_cast<u32>(wanted.interface));
        if (!interface) return Err(Error::nodev);
    }
    sync::WriteGuard guard(g_registry);
    const u16 protocol = wanted.protocol != 0 ? swapped(wanted.protocol) : protocol_;
    const bool same = protocol == protocol_ && interface == interface_;
    if (!same) {
        hooked_ = false;
        protocol_ = protocol;
        interface_ = interface;
        interface_index_ = wanted.interface;
    }
    if (protocol == 0 || same) return {};
    if (interface && !interface->is_up())
        report(Error::netdown);
    else
        hooked_ = true;
    interest_changed();
    return {};
}

Result<Address> PacketSocket::name(bool peer) {
    if (peer) return Err(Error::opnotsupp);
    sync::ReadGuard guard(g_registry);
    LinkAddress own{.protocol = swapped(protocol_), .interface = interface_index_};
    if (interface_) {
        const HardwareAddress address = interface_->address();
        own.type = static_cast<u16>(interface_->type());
        own.length = kEthernetAddressBytes;
        std::memcpy(own.bytes, address.bytes, kEthernetAddressBytes);
    }
    return written(own, kAddressBytes + own.length);
}

Result<usize> PacketSocket::send(Message& message, bool nonblocking) {
    LinkAddress to;
    Ref<Interface> interface;
    u16 protocol;
    if (message.to == nullptr) {
        sync::ReadGuard guard(g_registry);
        interface = interface_;
        protocol = protocol_;
    } else {
        const u32 length = message.to->length;
        if (length < sizeof(LinkAddress)) return Err(Error::inval);
        to = parsed(*message.to);
        if (length < kAddressBytes + to.length) return Err(Error::inval);
        protocol = swapped(to.protocol);
        interface = find_interface(static_cast<u32>(to.interface));
    }
    if (!interface || !interface->is_there()) return Err(Error::nxio);
    if (!interface->is_up()) return Err(Error::netdown);
    const u32 header = has_header() ? kEthernetHeaderBytes : 0;
    const usize length = message.data.remaining(), mtu = interface->mtu();
    if (length > mtu + header + kVlanBytes) return Err(Error::msgsize);
    nonblocking = nonblocking || (message.flags & kMessageDontWait);
    TRY_ASSIGN(auto packet, take_in(message, *interface, protocol,
                                    message.to != nullptr ? &to : nullptr, nonblocking));
    const auto head = packet->head();
    if (length > mtu + header && (!has_header() || ((head[12] << 8) | head[13]) != kVlan))
        return Err(Error::msgsize);
    const u32 flow = static_cast<u32>(reinterpret_cast<uptr>(this) >> 8);
    TRY(interface->transmit(std::move(packet), flow));
    return length;
}

// The packet of what the program gave, with its header, once there is room for it.
Result<PacketRef> PacketSocket::take_in(Message& message, Interface& interface, u16 protocol,
                                        const LinkAddress* to, bool nonblocking) {
    if (const Error error = take_error(); error != Error::none) return Err(error);
    room_->set_limit(options().send_bytes);
    if (!room_->has_room()) {
        if (nonblocking) return Err(Error::again);
        const auto deadline = deadline_of(options().send_timeout_ns);
        auto waited =
            room_->room.wait([this] { return room_->has_room() || error_.load() != Error::none; },
                             sync::WaitMode::interruptible, deadline);
        if (!waited) return Err(wait_failed(waited.error(), deadline));
        if (const Error error = take_error(); error != Error::none) return Err(error);
    }
    const u32 length = static_cast<u32>(message.data.remaining());
    const u32 header = has_header() ? 0 : kEthernetHeaderBytes;
    // Nobody told to whom it goes: it matters only where somebody looks.
    if (!has_header() && to == nullptr && !(interface.flags() & (kLoopback | kNoArp)))
        return Err(Error::inval);
    auto made = Packet::create(header + length);
    if (!made) return Err(Error::nobufs);
    PacketRef packet = std::move(*made);
    if (!has_header()) {
        HardwareAddress destination;
        if (to != nullptr) std::memcpy(destination.bytes, to->bytes, kEthernetAddressBytes);
        const bool by_length = protocol == kProtocol8023 || protocol == kProtocol8022;
        write_ethernet_header(packet->writable_head().data(), destination, interface.address(),
                              by_length ? static_cast<u16>(length) : protocol);
    }
    TRY(packet->fill(header, message.data));
    if (has_header() && length < kEthernetHeaderBytes) return Err(Error::inval);
    packet->charge(room_);
    return packet;
}

bool PacketSocket::wants(const Arrival& a, const Interface& interface) const {
    if (!hooked_) return false;
    // A frame of which nothing is left for it is none.
    if (!has_header() && a.packet->length_bytes() <= kEthernetHeaderBytes) return false;
    if (interface_index_ != 0 && interface_.get() != &interface) return false;
    // Who sent it does not see it go.
    if (a.delivery == Delivery::outgoing)
        return wants_outgoing() && !a.packet->is_charged_to(*room_);
    return protocol_ == kAllProtocols || protocol_ == a.protocol;
}

void PacketSocket::deliver(const Arrival& a) {
    const u32 cost = a.packet->memory_bytes() + kEntryCost;
    std::unique_ptr<Entry> entry(new (std::nothrow) Entry);
    if (entry) {
        entry->packet = PacketRef(a.packet);
        entry->skip = has_header() ? 0 : kEthernetHeaderBytes;
        entry->from = {.protocol = swapped(a.protocol),
                       .interface = static_cast<i32>(a.interface->index()),
                       .type = static_cast<u16>(a.interface->type()),
                       .delivery = static_cast<u8>(a.delivery),
                       .length = kEthernetAddressBytes};
        std::memcpy(entry->from.bytes, a.packet->head().data() + kEthernetAddressBytes,
                    kEthernetAddressBytes);
    }
    {
        sync::SpinGuard guard(lock_);
        if (!entry || queued_bytes_ >= options().receive_bytes) {
            ++dropped_;
        } else {
            ++taken_;
            queued_bytes_ += cost;
            queue_.push_back(*entry.release());
        }
    }
    wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
}

Result<usize> PacketSocket::receive(Message& message, bool nonblocking) {
    constexpr u32 kKnown = kMessagePeek | kMessageDontWait | kMessageTruncated;
    if (message.flags & ~kKnown) return Err(Error::inval);
    const bool peek = message.flags & kMessagePeek;
    std::unique_ptr<Entry> taken;
    PacketRef packet;
    LinkAddress from;
    u32 skip = 0;
    for (;;) {
        if (const Error error = take_error(); error != Error::none) return Err(error);
        {
            sync::SpinGuard guard(lock_);
            if (!queue_.empty()) {
                Entry& first = queue_.front();
                packet = first.packet;
                from = first.from;
                skip = first.skip;
                if (!peek) {
                    taken.reset(&first);
                    queue_.pop_front();
                    queued_bytes_ -= packet->memory_bytes() + kEntryCost;
                }
            }
        }
        if (packet) break;
        if (nonblocking || (message.flags & kMessageDontWait)) return Err(Error::again);
        const auto deadline = deadline_of(options().receive_timeout_ns);
        auto waited = wait_.wait([this] { return has_entry() || error_.load() != Error::none; },
                                 sync::WaitMode::interruptible, deadline);
        if (!waited) return Err(wait_failed(waited.error(), deadline));
    }
    const usize whole = packet->length_bytes() - skip;
    const usize n = std::min(message.data.remaining(), whole);
    if (n != 0) TRY(packet->copy_to(skip, message.data, n));
    message.from = written(from, std::max<u32>(kAddressBytes + from.length, sizeof from));
    if (n < whole) message.result_flags |= kMessageTruncated;
    return message.flags & kMessageTruncated ? whole : n;
}

bool PacketSocket::has_entry() {
    sync::SpinGuard guard(lock_);
    return !queue_.empty();
}

usize PacketSocket::readable_bytes() {
    sync::SpinGuard guard(lock_);
    return queue_.empty() ? 0 : queue_.front().packet->length_bytes() - queue_.front().skip;
}

u32 PacketSocket::poll(vfs::File&, vfs::PollTable* table) {
    if (table != nullptr) {
        table->add(wait_);
        table->add(room_->room);
    }
    u32 events = 0;
    if (error_.load() != Error::none) events |= vfs::kPollErr;
    if (has_entry()) events |= vfs::kPollIn | vfs::kPollRdNorm;
    room_->set_limit(options().send_bytes);
    if (room_->has_half()) events |= vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand;
    return events;
}

void PacketSocket::interface_event(InterfaceEvent event, Interface& interface) {
    if (event == InterfaceEvent::removed) {
        // The interface needs no word of it any more.
        memberships_.remove_and_dispose_if(
            [&](const Membership& m) { return m.interface.get() == &interface; },
            [](Membership* m) { delete m; });
    }
    if (interface_.get() != &interface) return;
    switch (event) {
        case InterfaceEvent::up:
            hooked_ = protocol_ != 0;
            break;
        case InterfaceEvent::down:
        case InterfaceEvent::removed:
            if (std::exchange(hooked_, false)) report(Error::netdown);
            if (event == InterfaceEvent::removed) {
                interface_.reset();
                interface_index_ = -1;
                report(Error::netdown);
            }
            break;
        default:
            break;
    }
}

}  // namespace tenon::net::packet
