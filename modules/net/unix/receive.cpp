// Receiving. Spec: man 7 unix, man 2 recvmsg, POSIX.
#include <tenon/time/clock.h>

#include <algorithm>

#include "flight.h"

namespace tenon::net::local {

namespace {

constexpr u32 kNobody = 65534;  // kernel.overflowuid

bool is_connection(const Endpoint& at) {
    return at.kind != Kind::datagram;
}

// Where a call begins: the first packet, or for a look with SO_PEEK_OFF the one in which that many
// bytes were seen, which `behind` then is in that packet. Null: nothing lies there.
Packet* place_of_locked(Endpoint& at, const Message& message, const Options& options, usize& behind) {
    behind = 0;
    if (at.queue.empty()) return nullptr;
    if (!(message.flags & kMessagePeek) || options.peek_offset < 0) return &at.queue.front();
    behind = static_cast<usize>(options.peek_offset);
    for (Packet& packet : at.queue) {
        const usize bytes = packet.length - packet.offset;
        if (behind < bytes || (behind == 0 && !packet.looked_at)) return &packet;
        behind -= bytes;
    }
    return nullptr;
}
Packet* place_of(Endpoint& at, const Message& message, const Options& options, usize& behind) {
    sync::SpinGuard guard(at.lock);
    return place_of_locked(at, message, options, behind);
}

bool readable(Endpoint& at, const Message& message, const Options& options) {
    usize behind;
    sync::SpinGuard guard(at.lock);
    return place_of_locked(at, message, options, behind) != nullptr || at.shut_read || at.reset ||
           (is_connection(at) && at.state != State::connected);
}

// `reading` held.
void move_peek_offset(const Message& message, Options& options, usize bytes) {
    if (options.peek_offset < 0) return;
    const i64 n = static_cast<i64>(bytes);
    const i64 to = options.peek_offset + (message.flags & kMessagePeek ? n : -n);
    options.peek_offset = static_cast<i32>(std::clamp<i64>(to, 0, INT32_MAX));
}

// `reading` held, so that nobody takes the one before.
Packet* next_of(Endpoint& at, Packet& packet) {
    sync::SpinGuard guard(at.lock);
    auto next = std::next(at.queue.iterator_to(packet));
    return next == at.queue.end() ? nullptr : &*next;
}

void pop_front(Endpoint& at) {
    Packet* packet;
    bool watched;
    {
        sync::SpinGuard guard(at.lock);
        packet = &at.queue.front();
        at.queue.pop_front();
        at.queued_bytes -= packet->length - packet->offset;
        --at.queued_packets;
        watched = at.waiting != nullptr;
    }
    drop(packet);
    at.room_wait.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
    if (watched) wake_waiting(at);
}

void take_bytes(Endpoint& at, Packet& packet, usize n) {
    sync::SpinGuard guard(at.lock);
    packet.offset += n;
    at.queued_bytes -= n;
}

PeerCredentials credentials_of(const Packet& packet) {
    return packet.ancillary.has_credentials ? packet.ancillary.credentials
                                            : PeerCredentials{0, kNobody, kNobody};
}

// Credentials, where the receiver asks for them, and who sent it.
void tell_sender(const Packet& packet, Message& message, const Options& options) {
    if (options.pass_credentials) {
        message.ancillary.credentials = credentials_of(packet);
        message.ancillary.has_credentials = true;
    }
    if (message.wants_sender && packet.sender->named) message.from = name_of(*packet.sender);
}

void take_files(Packet& packet, Message& message, bool peek) {
    if (packet.ancillary.file_count == 0) return;
    if (peek) {
        (void)copy_in_flight(packet.ancillary, message.ancillary);
        return;
    }
    end_flight(packet.ancillary);
    message.ancillary.files = std::move(packet.ancillary.files);
    message.ancillary.file_count = std::exchange(packet.ancillary.file_count, 0);
}

bool same_writer(const Packet& a, const PeerCredentials& b) {
    const PeerCredentials c = credentials_of(a);
    return c.pid == b.pid && c.uid == b.uid && c.gid == b.gid;
}

struct Progress {
    bool told = false;     // a packet before told who sent it
    bool stopped = false;  // what lies there does not belong to it
};

// What lies there now; 0 when nothing does. `reading` held.
Result<usize> take_stream(Endpoint& at, Message& message, Options& options, Progress& progress) {
    const bool peek = message.flags & kMessagePeek;
    usize done = 0, behind;
    Packet* packet = place_of(at, message, options, behind);
    // A look goes on to the next descriptors without room for the bytes before them, as in Linux.
    for (bool first = true; packet != nullptr && (first || peek || message.data.remaining() != 0);
         first = false) {
        // Bytes of different writers are not mixed.
        if (progress.told && options.pass_credentials &&
            !same_writer(*packet, message.ancillary.credentials)) {
            progress.stopped = true;
            break;
        }
        if (!progress.told) tell_sender(*packet, message, options);
        progress.told = true;
        const usize from = packet->offset + std::exchange(behind, 0);
        const usize n = std::min(message.data.remaining(), packet->length - from);
        auto moved = n == 0 ? Result<usize>(0) : message.data.put(packet->bytes.get() + from, n);
        if (!moved) return done != 0 ? Result<usize>(done) : Err(moved.error());
        done += *moved;
        move_peek_offset(message, options, *moved);
        take_files(*packet, message, peek);
        progress.stopped = peek || message.ancillary.file_count != 0 || *moved < n;
        if (peek) {
            if (message.ancillary.file_count != 0 || *moved < n) break;
            packet = next_of(at, *packet);
            continue;
        }
        take_bytes(at, *packet, *moved);
        if (packet->offset != packet->length) break;
        pop_front(at);
        if (progress.stopped) break;
        packet = place_of(at, message, options, behind);
    }
    return done;
}

Result<usize> take_record(Endpoint& at, Packet& packet, usize behind, Message& message,
                          Options& options) {
    const bool peek = message.flags & kMessagePeek;
    const usize whole = packet.length - behind, n = std::min(message.data.remaining(), whole);
    if (peek && whole == 0) packet.looked_at = true;
    if (n != 0) {
        TRY_ASSIGN(const usize moved, message.data.put(packet.bytes.get() + behind, n));
        if (moved != n) {
            if (!peek) pop_front(at);
            return Err(Error::fault);
        }
    }
    move_peek_offset(message, options, peek ? n : whole);
    if (options.timestamp)
        message.sent_at_ns = packet.sent_at_ns != 0 ? packet.sent_at_ns : time::realtime_ns();
    tell_sender(packet, message, options);
    take_files(packet, message, peek);
    if (whole > n) message.result_flags |= kMessageTruncated;
    if (!peek) pop_front(at);
    return message.flags & kMessageTruncated ? whole : n;
}

// Nothing lies there: why a receiver does not wait. Error::none: he does.
Result<bool> is_at_end(Endpoint& at, bool nonblocking) {
    sync::SpinGuard guard(at.lock);
    if (std::exchange(at.reset, false)) return Err(Error::connreset);
    // As in Linux a datagram socket tells its end to those only who would wait.
    if (at.shut_read) return is_connection(at) || !nonblocking;
    return false;
}

}  // namespace

Packet::~Packet() {
    if (!sender) return;
    sender->unsent_bytes.fetch_sub(cost_bytes);
    if (sender->is_writable())
        sender->write_wait.wake_all(vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand);
}

void wake_waiting(Endpoint& at) {
    std::unique_ptr<Waiting> all;
    {
        sync::SpinGuard guard(at.lock);
        all = std::move(at.waiting);
    }
    while (all) {
        all->sender->write_wait.wake_all(vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand);
        all = std::move(all->next);
    }
}

void drop_packets(Endpoint& endpoint) {
    for (;;) {
        Packet* packet;
        {
            sync::SpinGuard guard(endpoint.lock);
            if (endpoint.queue.empty()) return;
            packet = &endpoint.queue.front();
            endpoint.queue.pop_front();
            endpoint.queued_bytes -= packet->length - packet->offset;
            --endpoint.queued_packets;
        }
        drop(packet);
    }
}

Result<usize> receive(Endpoint& at, Message& message, bool nonblocking, sync::Deadline deadline,
                      Options& options) {
    nonblocking = nonblocking || (message.flags & kMessageDontWait);
    const bool stream = at.kind == Kind::stream;
    if (is_connection(at) && at.state != State::connected)
        return Err(stream ? Error::inval : Error::notconn);
    const usize wanted = message.data.remaining();
    const usize enough = std::max<usize>(
        1, message.flags & kMessageWaitAll ? wanted : std::min<usize>(wanted, options.low_water));
    usize done = 0;
    Progress progress;
    for (;;) {
        {
            sync::MutexGuard guard(at.reading);
            if (at.kind == Kind::datagram) {
                // An error comes before the data here.
                sync::SpinGuard own(at.lock);
                if (std::exchange(at.reset, false)) return Err(Error::connreset);
            }
            usize behind;
            if (Packet* packet = place_of(at, message, options, behind); packet != nullptr) {
                if (!stream) return take_record(at, *packet, behind, message, options);
                auto r = take_stream(at, message, options, progress);
                if (!r) return done != 0 ? Result<usize>(done) : r;
                done += *r;
                if (done >= enough || wanted == 0 || progress.stopped) return done;
            }
            auto end = is_at_end(at, nonblocking);
            if (!end) return done != 0 ? Result<usize>(done) : Err(end.error());
            if (*end) return done;
        }
        if (nonblocking) return done != 0 ? Result<usize>(done) : Err(Error::again);
        auto r = at.read_wait.wait([&] { return readable(at, message, options); },
                                   sync::WaitMode::interruptible, deadline);
        if (!r) {
            if (done != 0) return done;
            return Err(wait_failed(r.error(), deadline));
        }
    }
}

}  // namespace tenon::net::local
