// Sending. Spec: man 7 unix, man 2 sendmsg, POSIX.
#include <tenon/process/process.h>
#include <tenon/time/clock.h>

#include <algorithm>
#include <bit>

#include "flight.h"

namespace tenon::net::local {

namespace {

// What a packet takes of its sender's buffer is part of the interface: programs count how much they
// can write, and SIOCOUTQ tells. So it is Linux's sum (include/linux/skbuff.h, SKB_TRUESIZE): a
// header, a block of a power of two with the beginning, and whole pages for the rest.
constexpr usize kHeaderBytes = 256, kTrailerBytes = 320, kLeastBlock = 512;
// Of a stream's packet, and of a record: there what is left over makes the block greater.
constexpr usize kMaxInBlock = kPageSize - kTrailerBytes, kMaxInPages = 32768;
constexpr usize kUsualBlock = 4 * kPageSize - kTrailerBytes, kMostInPages = 17 * kPageSize;

u32 cost_of(usize length, Kind kind) {
    const usize block_bytes = kind == Kind::stream ? kMaxInBlock : kUsualBlock;
    const usize rest =
        length <= block_bytes
            ? 0
            : std::min({length, align_up(length - block_bytes, kPageSize), kMostInPages});
    const usize block = align_up(length - rest, 64) + kTrailerBytes;
    return static_cast<u32>(kHeaderBytes + std::max(std::bit_ceil(block), kLeastBlock) +
                            align_up(rest, kPageSize));
}

Result<usize> broken_pipe(const Message& message) {
    if (!(message.flags & kMessageNoSignal))
        (void)process::send_to_task(*current(), process::SignalInfo{.signal = process::kSigPipe});
    return Err(Error::pipe);
}

// Waits for room in the sender's buffer. Error::connreset, pipe (without a signal), again, intr.
Result<void> wait_for_room(Endpoint& from, bool nonblocking, sync::Deadline deadline) {
    for (;;) {
        {
            sync::SpinGuard guard(from.lock);
            if (std::exchange(from.reset, false)) return Err(Error::connreset);
            if (from.shut_write) return Err(Error::pipe);
        }
        if (from.may_send()) return {};
        if (nonblocking) return Err(Error::again);
        auto r = from.write_wait.wait(
            [&] {
                if (from.may_send()) return true;
                sync::SpinGuard guard(from.lock);
                return from.reset || from.shut_write;
            },
            sync::WaitMode::interruptible, deadline);
        if (!r) return Err(wait_failed(r.error(), deadline));
    }
}

// Error::fault when not all of it could be read and `whole` is asked for.
Result<std::unique_ptr<Packet>> make_packet(Message& message, usize length, Endpoint& from,
                                            bool whole) {
    auto packet = std::unique_ptr<Packet>(new (std::nothrow) Packet);
    if (!packet) return Err(Error::nobufs);
    if (length != 0) {
        packet->bytes.reset(new (std::nothrow) u8[length]);
        if (!packet->bytes) return Err(Error::nobufs);
        TRY_ASSIGN(packet->length, message.data.get(packet->bytes.get(), length));
        if (whole && packet->length != length) return Err(Error::fault);
    }
    if (message.ancillary.has_credentials) {
        packet->ancillary.credentials = message.ancillary.credentials;
        packet->ancillary.has_credentials = true;
    }
    packet->ancillary.files = std::move(message.ancillary.files);
    packet->ancillary.file_count = std::exchange(message.ancillary.file_count, 0);
    packet->sender = Ref(&from);
    packet->cost_bytes = cost_of(length, from.kind);
    from.unsent_bytes.fetch_add(packet->cost_bytes);
    begin_flight(packet->ancillary);
    return packet;
}

// False when nobody reads there any more.
bool deliver(Endpoint& from, Endpoint& to, std::unique_ptr<Packet>& packet) {
    Ancillary& beside = packet->ancillary;
    if (!beside.has_credentials && (from.pass_credentials || to.pass_credentials || !to.accepted)) {
        const auto& own = process::current_credentials();
        beside.credentials = {process::current_process().pid, own.uid, own.gid};
        beside.has_credentials = true;
    }
    if (to.wants_time && to.kind != Kind::stream) packet->sent_at_ns = time::realtime_ns();
    {
        sync::SpinGuard guard(to.lock);
        if (to.state == State::closed || to.shut_read) return false;
        to.queued_bytes += packet->length;
        ++to.queued_packets;
        to.queue.push_back(*packet.release());
    }
    to.read_wait.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return true;
}

Result<usize> send_stream(Endpoint& from, Message& message, bool nonblocking,
                          sync::Deadline deadline) {
    if (message.to != nullptr)
        return Err(from.state == State::connected ? Error::isconn : Error::opnotsupp);
    Ref<Endpoint> to = peer_of(from);
    if (!to) return Err(Error::notconn);
    if (from.shut_write) return broken_pipe(message);
    const usize total = message.data.remaining();
    usize sent = 0;
    const auto stop = [&](Error error) -> Result<usize> {
        if (sent != 0) return sent;
        return error == Error::pipe ? broken_pipe(message) : Err(error);
    };
    while (sent < total) {
        if (auto r = wait_for_room(from, nonblocking, deadline); !r) return stop(r.error());
        // Two packets fit, so that sender and receiver work at once.
        const usize chunk = std::min(
            {total - sent, usize{from.send_limit.load() / 2 - 64}, kMaxInBlock + kMaxInPages});
        auto packet = make_packet(message, chunk, from, false);
        if (!packet) return stop(packet.error());
        const usize length = (*packet)->length;
        if (!deliver(from, *to, *packet)) {
            drop(packet->release());
            return stop(Error::pipe);
        }
        sent += length;
        if (length < chunk) break;  // the rest is out of reach
    }
    return sent;
}

// To a datagram socket that is gone: who was connected to it is not any more.
Error receiver_is_gone(Endpoint& from, Endpoint& to, bool named) {
    {
        sync::SpinGuard guard(from.lock);
        if (from.peer.get() != &to) return named ? Error::connrefused : Error::connreset;
    }
    (void)associate(from, {});
    return Error::connrefused;
}

Result<usize> send_datagram(Endpoint& from, Message& message, bool nonblocking,
                            sync::Deadline deadline) {
    Ref<Endpoint> to;
    if (message.to == nullptr) {
        to = peer_of(from);
        if (!to) return Err(Error::notconn);
    } else {
        TRY(check_address(*message.to));
    }
    const usize total = message.data.remaining();
    if (total > from.send_limit.load() - 32) return Err(Error::msgsize);
    TRY(wait_for_room(from, nonblocking, deadline));
    std::unique_ptr<Packet> packet;
    TRY_ASSIGN(packet, make_packet(message, total, from, true));
    if (message.to != nullptr) {
        auto found = find_name(*message.to, from.kind);
        if (!found) {
            drop(packet.release());
            return Err(found.error());
        }
        to = std::move(*found);
    }
    for (;;) {
        Error error = Error::none;
        if (!may_send_to(from, *to)) {
            error = Error::perm;
        } else if (is_full_for(*to, from)) {
            if (nonblocking) {
                error = Error::again;
            } else {
                auto r = to->room_wait.wait([&] { return !is_full_for(*to, from); },
                                            sync::WaitMode::interruptible, deadline);
                if (r) continue;
                error = wait_failed(r.error(), deadline);
            }
        } else if (deliver(from, *to, packet)) {
            return total;
        } else {
            error = to->state == State::closed ? receiver_is_gone(from, *to, message.to != nullptr)
                                               : Error::pipe;
        }
        drop(packet.release());
        return Err(error);
    }
}

// Records of a connection.
Result<usize> send_record(Endpoint& from, Message& message, bool nonblocking,
                          sync::Deadline deadline) {
    Ref<Endpoint> to;
    {
        sync::SpinGuard guard(from.lock);
        if (std::exchange(from.reset, false)) return Err(Error::connreset);
        if (from.state != State::connected) return Err(Error::notconn);
        to = from.peer;
    }
    const usize total = message.data.remaining();
    if (total > from.send_limit.load() - 32) return Err(Error::msgsize);
    TRY(wait_for_room(from, nonblocking, deadline));
    std::unique_ptr<Packet> packet;
    TRY_ASSIGN(packet, make_packet(message, total, from, true));
    if (deliver(from, *to, packet)) return total;
    drop(packet.release());
    return Err(Error::pipe);
}

}  // namespace

bool is_full_for(Endpoint& to, Endpoint& from) {
    if (to.kind != Kind::datagram || &to == &from) return false;
    sync::SpinGuard guard(to.lock);
    return to.peer.get() != &from && to.state != State::closed && !to.shut_read &&
           to.queued_packets > to.backlog_max;
}

bool watch_if_full(Endpoint& to, Endpoint& from) {
    if (!is_full_for(to, from)) return false;
    std::unique_ptr<Waiting> entry(new (std::nothrow) Waiting);
    if (!entry) return false;
    entry->sender = Ref(&from);
    {
        sync::SpinGuard guard(to.lock);
        for (const Waiting* w = to.waiting.get(); w != nullptr; w = w->next.get())
            if (w->sender.get() == &from) return true;
        entry->next = std::move(to.waiting);
        to.waiting = std::move(entry);
    }
    // Something may have been taken meanwhile.
    if (is_full_for(to, from)) return true;
    wake_waiting(to);
    return false;
}

Result<usize> send(Endpoint& from, Message& message, bool nonblocking, sync::Deadline deadline) {
    nonblocking = nonblocking || (message.flags & kMessageDontWait);
    if (from.kind == Kind::stream) return send_stream(from, message, nonblocking, deadline);
    if (from.kind == Kind::seqpacket) return send_record(from, message, nonblocking, deadline);
    return send_datagram(from, message, nonblocking, deadline);
}

}  // namespace tenon::net::local
