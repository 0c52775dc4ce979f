// One end of a local connection.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/socket.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/lookup.h>

namespace tenon::net::local {

class Endpoint;

struct Packet {
    ~Packet();  // its sender has room again. No locks
    ListHook hook;
    std::unique_ptr<u8[]> bytes;
    usize length = 0, offset = 0;
    bool looked_at = false;  // an empty one is looked at once (SO_PEEK_OFF)
    i64 sent_at_ns = 0;      // 0: the receiver did not ask for it then
    Ancillary ancillary;
    Ref<Endpoint> sender;
    u32 cost_bytes = 0;  // of the sender's buffer
};

enum class State : u8 { fresh, listening, connected, closed };

// A sender that found a datagram socket's queue full, and polls.
struct Waiting {
    Ref<Endpoint> sender;
    std::unique_ptr<Waiting> next;
};

class Endpoint : public RefCounted<Endpoint> {
  public:
    static constexpr u32 kMaxDatagrams = 10;  // Linux: net.unix.max_dgram_qlen
    explicit Endpoint(Kind kind) : kind(kind) {}
    ~Endpoint();

    const Kind kind;
    sync::SpinLock lock{sync::LockRank::spin_outer};
    // --- guarded by lock
    State state = State::fresh;
    // Of a connection whose other end is closed: that end, which has its name still.
    Ref<Endpoint> peer;
    bool reset = false;  // the other end went with unread bytes, or parted from this one
    // A connection's other end closes both.
    bool shut_read = false, shut_write = false;
    bool accepted = true;  // not one that lies in a listener's backlog
    List<Packet, &Packet::hook> queue;
    usize queued_bytes = 0;
    u32 queued_packets = 0;
    std::unique_ptr<Waiting> waiting;
    // --- of a listener
    Ref<Endpoint> backlog_first;  // chained by backlog_next
    Endpoint* backlog_last = nullptr;
    Ref<Endpoint> backlog_next;
    u32 backlog_count = 0;
    // Connections to take, or packets in a datagram socket's queue: one more may lie there.
    u32 backlog_max = kMaxDatagrams;

    // --- set once before others see it
    PeerCredentials own, theirs;

    // --- the sender's buffer
    std::atomic<u32> unsent_bytes{0};  // what its packets cost that nobody has taken yet
    std::atomic<u32> send_limit{Options{}.send_bytes};
    std::atomic<bool> pass_credentials{false}, wants_time{false};
    bool may_send() const { return unsent_bytes.load() < send_limit.load(); }
    // What poll(2) tells and sleepers wait for: a quarter is in use at most.
    bool is_writable() const { return u64{unsent_bytes.load()} * 4 <= send_limit.load(); }

    // --- guarded by names_lock; kept when the socket is closed
    Address name;
    std::atomic<bool> named{false};
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
    // Bytes or connections to take; room in the own buffer; room in the queue or backlog, for
    // others.
    sync::WaitQueue read_wait, write_wait, room_wait;
};

PeerCredentials current_peer_credentials();

// names.cpp. Errors as bind(2) and connect(2).
Result<void> check_address(const Address& address);
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
// Of datagram sockets: sends to `peer` (null: to nobody) from now on, and takes packets of nobody
// else. What the old one sent is lost, and it is told. Error::perm when `peer` has another one.
Result<void> associate(Endpoint& endpoint, Ref<Endpoint> peer);
bool may_send_to(Endpoint& from, Endpoint& to);

// send.cpp
Result<usize> send(Endpoint& from, Message& message, bool nonblocking, sync::Deadline deadline);
// Has the queue no place for a packet of `from`'s?
bool is_full_for(Endpoint& to, Endpoint& from);
// is_full_for(), and if so wakes who polls `from` when something is taken there.
bool watch_if_full(Endpoint& to, Endpoint& from);

// receive.cpp
Result<usize> receive(Endpoint& at, Message& message, bool nonblocking, sync::Deadline deadline,
                      Options& options);
void drop_packets(Endpoint& endpoint);
void wake_waiting(Endpoint& at);  // no locks

}  // namespace tenon::net::local
