// One end of a local connection.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/socket.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/lookup.h>

namespace tenon::net::local {

struct Packet {
    ListHook hook;
    std::unique_ptr<u8[]> bytes;
    usize length = 0, offset = 0;
    Ancillary ancillary;
    Address from;
};

enum class State : u8 { fresh, listening, connected, closed };

class Endpoint : public RefCounted<Endpoint> {
  public:
    explicit Endpoint(Kind kind) : kind(kind) {}
    ~Endpoint();

    const Kind kind;
    sync::SpinLock lock{sync::LockRank::spin_outer};
    // --- guarded by lock
    State state = State::fresh;
    Ref<Endpoint> peer;
    bool peer_closed = false;  // the other end is gone
    bool reset = false;        // it went with unread bytes of ours
    bool shut_read = false, shut_write = false;
    List<Packet, &Packet::hook> queue;
    usize queued_bytes = 0;
    u32 queued_packets = 0;
    // --- of a listener
    Ref<Endpoint> backlog_first;  // chained by backlog_next
    Endpoint* backlog_last = nullptr;
    Ref<Endpoint> backlog_next;
    u32 backlog_count = 0, backlog_max = 0;

    // --- set once before others see it
    PeerCredentials own, theirs;
    bool pass_credentials = false;
    u32 receive_limit = 212992;

    // --- guarded by names_lock
    Address name;
    vfs::Path node;                 // of a path name
    Endpoint* name_next = nullptr;  // of an abstract one

    // --- guarded by flight_lock (flight.cpp): while its file lies in packets
    struct Flight {
        u32 references = 0, outside = 0;
        bool candidate = false, reached = false;
        vfs::File* file = nullptr;
        Endpoint *next = nullptr, *previous = nullptr, *work = nullptr;
    } flight;

    sync::Mutex reading{sync::LockRank::socket};
    sync::WaitQueue read_wait, write_wait;
};

PeerCredentials current_peer_credentials();

// names.cpp. Errors as bind(2) and connect(2).
Result<void> bind_name(Endpoint& endpoint, const Address& address);
Result<void> bind_automatically(Endpoint& endpoint);
void unbind_name(Endpoint& endpoint);
Result<Ref<Endpoint>> find_name(const Address& address, Kind kind);
Address name_of(Endpoint& endpoint);

// endpoint.cpp
void link_pair(const Ref<Endpoint>& a, const Ref<Endpoint>& b);
Result<void> connect_to(const Ref<Endpoint>& client, const Ref<Endpoint>& listener,
                        bool nonblocking, sync::Deadline deadline);
Result<Ref<Endpoint>> take_connection(Endpoint& listener, bool nonblocking,
                                      sync::Deadline deadline);
void close_endpoint(Endpoint& endpoint);
Ref<Endpoint> peer_of(Endpoint& endpoint);

// transfer.cpp
Result<usize> send(Endpoint& from, Message& message, bool nonblocking, sync::Deadline deadline);
Result<usize> receive(Endpoint& at, Message& message, bool nonblocking, sync::Deadline deadline,
                      const Options& options);
void drop_packets(Endpoint& endpoint);

}  // namespace tenon::net::local
