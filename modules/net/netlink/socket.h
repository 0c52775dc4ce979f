// A netlink socket.
//
// Locks: the list's (sleeps) guards ports, groups and who is in the list; whoever delivers holds
// it. The socket's own (spin) guards its queue. The kernel's side is asked under neither.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/netlink.h>
#include <tenon/sync/mutex.h>

namespace tenon::net::netlink {

inline constexpr u16 kFamilyNetlink = 16;
inline constexpr u32 kKernelGroup = 1;
inline constexpr u32 kMaxGroups = 64;

// One message, shared by the queues it stands in.
struct Payload : RefCounted<Payload> {
    std::unique_ptr<u8[]> bytes;
    usize length = 0;
    u32 port = 0, group = 0;  // who sent it, and to which group
    PeerCredentials credentials;
    static Result<Ref<Payload>> make(usize length);
};

class NetlinkSocket final : public Socket {
  public:
    // `groups`: of the protocol.
    NetlinkSocket(Kind kind, u32 protocol, u32 groups);
    ~NetlinkSocket() override;
    Error take_error() override;
    Result<void> bind(const Address& address) override;
    Result<void> connect(const Address& address, bool nonblocking) override;
    Result<Address> name(bool peer) override;
    Result<usize> send(Message& message, bool nonblocking) override;
    Result<usize> receive(Message& message, bool nonblocking) override;
    Result<void> shutdown(Shut) override { return Err(Error::opnotsupp); }
    Result<void> deliver_from_kernel(std::span<const u8> message) override;
    usize readable_bytes() override;
    Result<void> set_option(i32 level, i32 name, std::span<const u8> value) override;
    Result<usize> get_option(i32 level, i32 name, std::span<u8> value) override;
    u32 poll(vfs::File& file, vfs::PollTable* table) override;

    // The text of /proc/net/netlink. Spec: Linux net/netlink/af_netlink.c.
    static Result<void> list(fmt::Sink& out);
    // To every socket of the protocol that is in the payload's group, but `from` and the one at
    // that port (0: none).
    static void broadcast(u32 protocol, const Ref<Payload>& payload, const NetlinkSocket* from,
                          u32 but_port = 0);
    static bool has_listeners(u32 protocol, u32 group);
    static void echo(u32 protocol, const Ref<Payload>& payload, u32 port);

  private:
    struct Entry {
        ListHook hook;
        Ref<Payload> payload;
    };
    using Queue = List<Entry, &Entry::hook>;
    // With the list's lock. Errors: again (it is full), nobufs.
    Result<void> deliver(const Ref<Payload>& payload);
    // The same from one who does not wait: the socket hears that it missed something.
    void deliver_or_overrun(const Ref<Payload>& payload);
    bool has_room();
    Result<void> take_port(u32 wanted);
    static NetlinkSocket* find(u32 protocol, u32 port);
    Result<void> send_to(u32 port, const Ref<Payload>& payload, bool nonblocking,
                         sync::Deadline deadline);
    Result<void> may_join(u32 group) const;
    bool readable();

    // --- Requests (requests.cpp)
    Result<void> ask_kernel(std::span<const u8> messages, bool may_change);
    Result<void> one_request(module::Gated<KernelSide>& kernel, const Request& request);
    Result<void> acknowledge(const Request& request, Error error, const Reason& why);
    Result<void> answer_messages(std::span<const u8> bytes);
    Result<void> answer_dump(const Request& request, const Answer& answer, Error error);
    Result<void> queue_dump(Queue& chunks);
    bool dump_runs();
    bool continue_dump_locked();
    void send_back(std::span<const u8> bytes);

    NetlinkSocket* next_ = nullptr;
    // --- guarded by the list's lock
    u32 port_ = 0;
    u64 groups_ = 0;
    u32 group_count_ = 0;             // once it has asked for any
    u32 to_port_ = 0, to_group_ = 0;  // where send() goes without an address
    bool connected_ = false;

    const u32 groups_there_;
    const bool opened_by_admin_;
    // Numbers of options are bits here; written by set_option() alone.
    std::atomic<u32> options_set_{0};
    std::atomic<u32> longest_receive_{0};

    sync::SpinLock lock_{sync::LockRank::spin_outer};
    // --- guarded by lock_
    Queue queue_;
    Queue dump_;  // what is left of it
    usize queued_bytes_ = 0;
    u32 dropped_ = 0;
    bool overrun_ = false;
    bool congested_ = false;  // nothing is taken until the queue was emptied
    sync::WaitQueue wait_;
};

// Numbers of errors as they travel.
i32 wire_error(Error error);

}  // namespace tenon::net::netlink
