// Sockets, as protocols implement them and personalities use them.
//
// A Socket is the FileOps of its file. A family is a module's object behind its gate; every call on
// a socket from outside goes through `SocketRef`, which passes that gate.
#pragma once

#include <tenon/module/service.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/vfs/file.h>

namespace tenon::net {

// The numbers are everybody's.
enum class Kind : u8 { stream = 1, datagram = 2, raw = 3, seqpacket = 5 };
inline constexpr u16 kFamilyUnspecified = 0, kFamilyUnix = 1;

// An address as programs write it: two bytes of family, then what the family defines.
struct Address {
    u32 length = 0;  // bytes used, family included
    alignas(8) u8 bytes[128] = {};
    // 0 when the address is too short to have one.
    u16 family() const { return length < 2 ? 0 : static_cast<u16>(bytes[0] | (bytes[1] << 8)); }
};

// Of the process at the other end; as it stands, of nobody.
struct PeerCredentials {
    i32 pid = 0;
    u32 uid = ~0u, gid = ~0u;
};

// Descriptors of one SCM_RIGHTS message (SCM_MAX_FD).
inline constexpr u32 kMaxFilesPerMessage = 253;

// What travels beside the bytes.
struct Ancillary {
    std::unique_ptr<Ref<vfs::File>[]> files;
    u32 file_count = 0;
    PeerCredentials credentials;
    bool has_credentials = false;
};

enum : u32 {
    kMessagePeek = 0x2,
    kMessageControlTruncated = 0x8,
    kMessageTruncated = 0x20,
    kMessageDontWait = 0x40,
    kMessageEndOfRecord = 0x80,
    kMessageWaitAll = 0x100,
    kMessageNoSignal = 0x4000,
};

// What a family says of a message in its own words: a control message of that level and type.
struct Told {
    i32 level = 0;     // by the number of its options' level
    i32 type = 0;      // a number of that level
    u32 length = 0;    // bytes; 0: nothing is said
    u8 bytes[8] = {};  // what is said
};

// What one call sends or receives.
struct Message {
    vfs::IoBuffer data;              // what goes, or where it comes to
    u32 flags = 0;                   // in
    u32 result_flags = 0;            // out
    bool tells_credentials = false;  // receive: SO_PASSCRED, for the personality
    bool wants_sender = false;       // receive: `from` is asked for
    i64 sent_at_ns = 0;              // receive: realtime, of a socket with Options::timestamp
    u8 timestamp_form = 0;           // receive: for the personality
    const Address* to = nullptr;     // send
    Address from;                    // receive; length 0: none
    Ancillary ancillary;             // both ways
    Told told;                       // what the family says beside it
};

// What setsockopt sets at the socket's own level; protocols read it.
struct Options {
    u32 send_bytes = 212992, receive_bytes = 212992;
    u64 send_timeout_ns = ~u64{0}, receive_timeout_ns = ~u64{0};
    u32 low_water = 1;
    bool reuse_address = false, reuse_port = false, keep_alive = false, broadcast = false,
         pass_credentials = false, linger = false, out_of_band_inline = false, dont_route = false,
         no_check = false, pass_security = false, debug = false;
    // A record is received with the time at which it was sent; what the time looks like is between
    // the personality and its program.
    bool timestamp = false;
    u8 timestamp_form = 0;
    u32 linger_seconds = 0;
    u32 priority = 0, mark = 0;
    u32 bound_interface = 0;  // by index; 0: none
    u8 fixed_buffers = 0;     // 1: send_bytes, 2: receive_bytes were set by the program
    // Where the next MSG_PEEK begins, in bytes; negative: always at the front. Taking moves it back.
    i32 peek_offset = -1;
    u64 cookie = 0;  // unique as long as the machine runs, once somebody has asked
    // Kept for whoever asks: of what goes over devices only. A flag each, by the personality's
    // number.
    u32 device_flags = 0;
    u32 busy_poll_us = 0, busy_poll_budget = 0;
    u64 pacing_bytes_per_s = ~u64{0};
};

// For waits with one of the timeouts above: until when, and what a wait's error is to the caller.
// One with a timeout is not started anew after a signal. Spec: man 7 signal.
inline sync::Deadline deadline_of(u64 timeout_ns) {
    return timeout_ns == ~u64{0} ? sync::Deadline::never() : sync::Deadline::after_ns(timeout_ns);
}
inline Error wait_failed(Error error, sync::Deadline deadline) {
    if (error == Error::restart && !deadline.is_never()) return Error::intr;
    return error == Error::timedout ? Error::again : error;
}

// What shutdown() ends of a connection.
enum class Shut : u8 { read = 0, write = 1, both = 2 };

class TENON_API Socket : public vfs::FileOps {
  public:
    Socket(u16 family, Kind kind, u32 protocol)
        : family_(family), kind_(kind), protocol_(protocol) {}
    u16 family() const { return family_; }
    Kind kind() const { return kind_; }
    u32 protocol() const { return protocol_; }
    // Who writes there calls options_changed().
    Options& options() { return options_; }
    // The number of its file's inode, set by who made that; 0: it has none.
    u64 inode_number() const { return inode_number_.load(std::memory_order_relaxed); }
    void set_inode_number(u64 n) { inode_number_.store(n, std::memory_order_relaxed); }
    virtual bool is_listening() const { return false; }  // by listen(2)
    // The error that waits to be told (SO_ERROR), taken.
    virtual Error take_error() { return Error::none; }
    virtual PeerCredentials peer_credentials() const { return {}; }

    // As the calls of these names, with their errors. May sleep.
    virtual Result<void> bind(const Address&) { return Err(Error::opnotsupp); }
    virtual Result<void> connect(const Address&, bool) { return Err(Error::opnotsupp); }
    virtual Result<void> listen(i32) { return Err(Error::opnotsupp); }
    virtual Result<std::unique_ptr<Socket>> accept(bool) { return Err(Error::opnotsupp); }
    virtual Result<Address> name(bool peer) = 0;
    virtual Result<usize> send(Message& message, bool nonblocking) = 0;
    virtual Result<usize> receive(Message& message, bool nonblocking) = 0;
    virtual Result<void> shutdown(Shut how) = 0;
    // options() have changed.
    virtual void options_changed() {}
    // A message of the kernel's own for whoever has this socket (netlink). May sleep.
    virtual Result<void> deliver_from_kernel(std::span<const u8>) { return Err(Error::opnotsupp); }
    // Bytes that can be read / that were not taken yet (FIONREAD, SIOCOUTQ).
    virtual usize readable_bytes() { return 0; }
    virtual usize unsent_bytes() { return 0; }
    virtual Result<void> set_option(i32, i32, std::span<const u8>) {
        return Err(Error::noprotoopt);
    }
    // Writes what there is room for; how long the value is.
    virtual Result<usize> get_option(i32, i32, std::span<u8>) { return Err(Error::noprotoopt); }

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override;
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override;
    Result<i64> ioctl(vfs::File& file, u32 command, u64 argument) override;
    bool is_stream() const override { return true; }
    const void* tag() const override { return vfs::kSocketTag; }

  private:
    u16 family_;
    Kind kind_;
    u32 protocol_;
    Options options_;
    std::atomic<u64> inode_number_{0};
};

// A family is found as the service "net-pf-NUMBER", not by symbols, so that it can be restarted
// while personalities have sockets of it: offer it with offer_family().
class Family : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 5;  // of this class, Socket and Message
    // Error::socktnosupport, protonosupport; perm for what needs a capability.
    virtual Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) = 0;
    virtual Result<void> make_pair(Kind kind, u32 protocol, std::unique_ptr<Socket> (&out)[2]) = 0;
};

// Error::exist when the family is there.
inline Result<module::Held> offer_family(module::Context& context, u16 number,
                                         std::unique_ptr<Family> family) {
    const fmt::Line<24> name("net-pf-{}", number);
    return module::offer(context, name.view(), std::move(family));
}

// The sockets of a family, as /proc/net lists them: the service "net-list-NAME".
class Listing : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;
    // Writes the whole text. May sleep.
    virtual Result<void> list(fmt::Sink& out) = 0;
};

// A socket behind a file, called through its gate.
using SocketRef = module::Gated<Socket>;

}  // namespace tenon::net
