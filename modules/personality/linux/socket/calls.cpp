// socket and what makes, names and ends connections. Spec: the man pages of these names, section 2.
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/socket/common.h"

namespace tenon::personality {

namespace {

constexpr u32 kTypeMask = 0xf;

u32 open_flags_of(u32 type_flags) {
    return type_flags & kSockNonblock ? u32{vfs::kOpenNonblock} : 0;
}

Result<net::Kind> kind_of(u32 type) {
    if ((type & ~kTypeMask) & ~(kSockNonblock | kSockCloexec)) return Err(Error::inval);
    const u32 kind = type & kTypeMask;
    if (kind == 0 || kind > 10) return Err(Error::inval);
    if (kind != 1 && kind != 2 && kind != 3 && kind != 5) return Err(Error::socktnosupport);
    return static_cast<net::Kind>(kind);
}

}  // namespace

Result<i64> sys_socket(i32 family, i32 type, i32 protocol) {
    const u32 flags = static_cast<u32>(type);
    if ((flags & ~kTypeMask) & ~(kSockNonblock | kSockCloexec)) return Err(Error::inval);
    if (family < 0 || family >= 46) return Err(Error::afnosupport);
    TRY_ASSIGN(const net::Kind kind, kind_of(flags));
    TRY_ASSIGN(auto file, make_socket(static_cast<u16>(family), kind, static_cast<u32>(protocol),
                                      open_flags_of(flags)));
    return install_file(std::move(file), flags & kSockCloexec);
}

Result<i64> sys_socketpair(i32 family, i32 type, i32 protocol, u64 usockvec) {
    const u32 flags = static_cast<u32>(type);
    if ((flags & ~kTypeMask) & ~(kSockNonblock | kSockCloexec)) return Err(Error::inval);
    // As Linux does: the numbers are there, and told, before there are sockets.
    TRY_ASSIGN(auto first, ReservedDescriptor::make(flags & kSockCloexec));
    TRY_ASSIGN(auto second, ReservedDescriptor::make(flags & kSockCloexec));
    const i32 both[2] = {first.number(), second.number()};
    TRY(mm::copy_to_user(UserAddr{usockvec}, both, sizeof(both)));
    if (family < 0 || family >= 46) return Err(Error::afnosupport);
    TRY_ASSIGN(const net::Kind kind, kind_of(flags));
    TRY_ASSIGN(auto pair, make_socket_pair(static_cast<u16>(family), kind,
                                           static_cast<u32>(protocol), open_flags_of(flags)));
    first.publish(std::move(pair.files[0]));
    second.publish(std::move(pair.files[1]));
    return 0;
}

Result<i64> sys_bind(i32 fd, u64 umyaddr, i32 addrlen) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(const auto address, read_address(umyaddr, addrlen));
    TRY(open.socket.call(&net::Socket::bind, address));
    return 0;
}

Result<i64> sys_listen(i32 fd, i32 backlog) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY(open.socket.call(&net::Socket::listen, backlog));
    return 0;
}

Result<i64> sys_connect(i32 fd, u64 uservaddr, i32 addrlen) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(const auto address, read_address(uservaddr, addrlen));
    TRY(open.socket.call(&net::Socket::connect, address, open.file->nonblocking()));
    return 0;
}

Result<i64> sys_accept4(i32 fd, u64 upeer_sockaddr, u64 upeer_addrlen, u32 flags) {
    TRY_ASSIGN(auto file, current()->files->get(fd));
    if (file->is_path_only()) return Err(Error::badf);
    if (flags & ~(kSockNonblock | kSockCloexec)) return Err(Error::inval);
    TRY_ASSIGN(auto slot, ReservedDescriptor::make(flags & kSockCloexec));
    TRY_ASSIGN(auto listener, socket_of(*file));
    TRY_ASSIGN(auto accepted, accept_socket(listener, file->nonblocking(), open_flags_of(flags)));
    if (upeer_sockaddr != 0) {
        auto fresh = socket_of(*accepted);
        net::Address address;
        if (fresh)
            if (auto name = fresh->call(&net::Socket::name, true); name) address = *name;
        TRY(write_address(address, upeer_sockaddr, upeer_addrlen));
    }
    return slot.publish(std::move(accepted));
}

Result<i64> sys_accept(i32 fd, u64 upeer_sockaddr, u64 upeer_addrlen) {
    return sys_accept4(fd, upeer_sockaddr, upeer_addrlen, 0);
}

namespace {

Result<i64> get_name(i32 fd, u64 to, u64 length_at, bool peer) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    TRY_ASSIGN(const auto address, open.socket.call(&net::Socket::name, peer));
    if (to == 0) return Err(Error::fault);
    TRY(write_address(address, to, length_at));
    return 0;
}

}  // namespace

Result<i64> sys_getsockname(i32 fd, u64 usockaddr, u64 usockaddr_len) {
    return get_name(fd, usockaddr, usockaddr_len, false);
}
Result<i64> sys_getpeername(i32 fd, u64 usockaddr, u64 usockaddr_len) {
    return get_name(fd, usockaddr, usockaddr_len, true);
}

Result<i64> sys_shutdown(i32 fd, i32 how) {
    TRY_ASSIGN(auto open, socket_of_fd(fd));
    if (how < 0 || how > 2) return Err(Error::inval);
    TRY(open.socket.call(&net::Socket::shutdown, static_cast<net::Shut>(how)));
    return 0;
}

}  // namespace tenon::personality
