#include "personality/linux/socket/common.h"

#include <tenon/mm/user_copy.h>

namespace tenon::personality {

Result<OpenSocket> socket_of_fd(i32 fd) {
    OpenSocket out;
    TRY_ASSIGN(out.file, current()->files->get(fd));
    if (out.file->is_path_only()) return Err(Error::badf);
    TRY_ASSIGN(out.socket, socket_of(*out.file));
    return out;
}

Result<u16> family_of(OpenSocket& open) {
    return inside(open.socket, [](net::Socket& s) -> Result<u16> { return s.family(); });
}

Result<net::Address> read_address(u64 from, i32 length) {
    net::Address out;
    if (length < 0 || static_cast<usize>(length) > sizeof(out.bytes)) return Err(Error::inval);
    out.length = static_cast<u32>(length);
    if (length != 0) TRY(mm::copy_from_user(out.bytes, UserAddr{from}, out.length));
    return out;
}

Result<void> write_address(const net::Address& address, u64 to, u64 length_at) {
    if (to == 0) return {};
    TRY_ASSIGN(const i32 room, mm::UserIn<i32>(length_at).read());
    if (room < 0) return Err(Error::inval);
    const u32 n = std::min(static_cast<u32>(room), address.length);
    if (n != 0) TRY(mm::copy_to_user(UserAddr{to}, address.bytes, n));
    return mm::UserOut<u32>(length_at).write(address.length);
}

}  // namespace tenon::personality
