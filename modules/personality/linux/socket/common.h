// What the socket calls share.
#pragma once

#include <tenon/net/socket.h>
#include <tenon/process/process.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/abi.h"
#include "personality/linux/file/common.h"

namespace tenon::personality {

// Numbers that <asm/socket.h> leaves to the C library; the same in every Linux of this ABI.
enum : u32 {
    kSockNonblock = 04000,
    kSockCloexec = 02000000,
    kMsgCtrunc = 0x8,
    kMsgCmsgCloexec = 0x40000000,
    kMsgErrqueue = 0x2000,
    kMsgOob = 0x1,
};
enum : i32 { kSolSocket = SOL_SOCKET, kScmRights = 1, kScmCredentials = 2 };

struct UserMsghdr {
    u64 name;
    i32 name_length;
    u32 pad0;
    u64 iov;
    u64 iov_count;
    u64 control;
    u64 control_length;
    u32 flags;
    u32 pad1;
};
static_assert(sizeof(UserMsghdr) == 56);

// A socket behind a file, called through its gate. Error::notsock.
Result<net::SocketRef> socket_of(vfs::File& file);
// open_flags: kOpenNonblock. Error::afnosupport.
Result<Ref<vfs::File>> make_socket(u16 family, net::Kind kind, u32 protocol, u32 open_flags);
struct SocketPair {
    Ref<vfs::File> files[2];
};
Result<SocketPair> make_socket_pair(u16 family, net::Kind kind, u32 protocol, u32 open_flags);
// The next connection of a listening socket, as a file.
Result<Ref<vfs::File>> accept_socket(net::SocketRef& socket, bool nonblocking, u32 open_flags);

struct OpenSocket {
    Ref<vfs::File> file;
    net::SocketRef socket;
};
// f(socket) as a call through the socket's gate: for what is kept in the socket itself.
// Error::nodev when its module went.
template <typename F>
auto inside(net::SocketRef& socket, F&& f) -> decltype(f(*socket.object())) {
    decltype(f(*socket.object())) answer = Err(Error::nodev);
    (void)module::cross(socket.gate(), [&] { answer = f(*socket.object()); });
    return answer;
}

// Error::badf, notsock.
Result<OpenSocket> socket_of_fd(i32 fd);
Result<u16> family_of(OpenSocket& open);
Result<net::Address> read_address(u64 from, i32 length);
// Writes what fits and the true length, as accept and its kin do. A null `to` asks for nothing.
Result<void> write_address(const net::Address& address, u64 to, u64 length_at);

// Control messages. `out` is filled from the user's buffer.
Result<void> read_control(const UserMsghdr& header, net::Ancillary& out);
// Installs descriptors and writes what fits; updates header.control_length and flags.
void write_control(UserMsghdr& header, net::Message& message, bool cloexec, bool credentials);
// net::Options::timestamp_form.
enum : u8 { kTimeInNanoseconds = 1, kTimeByNewNumber = 2 };

}  // namespace tenon::personality
