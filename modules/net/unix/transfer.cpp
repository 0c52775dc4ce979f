// Moving bytes, descriptors and credentials. Spec: man 7 unix, man 2 sendmsg, man 2 recvmsg.
#include <tenon/process/process.h>

#include "flight.h"

namespace tenon::net::local {

namespace {

constexpr usize kChunk = 16384;  // one packet of a stream
constexpr u32 kMaxDatagrams = 128;

Result<usize> broken_pipe(const Message& message, Kind kind) {
    if (kind != Kind::datagram && !(message.flags & kMessageNoSignal))
        (void)process::send_to_task(*current(), process::SignalInfo{.signal = process::kSigPipe});
    return Err(Error::pipe);
}

bool has_room(Endpoint& to) {
    sync::SpinGuard guard(to.lock);
    return to.state == State::closed || to.shut_read ||
           (to.queued_bytes < to.receive_limit && to.queued_packets < kMaxDatagrams * 8);
}

// Waits for room in the receiver's queue. The receiver wakes its own write_wait when it takes
// something.
Result<void> wait_for_room(Endpoint& from, Endpoint& to, bool nonblocking,
                           sync::Deadline deadline) {
    if (has_room(to)) return {};
    if (nonblocking) return Err(Error::again);
    sync::WaitQueue& queue = from.kind == Kind::datagram ? to.write_wait : from.write_wait;
    auto r = queue.wait([&] { return has_room(to) || from.peer_closed; },
                        sync::WaitMode::interruptible, deadline);
    if (!r) return Err(wait_error(r.error()));
    return {};
}

Result<Packet*> make_packet(Message& message, usize length, Endpoint& from) {
    auto packet = std::unique_ptr<Packet>(new (std::nothrow) Packet);
    if (!packet) return Err(Error::nobufs);
    if (length != 0) {
        packet->bytes.reset(new (std::nothrow) u8[length]);
        if (!packet->bytes) return Err(Error::nobufs);
        TRY_ASSIGN(const usize got, message.data.get(packet->bytes.get(), length));
        packet->length = got;
    }
    if (message.ancillary.has_credentials)
        packet->ancillary.credentials = message.ancillary.credentials;
    else
        packet->ancillary.credentials = {process::current_process().pid,
                                         process::current_credentials().uid,
                                         process::current_credentials().gid};
    packet->ancillary.has_credentials = true;
    packet->ancillary.files = std::move(message.ancillary.files);
    packet->ancillary.file_count = std::exchange(message.ancillary.file_count, 0);
    if (from.kind == Kind::datagram) packet->from = name_of(from);
    begin_flight(packet->ancillary);
    return packet.release();
}

// False when the receiver is gone.
bool deliver(Endpoint& to, Packet* packet) {
    {
        sync::SpinGuard guard(to.lock);
        if (to.state == State::closed || to.shut_read) {
            // Dropped by the caller, outside the lock.
            return false;
        }
        to.queued_bytes += packet->length;
        ++to.queued_packets;
        to.queue.push_back(*packet);
    }
    to.read_wait.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return true;
}

Result<usize> send_stream(Endpoint& from, Message& message, bool nonblocking,
                          sync::Deadline deadline) {
    usize sent = 0;
    const usize total = message.data.remaining();
    do {
        Ref<Endpoint> to = peer_of(from);
        if (from.shut_write || from.peer_closed || (!to && from.state == State::connected)) {
            if (sent != 0) return sent;
            return broken_pipe(message, from.kind);
        }
        if (!to) return Err(Error::notconn);
        if (auto r = wait_for_room(from, *to, nonblocking, deadline); !r) {
            if (sent != 0) return sent;
            return Err(r.error());
        }
        const usize chunk = std::min(total - sent, kChunk);
        auto packet = make_packet(message, chunk, from);
        if (!packet) {
            if (sent != 0) return sent;
            return Err(packet.error());
        }
        const usize length = (*packet)->length;
        if (!deliver(*to, *packet)) {
            drop(*packet);
            if (sent != 0) return sent;
            return broken_pipe(message, from.kind);
        }
        sent += length;
        if (length < chunk) break;  // the rest is out of reach
    } while (sent < total);
    return sent;
}

Result<usize> send_record(Endpoint& from, Message& message, bool nonblocking,
                          sync::Deadline deadline) {
    Ref<Endpoint> to;
    if (message.to != nullptr && from.kind == Kind::datagram) {
        TRY_ASSIGN(to, find_name(*message.to, from.kind));
    } else {
        to = peer_of(from);
        if (from.shut_write || (from.kind != Kind::datagram && from.peer_closed))
            return broken_pipe(message, from.kind);
        if (!to) return Err(Error::notconn);
    }
    const usize total = message.data.remaining();
    if (total > to->receive_limit - 32) return Err(Error::msgsize);
    TRY(wait_for_room(from, *to, nonblocking, deadline));
    TRY_ASSIGN(Packet * packet, make_packet(message, total, from));
    if (packet->length != total) {
        drop(packet);
        return Err(Error::fault);
    }
    if (!deliver(*to, packet)) {
        drop(packet);
        if (from.kind == Kind::datagram) return Err(Error::connrefused);
        return broken_pipe(message, from.kind);
    }
    return total;
}

bool readable(Endpoint& at) {
    sync::SpinGuard guard(at.lock);
    return !at.queue.empty() || at.shut_read || at.peer_closed || at.reset ||
           (at.kind != Kind::datagram && at.state == State::fresh);
}

Packet* front(Endpoint& at) {
    sync::SpinGuard guard(at.lock);
    return at.queue.empty() ? nullptr : &at.queue.front();
}

void pop_front(Endpoint& at) {
    Packet* packet;
    Ref<Endpoint> peer;
    {
        sync::SpinGuard guard(at.lock);
        packet = &at.queue.front();
        at.queue.pop_front();
        at.queued_bytes -= packet->length - packet->offset;
        --at.queued_packets;
        peer = at.peer;
    }
    drop(packet);
    at.write_wait.wake_all();
    if (peer) peer->write_wait.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
}

void take_bytes(Endpoint& at, Packet& packet, usize n) {
    sync::SpinGuard guard(at.lock);
    packet.offset += n;
    at.queued_bytes -= n;
}

// Beside the first bytes that are taken.
void take_ancillary(Packet& packet, Message& message, bool peek, const Options& options) {
    if (options.pass_credentials) {
        message.ancillary.credentials = packet.ancillary.credentials;
        message.ancillary.has_credentials = true;
    }
    if (packet.ancillary.file_count == 0) return;
    if (!peek) {
        end_flight(packet.ancillary);
        message.ancillary.files = std::move(packet.ancillary.files);
        message.ancillary.file_count = std::exchange(packet.ancillary.file_count, 0);
        return;
    }
    (void)copy_in_flight(packet.ancillary, message.ancillary);
}

// What lies there now; 0 when nothing does. `reading` held.
Result<usize> take_stream(Endpoint& at, Message& message, const Options& options) {
    const bool peek = message.flags & kMessagePeek;
    usize done = 0;
    bool any = false;
    PeerCredentials writer;
    for (Packet* packet; message.data.remaining() != 0 && (packet = front(at)) != nullptr;) {
        // Bytes of different writers, and what comes with descriptors, are not mixed.
        if (any && (packet->ancillary.file_count != 0 ||
                    (options.pass_credentials && packet->ancillary.credentials.pid != writer.pid)))
            break;
        if (!any) take_ancillary(*packet, message, peek, options);
        any = true;
        writer = packet->ancillary.credentials;
        const usize n = std::min(message.data.remaining(), packet->length - packet->offset);
        auto moved = message.data.put(packet->bytes.get() + packet->offset, n);
        if (!moved) return done != 0 ? Result<usize>(done) : Err(moved.error());
        done += *moved;
        if (peek) break;
        take_bytes(at, *packet, *moved);
        if (packet->offset == packet->length) pop_front(at);
        if (*moved < n) break;
        if (message.ancillary.file_count != 0) break;
    }
    return done;
}

Result<usize> take_record(Endpoint& at, Message& message, const Options& options) {
    Packet& packet = *front(at);
    const bool peek = message.flags & kMessagePeek;
    take_ancillary(packet, message, peek, options);
    message.from = packet.from;
    const usize n = std::min(message.data.remaining(), packet.length);
    if (n != 0) {
        TRY_ASSIGN(const usize moved, message.data.put(packet.bytes.get(), n));
        if (moved != n) return Err(Error::fault);
    }
    const usize whole = packet.length;
    if (whole > n) message.result_flags |= kMessageTruncated;
    if (at.kind == Kind::seqpacket) message.result_flags |= kMessageEndOfRecord;
    if (!peek) pop_front(at);
    return message.flags & kMessageTruncated ? whole : n;
}

}  // namespace

void drop_packets(Endpoint& endpoint) {
    for (;;) {
        Packet* packet;
        {
            sync::SpinGuard guard(endpoint.lock);
            if (endpoint.queue.empty()) return;
            packet = &endpoint.queue.front();
            endpoint.queue.pop_front();
        }
        drop(packet);
    }
}

Result<usize> send(Endpoint& from, Message& message, bool nonblocking, sync::Deadline deadline) {
    nonblocking = nonblocking || (message.flags & kMessageDontWait);
    if (from.kind == Kind::stream) {
        if (message.to != nullptr)
            return Err(from.state == State::connected ? Error::isconn : Error::opnotsupp);
        if (message.data.remaining() == 0) {
            if (from.state != State::connected) return Err(Error::notconn);
            return usize{0};
        }
        return send_stream(from, message, nonblocking, deadline);
    }
    return send_record(from, message, nonblocking, deadline);
}

Result<usize> receive(Endpoint& at, Message& message, bool nonblocking, sync::Deadline deadline,
                      const Options& options) {
    nonblocking = nonblocking || (message.flags & kMessageDontWait);
    usize done = 0;
    const bool stream = at.kind == Kind::stream;
    if (at.kind != Kind::datagram && at.state != State::connected && !at.peer_closed)
        return Err(stream ? Error::inval : Error::notconn);
    if (stream && message.data.remaining() == 0) return usize{0};
    for (;;) {
        {
            sync::MutexGuard guard(at.reading);
            if (front(at) != nullptr) {
                if (!stream) return take_record(at, message, options);
                auto r = take_stream(at, message, options);
                if (!r) return done != 0 ? Result<usize>(done) : r;
                done += *r;
                const bool more =
                    (message.flags & kMessageWaitAll) && !(message.flags & kMessagePeek) &&
                    message.data.remaining() != 0 && message.ancillary.file_count == 0;
                if (!more) return done;
            } else if (at.reset && done == 0) {
                at.reset = false;
                return Err(Error::connreset);
            } else if (at.shut_read || at.peer_closed) {
                return done;
            }
        }
        if (nonblocking) return done != 0 ? Result<usize>(done) : Err(Error::again);
        auto r = at.read_wait.wait([&] { return readable(at); }, sync::WaitMode::interruptible,
                                   deadline);
        if (!r) {
            if (done != 0) return done;
            return Err(wait_error(r.error()));
        }
    }
}

}  // namespace tenon::net::local
