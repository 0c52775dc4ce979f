// What all sockets are as files.
#include <tenon/mm/user_copy.h>
#include <tenon/net/socket.h>

namespace tenon::net {

// Of no bytes nothing is asked, as in System V; recv(2) asks.
Result<usize> Socket::read(vfs::File& file, vfs::IoBuffer& buffer, u64&) {
    if (buffer.remaining() == 0) return usize{0};
    Message message{.data = buffer};
    auto r = receive(message, file.nonblocking());
    buffer = message.data;
    return r;
}

Result<usize> Socket::write(vfs::File& file, vfs::IoBuffer& buffer, u64&) {
    Message message{.data = buffer};
    auto r = send(message, file.nonblocking());
    buffer = message.data;
    return r;
}

// FIONREAD and SIOCOUTQ are the same numbers as a terminal's, in every Unix of this ABI.
Result<i64> Socket::ioctl(vfs::File&, u32 command, u64 argument) {
    constexpr u32 kFionRead = 0x541b, kOutQueue = 0x5411;
    if (command != kFionRead && command != kOutQueue) return Err(Error::notty);
    if (command == kFionRead && is_listening()) return Err(Error::inval);
    const i32 bytes = static_cast<i32>(command == kFionRead ? readable_bytes() : unsent_bytes());
    TRY(mm::UserOut<i32>(argument).write(bytes));
    return 0;
}

}  // namespace tenon::net
