// setsockopt, getsockopt. Spec: man 7 socket, man 7 unix.
#include <tenon/mm/user_copy.h>
#include <tenon/module/service.h>
#include <tenon/net/interface.h>
#include <tenon/process/process.h>

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
// What a negative linger time is told as: the most ticks of 4 ms that there are, cut to 32 bits.
constexpr u32 kLingerForever = static_cast<u32>(INT64_MAX / 250);

constexpr u16 kInet = 2, kInet6 = 10, kNetlink = 16;
bool is_inet(u16 family) {
    return family == kInet || family == kInet6;
}

// Of families whose packets see no device: Linux keeps these flags and they mean nothing.
constexpr i32 kDeviceFlags[] = {SO_RXQ_OVFL,          SO_WIFI_STATUS,      SO_NOFCS,  SO_TXREHASH,
                                SO_SELECT_ERR_QUEUE,  SO_PREFER_BUSY_POLL, SO_RCVMARK};
bool sees_no_device(u16 family) {
    return family == net::kFamilyUnix || family == kNetlink;
}
// The flag's bit in Options::device_flags; 0: it is none.
u32 device_flag(u16 family, i32 name) {
    const auto* at = std::ranges::find(kDeviceFlags, name);
    return at == std::end(kDeviceFlags) || !sees_no_device(family) ? 0
                                                                   : 1u << (at - kDeviceFlags);
}

Result<void> need(process::Capability capability, Error otherwise = Error::perm) {
    return process::capable(capability) ? Result<void>{} : Err(otherwise);
}

using Interfaces = module::Gated<net::Interfaces>;
Result<Interfaces> interfaces() {
    return module::find_service<net::Interfaces>("net-interfaces");
}

Result<void> bind_to_interface(net::Options& o, i32 index) {
    if (o.bound_interface != 0) TRY(need(process::Capability::net_raw));
    if (index < 0) return Err(Error::inval);
    o.bound_interface = static_cast<u32>(index);
    return {};
}
// SO_BINDTODEVICE: by name, which need not end with a zero; an empty one lets go.
Result<void> bind_to_named(net::Options& o, u64 optval, i32 optlen) {
    char name[net::kInterfaceNameBytes] = {};
    const usize n = std::min<usize>(static_cast<usize>(optlen), sizeof name - 1);
    TRY(mm::copy_from_user(name, UserAddr{optval}, n));
    if (name[0] == 0) return bind_to_interface(o, 0);
    TRY_ASSIGN(auto table, interfaces());
    TRY_ASSIGN(const auto found, table.call(&net::Interfaces::by_name, std::string_view(name)));
    return bind_to_interface(o, static_cast<i32>(found.index));
}

u8 timestamp_form_of(i32 name) {
    return static_cast<u8>(
        (name == SO_TIMESTAMPNS_OLD || name == SO_TIMESTAMPNS_NEW ? kTimeInNanoseconds : 0) |
        (name == SO_TIMESTAMP_NEW || name == SO_TIMESTAMPNS_NEW ? kTimeByNewNumber : 0));
}
bool tells_time_as(const net::Options& o, i32 name) {
    if (!o.timestamp) return false;
    const u8 form = timestamp_form_of(name);
    // By its new number the plain time is told of for both.
    return name == SO_TIMESTAMP_NEW ? o.timestamp_form & kTimeByNewNumber
                                    : o.timestamp_form == form;
}

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

Result<void> set_busy_poll(u32& kept, i32 value, i32 most) {
    if (static_cast<u32>(value) > kept) {
        const bool may = process::capable(process::Capability::net_admin);
        if (!may) return Err(Error::perm);
    }
    if (value < 0 || value > most) return Err(Error::inval);
    kept = static_cast<u32>(value);
    return {};
}

// What only sockets of AF_UNIX and AF_NETLINK take here: options of devices. Error::noprotoopt.
Result<void> set_device_option(net::Options& o, u16 family, i32 name, i32 value, u64 optval,
                               i32 optlen) {
    if (!sees_no_device(family)) return Err(Error::noprotoopt);
    if (const u32 flag = device_flag(family, name); flag != 0) {
        if (name == SO_PREFER_BUSY_POLL && value != 0) TRY(need(process::Capability::net_admin));
        if (name == SO_TXREHASH && (value < -1 || value > 1)) return Err(Error::inval);
        o.device_flags = value != 0 ? o.device_flags | flag : o.device_flags & ~flag;
        return {};
    }
    switch (name) {
        case SO_BUSY_POLL:
            return set_busy_poll(o.busy_poll_us, value, INT32_MAX);
        case SO_BUSY_POLL_BUDGET:
            if (value > static_cast<i32>(o.busy_poll_budget))
                TRY(need(process::Capability::net_admin));
            if (value < 0 || value > 0xffff) return Err(Error::inval);
            o.busy_poll_budget = static_cast<u32>(value);
            return {};
        case SO_MAX_PACING_RATE:
            o.pacing_bytes_per_s = value == -1 ? ~u64{0} : static_cast<u32>(value);
            if (optlen >= static_cast<i32>(sizeof(u64))) {
                TRY_ASSIGN(o.pacing_bytes_per_s, mm::UserIn<u64>(optval).read());
            }
            return {};
        case SO_CNX_ADVICE:  // about routes, of which there is none
            return {};
        case SO_ZEROCOPY:
            return Err(Error::opnotsupp);
        case SO_RESERVE_MEM:
            return Err(value < 0 ? Error::inval : Error::opnotsupp);
        default:
            return Err(Error::noprotoopt);
    }
}

Result<void> set_option(net::Options& o, u16 family, i32 name, u64 optval, i32 optlen) {
    if (name == SO_BINDTODEVICE) return bind_to_named(o, optval, optlen);
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
        case SO_DEBUG:
            if (on) TRY(need(process::Capability::net_admin, Error::acces));
            o.debug = on;
            return {};
        case SO_BSDCOMPAT:
            return {};
        case SO_BINDTOIFINDEX:
            return bind_to_interface(o, value);
        case SO_PEEK_OFF:
            if (family != net::kFamilyUnix) return Err(Error::opnotsupp);
            o.peek_offset = value;
            return {};
        case SO_BUF_LOCK:
            if ((value & ~3) != 0) return Err(Error::inval);
            o.fixed_buffers = static_cast<u8>(value);
            return {};
        case SO_REUSEPORT:
            if (on && !is_inet(family)) return Err(Error::opnotsupp);
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
        case SO_TIMESTAMP_NEW:
        case SO_TIMESTAMPNS_OLD:
        case SO_TIMESTAMPNS_NEW:
            o.timestamp = on;
            if (on) o.timestamp_form = timestamp_form_of(name);
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
            o.fixed_buffers |= 1;
            return {};
        case SO_RCVBUF:
            o.receive_bytes = buffer_size(value, kMinReceive, false);
            o.fixed_buffers |= 2;
            return {};
        case SO_SNDBUFFORCE:
        case SO_RCVBUFFORCE:
            if (!process::capable(process::Capability::net_admin)) return Err(Error::perm);
            (name == SO_SNDBUFFORCE ? o.send_bytes : o.receive_bytes) =
                buffer_size(value, name == SO_SNDBUFFORCE ? kMinSend : kMinReceive, true);
            o.fixed_buffers |= name == SO_SNDBUFFORCE ? 1 : 2;
            return {};
        case SO_RCVLOWAT:
            o.low_water = value == 0 ? 1 : static_cast<u32>(value < 0 ? INT32_MAX : value);
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
            if (o.linger)
                o.linger_seconds =
                    linger.seconds < 0 ? kLingerForever : static_cast<u32>(linger.seconds);
            return {};
        }
        default:
            return set_device_option(o, family, name, value, optval, optlen);
    }
}

// On a copy, since user memory is read meanwhile; what changed goes back, and nothing else, for
// another thread may set another option.
Result<void> set_at_socket(net::SocketRef& ref, i32 name, u64 optval, i32 optlen) {
    TRY_ASSIGN(const auto before,
               inside(ref, [](net::Socket& s) -> Result<net::Options> { return s.options(); }));
    net::Options after = before;
    TRY_ASSIGN(const u16 family,
               inside(ref, [](net::Socket& s) -> Result<u16> { return s.family(); }));
    TRY(set_option(after, family, name, optval, optlen));
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
    alignas(8) u8 bytes[sizeof(net::Address::bytes)];
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

Result<Value> get_device_option(net::Socket& s, i32 name) {
    const net::Options& o = s.options();
    if (!sees_no_device(s.family())) return Err(Error::noprotoopt);
    Value v;
    if (const u32 flag = device_flag(s.family(), name); flag != 0) {
        v.number((o.device_flags & flag) != 0);
        return v;
    }
    switch (name) {
        case SO_BUSY_POLL:
            v.number(o.busy_poll_us);
            return v;
        case SO_MAX_PACING_RATE:
            v.object(o.pacing_bytes_per_s);
            return v;
        case SO_ZEROCOPY:
        case SO_RESERVE_MEM:
            v.number(0);
            return v;
        default:
            return Err(Error::noprotoopt);
    }
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
        case SO_TIMESTAMP_NEW:
        case SO_TIMESTAMPNS_OLD:
        case SO_TIMESTAMPNS_NEW:
            v.number(tells_time_as(o, name));
            break;
        case SO_DEBUG:
            v.number(o.debug);
            break;
        case SO_BSDCOMPAT:
        case SO_INCOMING_NAPI_ID:
            v.number(0);
            break;
        case SO_BINDTOIFINDEX:
            v.number(o.bound_interface);
            break;
        case SO_PEEK_OFF:
            if (s.family() != net::kFamilyUnix) return Err(Error::opnotsupp);
            v.number(o.peek_offset);
            break;
        case SO_BUF_LOCK:
            v.number(o.fixed_buffers);
            break;
        case SO_MEMINFO: {
            const u32 sizes[9] = {0, o.receive_bytes, static_cast<u32>(s.unsent_bytes()),
                                  o.send_bytes};
            v.object(sizes);
            break;
        }
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
            return get_device_option(s, name);
    }
    return v;
}

// What asks for room of its own size: SO_COOKIE, SO_PEERNAME, SO_BINDTODEVICE. False: another.
Result<bool> get_by_size(net::Socket& s, i32 name, usize room, Value& v) {
    net::Options& o = s.options();
    switch (name) {
        case SO_COOKIE: {
            if (room < sizeof(u64)) return Err(Error::inval);
            static std::atomic<u64> last{0};
            std::atomic_ref<u64> cookie(o.cookie);
            u64 none = 0;
            if (cookie.load() == 0) cookie.compare_exchange_strong(none, ++last);
            v.object(cookie.load());
            return true;
        }
        case SO_PEERNAME: {
            const auto peer = s.name(true);
            if (!peer) return Err(Error::notconn);
            if (peer->length < room) return Err(Error::inval);
            v.length = static_cast<u32>(room);
            std::memcpy(v.bytes, peer->bytes, room);
            return true;
        }
        case SO_BINDTODEVICE: {
            v.length = 0;
            if (o.bound_interface == 0) return true;
            if (room < net::kInterfaceNameBytes) return Err(Error::inval);
            TRY_ASSIGN(auto table, interfaces());
            TRY_ASSIGN(const auto found, table.call(&net::Interfaces::by_index, o.bound_interface));
            const std::string_view text(found.name);
            v.length = static_cast<u32>(text.size() + 1);
            std::memcpy(v.bytes, found.name, v.length);
            return true;
        }
        default:
            return false;
    }
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
                       Value v;
                       TRY_ASSIGN(const bool told,
                                  get_by_size(s, optname, static_cast<usize>(room), v));
                       return told ? Result<Value>(v) : get_at_socket(s, optname);
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
