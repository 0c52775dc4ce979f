// The kernel's side of a netlink protocol: who answers the requests, and how messages are written.
//
// A protocol's module offers a KernelSide as the service "netlink-NUMBER" (and has that for an
// alias, so that it is loaded when a socket of the protocol is made). The bytes are those that
// travel. Spec: RFC 3549; netlink(7).
#pragma once

#include <tenon/net/socket.h>

#include <cstring>
#include <memory>
#include <span>

namespace tenon::net::netlink {

// Protocols.
inline constexpr u32 kRoute = 0;          // interfaces, addresses and routes
inline constexpr u32 kKernelUevent = 15;  // events of devices

// Of a message's header. What kReplace and its kin are depends on the type.
enum MessageFlag : u16 {
    kRequest = 0x1,
    kMulti = 0x2,
    kAcknowledge = 0x4,
    kEcho = 0x8,
    kFiltered = 0x20,
    kRoot = 0x100,
    kMatch = 0x200,
    kDump = kRoot | kMatch,
    kReplace = 0x100,
    kExclusive = 0x200,
    kCreate = 0x400,
    kAppend = 0x800,
};
// Types of messages that all protocols have, and the first of their own.
inline constexpr u16 kTypeError = 2;
inline constexpr u16 kTypeDone = 3;    // of a dump's end
inline constexpr u16 kFirstType = 16;  // of a protocol's own
// Of an attribute's type: it holds attributes; and what the type is without such flags.
inline constexpr u16 kNested = 0x8000;
inline constexpr u16 kAttributeType = 0x3fff;      // a mask
inline constexpr usize kHeaderBytes = 16;          // of a message
inline constexpr usize kAttributeHeaderBytes = 4;  // length and type

// Messages and attributes begin at multiples of four bytes.
constexpr usize aligned(usize n) {
    return (n + 3) & ~usize{3};
}

// What each message begins with.
struct Header {
    u32 length = 0;    // bytes, with this header
    u16 type = 0;      // what it is
    u16 flags = 0;     // of MessageFlag
    u32 sequence = 0;  // the asker's number of his request
    u32 port = 0;      // whose the request is
};
static_assert(sizeof(Header) == kHeaderBytes);

// Messages one behind the other, each begun, filled and ended. What memory does not suffice for is
// not written: ask failed() in the end.
class Writer {
  public:
    // The header's length is filled in by end().
    void begin(const Header& header) {
        start_ = size_;
        append(&header, sizeof header);
    }
    // Of what was begun.
    void end() { put_length<u32>(start_); }
    // What was begun is not there any more.
    void drop() { size_ = start_; }
    // What stands behind the header, as it lies in memory.
    template <typename T>
    void body(const T& value) {
        append(&value, sizeof value);
    }
    // The same of bytes.
    void bytes_of(std::span<const u8> value) { append(value.data(), value.size()); }
    // A type and a value of that many bytes.
    void attribute(u16 type, const void* value, usize length) {
        const u16 head[2] = {static_cast<u16>(kAttributeHeaderBytes + length), type};
        append(head, sizeof head);
        append(value, length);
    }
    // In the machine's byte order.
    template <typename T>
    void number(u16 type, T value) {
        attribute(type, &value, sizeof value);
    }
    // With its NUL.
    void text(u16 type, std::string_view value) {
        const u16 head[2] = {static_cast<u16>(kAttributeHeaderBytes + value.size() + 1), type};
        append(head, sizeof head);
        append(value.data(), value.size(), 1);
    }
    // An attribute of attributes: nest() gives what end_nest() takes.
    usize nest(u16 type) {
        const usize at = size_;
        const u16 head[2] = {0, type};
        append(head, sizeof head);
        return at;
    }
    // Its length is known now.
    void end_nest(usize at) { put_length<u16>(at); }
    // Memory did not suffice: what is there is not whole.
    bool failed() const { return failed_; }
    // Of all messages, bytes; and they themselves.
    usize size() const { return size_; }
    // Until more is written.
    std::span<const u8> bytes() const { return {bytes_.get(), size_}; }

  private:
    // Zeros up to the next place; `behind` of them belong to the value.
    void append(const void* from, usize length, usize behind = 0) {
        const usize padded = aligned(length + behind);
        if (failed_ || !reserve(size_ + padded)) return;
        if (length != 0) std::memcpy(bytes_.get() + size_, from, length);
        std::memset(bytes_.get() + size_ + length, 0, padded - length);
        size_ += padded;
    }
    // Padding counts: of all that stands in it but the last, at least.
    template <typename T>
    void put_length(usize at) {
        if (failed_) return;
        const T length = static_cast<T>(size_ - at);
        std::memcpy(bytes_.get() + at, &length, sizeof length);
    }
    bool reserve(usize wanted) {
        if (wanted <= room_) return true;
        const usize room = wanted < 1024 ? 2048 : wanted * 2;
        std::unique_ptr<u8[]> more(new (std::nothrow) u8[room]);
        failed_ = !more;
        if (failed_) return false;
        if (size_ != 0) std::memcpy(more.get(), bytes_.get(), size_);
        bytes_ = std::move(more);
        room_ = room;
        return true;
    }
    std::unique_ptr<u8[]> bytes_;
    usize size_ = 0, room_ = 0, start_ = 0;
    bool failed_ = false;
};

// One message to the kernel.
struct Request {
    Header header;                // its port is the sender's, whatever he wrote
    std::span<const u8> message;  // header included, as long as the header says
    bool strict = false;          // the socket asked for strict checking
    bool may_change = false;      // the sender may administer the network
    // Behind the header.
    std::span<const u8> body() const { return message.subspan(kHeaderBytes); }
};

// Why a request was refused, for who asked to be told.
struct Reason {
    // A literal.
    const char* text = nullptr;
    // Where in the message the attribute is that does not please; 0: none does not.
    u32 offset = 0;
    // The largest value that it may have, and its kind by netlink's numbers; 0: not told.
    u64 largest = 0;
    u32 kind = 0;  // u8, u16, u32: 1, 2, 4
};

// What comes back. A dump's messages have kMulti and end by themselves; a break is where a packet
// of it ends though more would fit.
struct Answer {
    Writer out;             // the messages
    bool is_dump = false;   // set first of all: errors end it then
    bool filtered = false;  // a dump was asked for a part of what there is
    usize breaks[8] = {};   // where packets end, bytes from the beginning
    u32 break_count = 0;    // how many
    Reason why;             // of an error
    // What follows goes into another packet.
    void break_here() {
        if (break_count < 8 && out.size() != (break_count ? breaks[break_count - 1] : 0))
            breaks[break_count++] = out.size();
    }
};

// Who answers a protocol's requests.
class KernelSide : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 1;  // of this class and what it is given
    // How many groups there are: 1..64.
    virtual u32 groups() = 0;
    // Error::perm.
    virtual Result<void> may_join(u32 group) = 0;
    // In the sender's context; may sleep. An error goes to him, or ends the dump.
    virtual Result<void> request(const Request& request, Answer& answer) = 0;
};

// Tells the group's sockets; with `echo` the one at `port`, who asked for it, too. May sleep.
TENON_API void notify(u32 protocol, u32 group, std::span<const u8> message, u32 port, bool echo);
// Whether anybody is in the group: if not, there is no need to write the message.
TENON_API bool has_listeners(u32 protocol, u32 group);

}  // namespace tenon::net::netlink
