// setsockopt, getsockopt. Spec: man 7 socket, man 7 unix.
#include <tenon/mm/user_copy.h>

#include "personality/linux/error_number.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/socket/common.h"

namespace tenon::personality {

namespace {

constexpr u32 kMinSend = 4608, kMinReceive = 2304, kMaxBuffer = 212992;
constexpr u64 kNsPerSecond = 1'000'000'000;

struct Linger {
    i32 on, seconds;
};

u32 buffer_size(i32 wanted, u32 minimum, bool forced) {
    // Doubled, for what the kernel itself needs, as Linux does and tells back.
    const u32 n = forced ? static_cast<u32>(std::clamp(wanted, 0, INT32_MAX / 2))
                         : std::min(static_cast<u32>(wanted), kMaxBuffer);
    return std::max(n * 2, minimum);
}

Result<u64> timeout_from(u64 optval, i32 optlen) {
    if (optlen < static_cast<i32>(sizeof(uapi::__kernel_old_timeval))) return Err(Error::inval);
    TRY_ASSIGN(const auto tv, mm::UserIn<uapi::__kernel_old_timeval>(optval).read());
    if (tv.tv_usec < 0 || tv.tv_usec >= 1'000'000) return Err(Error::dom);
    if (tv.tv_sec < 0) return 0;  // nobody waits
    if (tv.tv_sec >= static_cast<i64>(INT64_MAX / kNsPerSecond) - 1) return ~u64{0};
    const u64 ns = static_cast<u64>(tv.tv_sec) * kNsPerSecond + static_cast<u64>(tv.tv_usec) * 1000;
    return ns == 0 ? ~u64{0} : ns;
}

Result<void> set_option(net::Options& o, i32 name, u64 optval, i32 optlen) {
    // The new names differ on 32-bit machines only.
    const bool receives = name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW;
    if (receives || name == SO_SNDTIMEO_OLD || name == SO_SNDTIMEO_NEW) {
        TRY_ASSIGN(const u64 ns, timeout_from(optval, optlen));
        (receives ? o.receive_timeout_ns : o.send_timeout_ns) = ns;
        return {};
    }
    if (optlen < static_cast<i32>(sizeof(i32))) return Err(Error::inval);
    TRY_ASSIGN(const i32 value, mm::UserIn<i32>(optval).read());
    const bool on = value != 0;
    switch (name) {
        case SO_REUSEADDR:
            o.reuse_address = on;
            return {};
        case SO_REUSEPORT:
            o.reuse_port = on;
            return {};
        case SO_KEEPALIVE:
            o.keep_alive = on;
            return {};
        case SO_BROADCAST:
            o.broadcast = on;
            return {};
        case SO_OOBINLINE:
            o.out_of_band_inline = on;
            return {};
        case SO_PASSCRED:
            o.pass_credentials = on;
            return {};
        case SO_TIMESTAMP_OLD:
            o.timestamp = on;
            return {};
        case SO_DONTROUTE:
            o.dont_route = on;
            return {};
        case SO_NO_CHECK:
            o.no_check = on;
            return {};
        case SO_PASSSEC:
            o.pass_security = on;
            return {};
        case SO_SNDBUF:
            o.send_bytes = buffer_size(value, kMinSend, false);
            return {};
        case SO_RCVBUF:
            o.receive_bytes = buffer_size(value, kMinReceive, false);
            return {};
        case SO_SNDBUFFORCE:
        case SO_RCVBUFFORCE:
            if (!process::capable(process::Capability::net_admin)) return Err(Error::perm);
            (name == SO_SNDBUFFORCE ? o.send_bytes : o.receive_bytes) =
                buffer_size(value, name == SO_SNDBUFFORCE ? kMinSend : kMinReceive, true);
            return {};
        case SO_RCVLOWAT:
            o.low_water = value <= 0 ? 1 : static_cast<u32>(value);
            return {};
        case SO_PRIORITY:
            if ((value < 0 || value > 6) && !process::capable(process::Capability::net_admin))
                return Err(Error::perm);
            o.priority = static_cast<u32>(value);
            return {};
        case SO_MARK:
            if (!process::capable(process::Capability::net_admin)) return Err(Error::perm);
            o.mark = static_cast<u32>(value);
            return {};
        case SO_LINGER: {
            if (optlen < static_cast<i32>(sizeof(Linger))) return Err(Error::inval);
            TRY_ASSIGN(const auto linger, mm::UserIn<Linger>(optval).read());
            o.linger = linger.on != 0;
            o.linger_seconds = static_cast<u32>(linger.seconds);
            return {};
        }
        case SO_TYPE:
        case SO_PROTOCOL:
        case SO_DOMAIN:
        case SO_ERROR:
        case SO_ACCEPTCONN:
        case SO_PEERCRED:
            return Err(Error::noprotoopt);
        default:
            return Err(Error::noprotoopt);
    }
}

// On a copy, since user memory is read meanwhile; what changed goes back, and nothing else, for
// another thread may set another option.
Result<void> set_at_socket(net::SocketRef& ref, i32 name, u64 optval, i32 optlen) {
    TRY_ASSIGN(const auto before,
               inside(ref, [](net::Socket& s) -> Result<net::Options> { return s.options(); }));
    net::Options after = before;
    TRY(set_option(after, name, optval, optlen));
    return inside(ref, [&](net::Socket& s) -> Result<void> {
        const auto* old = reinterpret_cast<const u8*>(&before);
        const auto* wanted = reinterpret_cast<const u8*>(&after);
        auto* kept = reinterpret_cast<u8*>(&s.options());
        for (usize i = 0; i < sizeof after; ++i)
            if (wanted[i] != old[i]) kept[i] = wanted[i];
        s.options_changed();
        return {};
    });
}

// What an option's value looks like to the user.
struct Value {
    alignas(8) u8 bytes[64];
    u32 length = sizeof(i32);
    void number(i64 v) {
        const i32 n = static_cast<i32>(v);
        std::memcpy(bytes, &n, sizeof(n));
    }
    template <typename T>
    void object(const T& v) {
        std::memcpy(bytes, &v, sizeof(v));
        length = sizeof(v);
    }
};

uapi::__kernel_old_timeval timeout_value(u64 ns) {
    uapi::__kernel_old_timeval tv{};
    if (ns == ~u64{0}) return tv;
    tv.tv_sec = static_cast<i64>(ns / kNsPerSecond);
    tv.tv_usec = static_cast<i64>(ns % kNsPerSecond / 1000);
    return tv;
}

Result<Value> get_at_socket(net::Socket& s, i32 name) {
    const net::Options& o = s.options();
    Value v;
    switch (name) {
        case SO_TYPE:
            v.number(static_cast<i32>(s.kind()));
            break;
        case SO_DOMAIN:
            v.number(s.family());
            break;
        case SO_PROTOCOL:
            v.number(s.protocol());
            break;
        case SO_ERROR:
            v.number(errno_of(s.take_error()));
            break;
        case SO_ACCEPTCONN:
            v.number(s.is_listening());
            break;
        case SO_PEERCRED:
            v.object(s.peer_credentials());
            break;
        case SO_REUSEADDR:
            v.number(o.reuse_address);
            break;
        case SO_REUSEPORT:
            v.number(o.reuse_port);
            break;
        case SO_KEEPALIVE:
            v.number(o.keep_alive);
            break;
        case SO_BROADCAST:
            v.number(o.broadcast);
            break;
        case SO_OOBINLINE:
            v.number(o.out_of_band_inline);
            break;
        case SO_PASSCRED:
            v.number(o.pass_credentials);
            break;
        case SO_TIMESTAMP_OLD:
            v.number(o.timestamp);
            break;
        case SO_DONTROUTE:
            v.number(o.dont_route);
            break;
        case SO_NO_CHECK:
            v.number(o.no_check);
            break;
        case SO_PASSSEC:
            v.number(o.pass_security);
            break;
        case SO_SNDBUF:
            v.number(o.send_bytes);
            break;
        case SO_RCVBUF:
            v.number(o.receive_bytes);
            break;
        case SO_RCVLOWAT:
            v.number(o.low_water);
            break;
        case SO_SNDLOWAT:
            v.number(1);
            break;
        case SO_PRIORITY:
            v.number(o.priority);
            break;
        case SO_MARK:
            v.number(o.mark);
            break;
        case SO_LINGER:
            v.object(Linger{o.linger, static_cast<i32>(o.linger_seconds)});
            break;
        case SO_RCVTIMEO_OLD:
        case SO_RCVTIMEO_NEW:
            v.object(timeout_value(o.receive_timeout_ns));
            break;
        case SO_SNDTIMEO_OLD:
        case SO_SNDTIMEO_NEW:
            v.object(timeout_value(o.send_timeout_ns));
            break;
        default:
            return Err(Error::noprotoopt);
    }
    return v;
}

}  // namespace

Result<i64> sys_setsockopt(i32 fd, i32 level, i32 optname, u64 optval, i32 optlen) {
    if (optlen < 0) return Err(Error::inval);
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    if (level == SOL_SOCKET) {
        TRY(set_at_socket(open.socket, optname, optval, optlen));
        return 0;
    }
    TRY_ASSIGN(const u16 family, family_of(open));
    if (family == net::kFamilyUnix) return Err(Error::opnotsupp);
    u8 bytes[128];
    const usize n = std::min<usize>(static_cast<usize>(optlen), sizeof(bytes));
    TRY(mm::copy_from_user(bytes, UserAddr{optval}, n));
    TRY(open.socket.call(&net::Socket::set_option, level, optname, std::span<const u8>(bytes, n)));
    return 0;
}

Result<i64> sys_getsockopt(i32 fd, i32 level, i32 optname, u64 optval, u64 optlen) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(const u16 family, family_of(open));
    if (level != SOL_SOCKET && family == net::kFamilyUnix) return Err(Error::opnotsupp);
    TRY_ASSIGN(const i32 room, mm::UserIn<i32>(optlen).read());
    if (room < 0) return Err(Error::inval);
    Value value;
    if (level == SOL_SOCKET) {
        TRY_ASSIGN(value, inside(open.socket, [&](net::Socket& s) -> Result<Value> {
                       return get_at_socket(s, optname);
                   }));
    } else {
        const usize fits = std::min<usize>(static_cast<usize>(room), sizeof value.bytes);
        TRY_ASSIGN(const usize n, open.socket.call(&net::Socket::get_option, level, optname,
                                                   std::span<u8>(value.bytes, fits)));
        // The family's word of it; no more than there is.
        TRY(mm::copy_to_user(UserAddr{optval}, value.bytes, std::min(n, fits)));
        TRY(mm::UserOut<u32>(optlen).write(static_cast<u32>(n)));
        return 0;
    }
    const u32 n = std::min(static_cast<u32>(room), value.length);
    TRY(mm::copy_to_user(UserAddr{optval}, value.bytes, n));
    TRY(mm::UserOut<u32>(optlen).write(n));
    return 0;
}

}  // namespace tenon::personality
