#include <tenon/process/credentials.h>
#include <tenon/process/process.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "list.h"
#include "options.h"

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

// A message goes to one group only: the lowest of the set.
u32 lowest(u32 groups) {
    return groups == 0 ? 0 : static_cast<u32>(std::countr_zero(groups)) + 1;
}
u32 mask(u32 group) {
    return group == 0 ? 0 : u32{1} << ((group - 1) & 31);
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

sync::Mutex& list_lock() {
    return g_lock;
}

Result<Ref<Payload>> Payload::make(usize length) {
    Ref<Payload> p = adopt_ref(new (std::nothrow) Payload);
    if (!p) return Err(Error::nomem);
    p->bytes.reset(new (std::nothrow) u8[length != 0 ? length : 1]);
    if (!p->bytes) return Err(Error::nomem);
    p->length = length;
    return p;
}

NetlinkSocket::NetlinkSocket(Kind kind, u32 protocol, u32 groups)
    : Socket(kFamilyNetlink, kind, protocol),
      groups_there_(groups),
      opened_by_admin_(process::capable(process::Capability::net_admin)) {
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
    const auto dispose = [](Entry* entry) { delete entry; };
    queue_.clear_and_dispose(dispose);
    dump_.clear_and_dispose(dispose);
}

Result<void> NetlinkSocket::list(fmt::Sink& out) {
    out.write(
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    "
        "Inode\n");
    sync::MutexGuard guard(g_lock);
    for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_) {
        if (s->port_ == 0) continue;  // nobody finds it
        usize queued = 0;
        u32 dropped = 0;
        bool dumps = false;
        {
            sync::SpinGuard queue(s->lock_);
            queued = s->queued_bytes_;
            dropped = s->dropped_;
            dumps = !s->dump_.empty();
        }
        fmt::print(out, "{:016x} {:<3} {:<10} {:08x} {:<8} {:<8} {:<5} {:<8} {:<8} {:<8}\n", 0,
                   s->protocol(), s->port_, static_cast<u32>(s->groups_), queued, 0, u32{dumps}, 2,
                   dropped, s->inode_number());
    }
    return {};
}

Error NetlinkSocket::take_error() {
    sync::SpinGuard guard(lock_);
    return std::exchange(overrun_, false) ? Error::nobufs : Error::none;
}

NetlinkSocket* NetlinkSocket::find(u32 protocol, u32 port) {
    NetlinkSocket* s = g_sockets;
    while (s != nullptr && (s->port_ != port || s->protocol() != protocol)) s = s->next_;
    return s;
}

// With the list's lock held. A port of 0 is chosen: the process's number, or a free one from above.
Result<void> NetlinkSocket::take_port(u32 wanted) {
    if (wanted != 0) {
        if (find(protocol(), wanted) != nullptr) return Err(Error::addrinuse);
    } else {
        wanted = static_cast<u32>(process::current_process().pid);
        for (u32 high = ~u32{0} - 4096; find(protocol(), wanted) != nullptr; --high) wanted = high;
    }
    port_ = wanted;
    return {};
}

Result<void> NetlinkSocket::may_join(u32 group) const {
    const fmt::Line<24> name("netlink-{}", protocol());
    auto kernel = module::find_service<KernelSide>(name.view());
    return kernel ? kernel->call(&KernelSide::may_join, group) : Result<void>{};
}

Result<void> NetlinkSocket::bind(const Address& address) {
    if (address.length < kAddressBytes || address.family() != kFamilyNetlink)
        return Err(Error::inval);
    const u32 port = word(address, 4);
    u32 groups = word(address, 8);
    if (groups_there_ < 32) groups &= (u32{1} << groups_there_) - 1;
    for (u32 left = groups; left != 0; left &= left - 1) TRY(may_join(lowest(left)));
    sync::MutexGuard guard(g_lock);
    if (word(address, 8) != 0) group_count_ = groups_there_;
    if (port_ != 0) {
        if (port != port_) return Err(Error::inval);
    } else {
        TRY(take_port(port));
    }
    groups_ = (groups_ & ~u64{0xffffffff}) | groups;
    return {};
}

// Only says where send() goes; the family "none" takes it back. Anybody may name the kernel's port.
Result<void> NetlinkSocket::connect(const Address& address, bool) {
    if (address.length < sizeof(u16)) return Err(Error::inval);
    const bool is_none = address.family() == 0;
    if (!is_none && (address.family() != kFamilyNetlink || address.length < kAddressBytes))
        return Err(Error::inval);
    const u32 port = is_none ? 0 : word(address, 4);
    const u32 group = is_none ? 0 : lowest(word(address, 8));
    if ((port != 0 || group != 0) && !process::capable(process::Capability::net_admin))
        return Err(Error::perm);
    sync::MutexGuard guard(g_lock);
    if (!is_none && port_ == 0) TRY(take_port(0));
    to_port_ = port;
    to_group_ = group;
    connected_ = !is_none;
    return {};
}

Result<Address> NetlinkSocket::name(bool peer) {
    sync::MutexGuard guard(g_lock);
    return peer ? make_address(to_port_, mask(to_group_))
                : make_address(port_, static_cast<u32>(groups_));
}

Result<usize> NetlinkSocket::send(Message& message, bool nonblocking) {
    if (message.flags & 1) return Err(Error::opnotsupp);  // out of band
    if (message.data.remaining() == 0) return Err(Error::nodata);
    u32 port = 0, group = 0;
    const bool has_capability = process::capable(process::Capability::net_admin);
    const bool is_addressed = message.to != nullptr && message.to->length != 0;
    if (is_addressed) {
        if (message.to->length < kAddressBytes || message.to->family() != kFamilyNetlink)
            return Err(Error::inval);
        port = word(*message.to, 4);
        group = lowest(word(*message.to, 8));
        if ((port != 0 || group != 0) && !has_capability) return Err(Error::perm);
    } else {
        sync::MutexGuard guard(g_lock);
        port = to_port_;
        group = to_group_;
    }
    {
        sync::MutexGuard guard(g_lock);
        if (port_ == 0) TRY(take_port(0));
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
        payload->port = port_;
    }
    payload->group = group;
    if (group != 0) broadcast(protocol(), payload, this, port);
    if (port != 0) {
        TRY(send_to(port, payload, nonblocking || (message.flags & kMessageDontWait),
                    deadline_of(options().send_timeout_ns)));
        return length;
    }
    // Who was handed a socket may do with an address what its opener might, and no more.
    auto asked = ask_kernel({payload->bytes.get(), length},
                            has_capability && (!is_addressed || opened_by_admin_));
    if (!asked && group == 0) return Err(asked.error());
    return length;
}

Result<void> NetlinkSocket::send_to(u32 port, const Ref<Payload>& payload, bool nonblocking,
                                    sync::Deadline deadline) {
    // One that is connected hears its peer alone.
    const auto hears = [&](NetlinkSocket* s) {
        return s != nullptr && (!s->connected_ || s->to_port_ == payload->port);
    };
    for (;;) {
        {
            sync::MutexGuard guard(g_lock);
            NetlinkSocket* s = find(protocol(), port);
            if (!hears(s)) return Err(Error::connrefused);
            auto done = s->deliver(payload);
            if (done || done.error() != Error::again) return done;
        }
        if (nonblocking) return Err(Error::again);
        auto waited = g_room.wait(
            [&] {
                sync::MutexGuard guard(g_lock);
                NetlinkSocket* s = find(protocol(), port);
                return !hears(s) || s->has_room();
            },
            sync::WaitMode::interruptible, deadline);
        if (!waited) return Err(wait_failed(waited.error(), deadline));
    }
}

void NetlinkSocket::broadcast(u32 protocol, const Ref<Payload>& payload, const NetlinkSocket* from,
                              u32 but_port) {
    const u64 group = u64{1} << (payload->group - 1);
    sync::MutexGuard guard(g_lock);
    for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_)
        if (s != from && s->protocol() == protocol && (s->groups_ & group) != 0 &&
            (but_port == 0 || s->port_ != but_port))
            s->deliver_or_overrun(payload);
}

bool NetlinkSocket::has_listeners(u32 protocol, u32 group) {
    sync::MutexGuard guard(g_lock);
    for (NetlinkSocket* s = g_sockets; s != nullptr; s = s->next_)
        if (s->protocol() == protocol && (s->groups_ & (u64{1} << (group - 1))) != 0) return true;
    return false;
}

void NetlinkSocket::echo(u32 protocol, const Ref<Payload>& payload, u32 port) {
    sync::MutexGuard guard(g_lock);
    if (NetlinkSocket* s = find(protocol, port)) s->deliver_or_overrun(payload);
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

void NetlinkSocket::deliver_or_overrun(const Ref<Payload>& payload) {
    constexpr u32 kNoEnobufs = u32{1} << 5;
    if (deliver(payload)) return;
    {
        sync::SpinGuard guard(lock_);
        ++dropped_;
        if ((options_set_.load(std::memory_order_relaxed) & kNoEnobufs) || congested_) return;
        congested_ = overrun_ = true;
    }
    wait_.wake_all();
}

Result<void> NetlinkSocket::deliver_from_kernel(std::span<const u8> message) {
    TRY_ASSIGN(auto payload, Payload::make(message.size()));
    std::memcpy(payload->bytes.get(), message.data(), message.size());
    payload->credentials = {0, 0, 0};
    sync::MutexGuard guard(g_lock);
    return deliver(payload);
}

// Of the kernel, to this socket.
void NetlinkSocket::send_back(std::span<const u8> bytes) {
    auto payload = Payload::make(bytes.size());
    if (!payload) {
        sync::SpinGuard guard(lock_);
        overrun_ = true;
        return;
    }
    std::memcpy((*payload)->bytes.get(), bytes.data(), bytes.size());
    (*payload)->credentials = {0, 0, 0};
    sync::MutexGuard guard(g_lock);
    deliver_or_overrun(*payload);
}

// For one more, of whatever size. Who delivers holds the list's lock: it stays so.
bool NetlinkSocket::has_room() {
    sync::SpinGuard guard(lock_);
    return queued_bytes_ <= options().receive_bytes && !congested_;
}

bool NetlinkSocket::readable() {
    sync::SpinGuard guard(lock_);
    return overrun_ || !queue_.empty();
}

bool NetlinkSocket::dump_runs() {
    sync::SpinGuard guard(lock_);
    return !dump_.empty();
}

// The next packet of it, while there is room. False: nothing was queued.
bool NetlinkSocket::continue_dump_locked() {
    if (dump_.empty() || queued_bytes_ > options().receive_bytes / 2) return false;
    Entry& entry = dump_.front();
    dump_.pop_front();
    queued_bytes_ += entry.payload->length + kEntryCost;
    queue_.push_back(entry);
    return true;
}

// Of chunks, of which there is at least one: the first goes now, the others as it is read.
Result<void> NetlinkSocket::queue_dump(Queue& chunks) {
    {
        sync::SpinGuard guard(lock_);
        if (!dump_.empty()) return Err(Error::busy);
        dump_.swap(chunks);
        (void)continue_dump_locked();
    }
    wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return {};
}

Result<usize> NetlinkSocket::receive(Message& message, bool nonblocking) {
    const bool peek = message.flags & kMessagePeek;
    bool dumps = false;
    if (message.flags & 1) return Err(Error::opnotsupp);  // out of band
    // Packets of a dump are as long as what is asked for.
    const u32 longest = static_cast<u32>(std::min<usize>(message.data.remaining(), kMaxDumpPacket));
    if (longest > longest_receive_.load(std::memory_order_relaxed))
        longest_receive_.store(longest, std::memory_order_relaxed);
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
                    if (queue_.empty()) congested_ = false;
                    dumps = continue_dump_locked();
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
    if (dumps) wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    const usize n = std::min(message.data.remaining(), payload->length);
    if (n != 0) {
        TRY_ASSIGN(const usize moved, message.data.put(payload->bytes.get(), n));
        if (moved != n) return Err(Error::fault);
    }
    message.from = make_address(payload->port, mask(payload->group));
    if (options_set_.load(std::memory_order_relaxed) & (1u << kPacketInfo)) {
        message.told.level = kLevel;
        message.told.type = kPacketInfo;
        message.told.length = sizeof payload->group;
        std::memcpy(message.told.bytes, &payload->group, sizeof payload->group);
    }
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
