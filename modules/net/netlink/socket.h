#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/socket.h>
#include <tenon/sync/mutex.h>

namespace tenon::net::netlink {

inline constexpr u16 kFamilyNetlink = 16;
inline constexpr u32 kRoute = 0, kKernelUevent = 15;  // protocols
inline constexpr u32 kKernelGroup = 1;

// One message, shared by the queues it stands in.
struct Payload : RefCounted<Payload> {
    std::unique_ptr<u8[]> bytes;
    usize length = 0;
    u32 port = 0, groups = 0;  // who sent it, and to which groups
    PeerCredentials credentials;
    static Result<Ref<Payload>> make(usize length);
};

class NetlinkSocket final : public Socket {
  public:
    NetlinkSocket(Kind kind, u32 protocol);
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
    u32 poll(vfs::File& file, vfs::PollTable* table) override;

    // The text of /proc/net/netlink. Spec: Linux net/netlink/af_netlink.c.
    static Result<void> list(fmt::Sink& out);
    // To every socket but `from` that is in one of the groups.
    static void broadcast(const Ref<Payload>& payload, const NetlinkSocket* from);

  private:
    struct Entry {
        ListHook hook;
        Ref<Payload> payload;
    };
    // With the list's lock. Errors: again (it is full), nobufs.
    Result<void> deliver(const Ref<Payload>& payload);
    bool has_room();
    Result<void> take_port(u32 wanted);
    static Result<void> send_to(u32 port, const Ref<Payload>& payload, bool nonblocking,
                                sync::Deadline deadline);
    bool readable();

    NetlinkSocket* next_ = nullptr;
    u32 port_ = 0, groups_ = 0;        // guarded by the list's lock
    u32 to_port_ = 0, to_groups_ = 0;  // where send() goes without an address; the same
    sync::SpinLock lock_{sync::LockRank::spin_outer};
    List<Entry, &Entry::hook> queue_;
    usize queued_bytes_ = 0;
    bool overrun_ = false;
    sync::WaitQueue wait_;
};

}  // namespace tenon::net::netlink
