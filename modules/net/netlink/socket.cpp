#include "socket.h"

#include <tenon/process/credentials.h>
#include <tenon/process/process.h>

#include <algorithm>
#include <cstring>

namespace tenon::net::netlink {

namespace {

constexpr u32 kAddressBytes = 12;  // family, padding, port, groups
constexpr usize kEntryCost = 256;  // charged for a message beside its bytes
constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};
constinit NetlinkSocket* g_sockets = nullptr;
// Woken when there is room in a socket, or one goes: who sends to one that is full waits.
constinit sync::WaitQueue g_room;

u32 word(const Address& a, usize at) {
    u32 value;
    std::memcpy(&value, a.bytes + at, sizeof value);
    return value;
}

// A message goes to one group only.
u32 lowest(u32 groups) {
    return groups & (~groups + 1);
}

Address make_address(u32 port, u32 groups) {
    Address a;
    a.length = kAddressBytes;
    a.bytes[0] = kFamilyNetlink;
    std::memcpy(a.bytes + 4, &port, sizeof port);
    std::memcpy(a.bytes + 8, &groups, sizeof groups);
    return a;
}

}  // namespace

Result<Ref<Payload>> Payload::make(usize length) {
    Ref<Payload> p = adopt_ref(new (std::nothrow) Payload);
    if (!p) return Err(Error::nomem);
    p->bytes.reset(new (std::nothrow) u8[length != 0 ? length : 1]);
    if (!p->bytes) return Err(Error::nomem);
    p->length = length;
    return p;
}

NetlinkSocket::NetlinkSocket(Kind kind, u32 protocol) : Socket(kFamilyNetlink, kind, protocol) {
    sync::MutexGuard guard(g_lock);
    next_ = g_sockets;
    g_sockets = this;
}

NetlinkSocket::~NetlinkSocket() {
    {
        sync::MutexGuard guard(g_lock);
        for (NetlinkSocket** at = &g_sockets; *at != nullptr; at = &(*at)->next_)
            if (*at == this) {
                *at = next_;
                break;
            }
    }
    g_room.wake_all();
    while (!queue_.empty()) {
        Entry* entry = &queue_.front();
        queue_.pop_front();
        delete entry;
    }
}

Result<void> NetlinkSocket::list(fmt::Sink& out) {
    out.write(
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    "
        "Inode\n");
    sync::MutexGuard guard(g_lock);
    for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_) {
        if (s->port_ == 0) continue;  // nobody finds it
        usize queued = 0;
        {
            sync::SpinGuard queue(s->lock_);
            queued = s->queued_bytes_;
        }
        fmt::print(out, "{:016x} {:<3} {:<10} {:08x} {:<8} {:<8} {:<5} {:<8} {:<8} {:<8}\n", 0,
                   s->protocol(), s->port_, s->groups_, queued, 0, 0, 2, 0, s->inode_number());
    }
    return {};
}

Error NetlinkSocket::take_error() {
    sync::SpinGuard guard(lock_);
    return std::exchange(overrun_, false) ? Error::nobufs : Error::none;
}

// With the list's lock held. A port of 0 is chosen: the process's number, or a free one from above.
Result<void> NetlinkSocket::take_port(u32 wanted) {
    const auto taken = [](u32 port) {
        for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_)
            if (s->port_ == port) return true;
        return false;
    };
    if (wanted != 0) {
        if (taken(wanted)) return Err(Error::addrinuse);
    } else {
        wanted = static_cast<u32>(process::current_process().pid);
        for (u32 high = ~u32{0} - 4096; taken(wanted); --high) wanted = high;
    }
    port_ = wanted;
    return {};
}

Result<void> NetlinkSocket::bind(const Address& address) {
    if (address.length < kAddressBytes || address.family() != kFamilyNetlink)
        return Err(Error::inval);
    sync::MutexGuard guard(g_lock);
    const u32 port = word(address, 4);
    if (port_ != 0) {
        if (port != port_) return Err(Error::inval);
    } else {
        TRY(take_port(port));
    }
    groups_ = word(address, 8);
    return {};
}

// Only says where send() goes; the family "none" takes it back. Anybody may name the kernel's port.
Result<void> NetlinkSocket::connect(const Address& address, bool) {
    if (address.length < sizeof(u16)) return Err(Error::inval);
    const bool is_none = address.family() == 0;
    if (!is_none && (address.family() != kFamilyNetlink || address.length < kAddressBytes))
        return Err(Error::inval);
    const u32 port = is_none ? 0 : word(address, 4);
    const u32 groups = is_none ? 0 : lowest(word(address, 8));
    if ((port != 0 || groups != 0) && !process::capable(process::Capability::net_admin))
        return Err(Error::perm);
    sync::MutexGuard guard(g_lock);
    if (!is_none && port_ == 0) TRY(take_port(0));
    to_port_ = port;
    to_groups_ = groups;
    return {};
}

Result<Address> NetlinkSocket::name(bool peer) {
    sync::MutexGuard guard(g_lock);
    return peer ? make_address(to_port_, to_groups_) : make_address(port_, groups_);
}

Result<usize> NetlinkSocket::send(Message& message, bool nonblocking) {
    if (message.flags & 1) return Err(Error::opnotsupp);  // out of band
    if (message.data.remaining() == 0) return Err(Error::nodata);
    u32 port = 0, groups = 0;
    if (message.to != nullptr && message.to->length != 0) {
        if (message.to->length < kAddressBytes || message.to->family() != kFamilyNetlink)
            return Err(Error::inval);
        port = word(*message.to, 4);
        groups = lowest(word(*message.to, 8));
        if ((port != 0 || groups != 0) && !process::capable(process::Capability::net_admin))
            return Err(Error::perm);
    } else {
        sync::MutexGuard guard(g_lock);
        port = to_port_;
        groups = to_groups_;
    }
    const usize length = message.data.remaining();
    if (length > options().send_bytes - 32) return Err(Error::msgsize);
    TRY_ASSIGN(auto payload, Payload::make(length));
    TRY_ASSIGN(const usize copied, message.data.get(payload->bytes.get(), length));
    if (copied != length) return Err(Error::fault);
    const auto& c = process::current_credentials();
    payload->credentials = {process::current_process().pid, c.euid, c.egid};
    {
        sync::MutexGuard guard(g_lock);
        if (port_ == 0) TRY(take_port(0));
        payload->port = port_;
    }
    payload->groups = groups;
    if (groups != 0) broadcast(payload, this);
    if (port == 0) return groups != 0 ? Result<usize>(length) : Err(Error::connrefused);
    TRY(send_to(port, payload, nonblocking || (message.flags & kMessageDontWait),
                deadline_of(options().send_timeout_ns)));
    return length;
}

Result<void> NetlinkSocket::send_to(u32 port, const Ref<Payload>& payload, bool nonblocking,
                                    sync::Deadline deadline) {
    const auto find = [port] {
        NetlinkSocket* s = g_sockets;
        while (s != nullptr && s->port_ != port) s = s->next_;
        return s;
    };
    for (;;) {
        {
            sync::MutexGuard guard(g_lock);
            NetlinkSocket* s = find();
            if (s == nullptr) return Err(Error::connrefused);
            auto done = s->deliver(payload);
            if (done || done.error() != Error::again) return done;
        }
        if (nonblocking) return Err(Error::again);
        auto waited = g_room.wait(
            [&] {
                sync::MutexGuard guard(g_lock);
                NetlinkSocket* s = find();
                return s == nullptr || s->has_room();
            },
            sync::WaitMode::interruptible, deadline);
        if (!waited) return Err(wait_failed(waited.error(), deadline));
    }
}

void NetlinkSocket::broadcast(const Ref<Payload>& payload, const NetlinkSocket* from) {
    sync::MutexGuard guard(g_lock);
    for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_)
        if (s != from && (s->groups_ & payload->groups) != 0) {
            if (s->deliver(payload)) continue;
            // Nobody waits for one of many: it hears that it missed something.
            {
                sync::SpinGuard own(s->lock_);
                s->overrun_ = true;
            }
            s->wait_.wake_all();
        }
}

Result<void> NetlinkSocket::deliver(const Ref<Payload>& payload) {
    std::unique_ptr<Entry> entry(new (std::nothrow) Entry);
    if (!entry) return Err(Error::nobufs);
    if (!has_room()) return Err(Error::again);
    {
        sync::SpinGuard guard(lock_);
        entry->payload = payload;
        queued_bytes_ += payload->length + kEntryCost;
        queue_.push_back(*entry.release());
    }
    wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return {};
}

Result<void> NetlinkSocket::deliver_from_kernel(std::span<const u8> message) {
    TRY_ASSIGN(auto payload, Payload::make(message.size()));
    std::memcpy(payload->bytes.get(), message.data(), message.size());
    payload->credentials = {0, 0, 0};
    sync::MutexGuard guard(g_lock);
    return deliver(payload);
}

// For one more, of whatever size. Who delivers holds the list's lock: it stays so.
bool NetlinkSocket::has_room() {
    sync::SpinGuard guard(lock_);
    return queued_bytes_ <= options().receive_bytes;
}

bool NetlinkSocket::readable() {
    sync::SpinGuard guard(lock_);
    return overrun_ || !queue_.empty();
}

Result<usize> NetlinkSocket::receive(Message& message, bool nonblocking) {
    const bool peek = message.flags & kMessagePeek;
    Ref<Payload> payload;
    std::unique_ptr<Entry> taken;
    for (;;) {
        {
            sync::SpinGuard guard(lock_);
            if (std::exchange(overrun_, false)) return Err(Error::nobufs);
            if (!queue_.empty()) {
                payload = queue_.front().payload;
                if (!peek) {
                    taken.reset(&queue_.front());
                    queue_.pop_front();
                    queued_bytes_ -= payload->length + kEntryCost;
                }
            }
        }
        if (payload) break;
        if (nonblocking || (message.flags & kMessageDontWait)) return Err(Error::again);
        const auto deadline = deadline_of(options().receive_timeout_ns);
        auto waited =
            wait_.wait([this] { return readable(); }, sync::WaitMode::interruptible, deadline);
        if (!waited) return Err(wait_failed(waited.error(), deadline));
    }
    if (taken) g_room.wake_all();
    const usize n = std::min(message.data.remaining(), payload->length);
    if (n != 0) {
        TRY_ASSIGN(const usize moved, message.data.put(payload->bytes.get(), n));
        if (moved != n) return Err(Error::fault);
    }
    message.from = make_address(payload->port, payload->groups);
    if (options().pass_credentials) {
        message.ancillary.credentials = payload->credentials;
        message.ancillary.has_credentials = true;
    }
    if (n < payload->length) message.result_flags |= kMessageTruncated;
    return message.flags & kMessageTruncated ? payload->length : n;
}

usize NetlinkSocket::readable_bytes() {
    sync::SpinGuard guard(lock_);
    return queue_.empty() ? 0 : queue_.front().payload->length;
}

u32 NetlinkSocket::poll(vfs::File&, vfs::PollTable* table) {
    if (table != nullptr) table->add(wait_);
    u32 events = vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand;
    sync::SpinGuard guard(lock_);
    if (overrun_) events |= vfs::kPollErr;
    if (!queue_.empty()) events |= vfs::kPollIn | vfs::kPollRdNorm;
    return events;
}

}  // namespace tenon::net::netlink
