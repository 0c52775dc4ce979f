// Sending and receiving. Spec: man 2 send, sendmsg, recv, recvmsg, sendmmsg, recvmmsg.
#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/socket/common.h"

namespace tenon::personality {

namespace {

constexpr u64 kMaxMessages = 1024;
constexpr u64 kMaxBytes = 0x7ffff000;

Result<void> check_flags(u32 flags) {
    if (flags & kMsgOob) return Err(Error::opnotsupp);
    return {};
}

Result<usize> send_message(OpenSocket& open, net::Message& message) {
    TRY(check_flags(message.flags));
    return open.socket.call(&net::Socket::send, message, open.file->nonblocking());
}

Result<usize> receive_message(OpenSocket& open, net::Message& message) {
    if (message.flags & kMsgErrqueue) return Err(Error::again);
    TRY(check_flags(message.flags));
    return inside(open.socket, [&](net::Socket& s) -> Result<usize> {
        auto done = s.receive(message, open.file->nonblocking());
        message.tells_credentials = s.options().pass_credentials;
        message.timestamp_form = s.options().timestamp_form;
        return done;
    });
}

Result<usize> send_one(OpenSocket& open, const UserMsghdr& header, u32 flags) {
    net::Address to;
    if (header.name != 0 && header.name_length != 0) {
        TRY_ASSIGN(to,
                   read_address(header.name, std::min<i32>(header.name_length, sizeof(to.bytes))));
    }
    UserVector vector;
    TRY(vector.load(header.iov, header.iov_count));
    net::Message message{.data = vector.buffer()};
    message.flags = flags;
    message.to = to.length != 0 ? &to : nullptr;
    TRY(read_control(header, message.ancillary));
    return send_message(open, message);
}

Result<usize> receive_one(OpenSocket& open, UserMsghdr& header, u64 header_at, u32 flags) {
    if (header.name_length < 0) return Err(Error::inval);
    UserVector vector;
    TRY(vector.load(header.iov, header.iov_count));
    net::Message message{.data = vector.buffer()};
    message.flags = flags;
    message.wants_sender = header.name != 0;
    TRY_ASSIGN(const usize done, receive_message(open, message));
    header.flags = message.result_flags | (flags & kMsgCmsgCloexec);
    write_control(header, message, flags & kMsgCmsgCloexec, message.tells_credentials);
    if (header.name != 0) {
        const u32 n = std::min(static_cast<u32>(header.name_length), message.from.length);
        if (n != 0) TRY(mm::copy_to_user(UserAddr{header.name}, message.from.bytes, n));
        TRY(mm::UserOut<u32>(header_at + offsetof(UserMsghdr, name_length))
                .write(message.from.length));
    }
    TRY(mm::UserOut<u64>(header_at + offsetof(UserMsghdr, control_length))
            .write(header.control_length));
    TRY(mm::UserOut<u32>(header_at + offsetof(UserMsghdr, flags)).write(header.flags));
    return done;
}

}  // namespace

Result<i64> sys_sendto(i32 fd, u64 buff, u64 len, u32 flags, u64 addr, i32 addr_len) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    net::Address to;
    if (addr != 0) {
        TRY_ASSIGN(to, read_address(addr, addr_len));
    }
    TRY_ASSIGN(auto buffer, user_buffer(buff, std::min(len, kMaxBytes)));
    net::Message message{.data = buffer};
    message.flags = flags;
    message.to = to.length != 0 ? &to : nullptr;
    TRY_ASSIGN(const usize done, send_message(open, message));
    return static_cast<i64>(done);
}

Result<i64> sys_recvfrom(i32 fd, u64 ubuf, u64 size, u32 flags, u64 addr, u64 addr_len) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(auto buffer, user_buffer(ubuf, std::min(size, kMaxBytes)));
    net::Message message{.data = buffer};
    message.flags = flags;
    message.wants_sender = addr != 0;
    TRY_ASSIGN(const usize done, receive_message(open, message));
    if (addr != 0) TRY(write_address(message.from, addr, addr_len));
    return static_cast<i64>(done);
}

Result<i64> sys_sendmsg(i32 fd, u64 msg, u32 flags) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(const auto header, mm::UserIn<UserMsghdr>(msg).read());
    TRY_ASSIGN(const usize done, send_one(open, header, flags));
    return static_cast<i64>(done);
}

Result<i64> sys_recvmsg(i32 fd, u64 msg, u32 flags) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(auto header, mm::UserIn<UserMsghdr>(msg).read());
    TRY_ASSIGN(const usize done, receive_one(open, header, msg, flags));
    return static_cast<i64>(done);
}

namespace {

// struct mmsghdr: a header and how much went.
constexpr u64 kStride = 64;

}  // namespace

Result<i64> sys_sendmmsg(i32 fd, u64 mmsg, u32 vlen, u32 flags) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    i64 count = 0;
    for (u64 i = 0; i < std::min<u64>(vlen, kMaxMessages); ++i) {
        const u64 at = mmsg + i * kStride;
        auto header = mm::UserIn<UserMsghdr>(at).read();
        auto done = header ? send_one(open, *header, flags) : Result<usize>(Err(header.error()));
        if (!done) return count != 0 ? Result<i64>(count) : Err(done.error());
        TRY(mm::UserOut<u32>(at + sizeof(UserMsghdr)).write(static_cast<u32>(*done)));
        ++count;
    }
    return count;
}

namespace {

// What is left of recvmmsg's time, which is looked at between messages only: it ends no wait.
class TimeLeft {
  public:
    Result<void> load(u64 at) {
        at_ = at;
        if (at == 0) return {};
        TRY_ASSIGN(const auto ts, mm::UserIn<uapi::__kernel_timespec>(at).read());
        if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= kNsPerSecond) return Err(Error::inval);
        if (__builtin_mul_overflow(ts.tv_sec, kNsPerSecond, &left_ns_) ||
            __builtin_add_overflow(left_ns_, ts.tv_nsec, &left_ns_))
            left_ns_ = INT64_MAX;
        began_ns_ = static_cast<i64>(time::monotonic_ns());
        return {};
    }
    bool is_over() const { return at_ != 0 && now() == 0; }
    Result<void> store() const {
        if (at_ == 0) return {};
        const i64 ns = now();
        uapi::__kernel_timespec ts{};
        ts.tv_sec = ns / kNsPerSecond;
        ts.tv_nsec = ns % kNsPerSecond;
        return mm::UserOut<uapi::__kernel_timespec>(at_).write(ts);
    }

  private:
    static constexpr i64 kNsPerSecond = 1'000'000'000;
    i64 now() const {
        return std::max<i64>(0, left_ns_ - (static_cast<i64>(time::monotonic_ns()) - began_ns_));
    }
    u64 at_ = 0;
    i64 left_ns_ = 0, began_ns_ = 0;
};

}  // namespace

Result<i64> sys_recvmmsg(i32 fd, u64 mmsg, u32 vlen, u32 flags, u64 timeout) {
    constexpr u32 kWaitForOne = 0x10000;
    TimeLeft left;
    TRY(left.load(timeout));
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    i64 count = 0;
    u32 now = flags & ~kWaitForOne;
    for (u64 i = 0; i < std::min<u64>(vlen, kMaxMessages); ++i) {
        const u64 at = mmsg + i * kStride;
        auto header = mm::UserIn<UserMsghdr>(at).read();
        auto done =
            header ? receive_one(open, *header, at, now) : Result<usize>(Err(header.error()));
        if (!done) {
            if (count == 0) return Err(done.error());
            break;
        }
        TRY(mm::UserOut<u32>(at + sizeof(UserMsghdr)).write(static_cast<u32>(*done)));
        ++count;
        if (flags & kWaitForOne) now |= net::kMessageDontWait;
        if (left.is_over()) break;
    }
    if (count != 0) TRY(left.store());
    return count;
}

}  // namespace tenon::personality
