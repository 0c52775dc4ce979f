// Descriptors and credentials beside the bytes. Spec: man 3 cmsg, man 7 unix ("Ancillary
// messages").
#include <tenon/mm/user_copy.h>

#include "personality/linux/socket/common.h"

namespace tenon::personality {

namespace {

struct ControlHeader {
    u64 length;
    i32 level;
    i32 type;
};
constexpr usize kAlign = 8;
constexpr usize kMaxControl = 20480;  // net.core.optmem_max

struct UserCredentials {
    i32 pid;
    u32 uid, gid;
};

Result<void> take_files(const u8* data, usize bytes, net::Ancillary& out) {
    const u32 count = static_cast<u32>(bytes / sizeof(i32));
    if (count == 0) return {};
    if (out.file_count + count > net::kMaxFilesPerMessage) return Err(Error::inval);
    std::unique_ptr<Ref<vfs::File>[]> files(new (std::nothrow)
                                                Ref<vfs::File>[out.file_count + count]);
    if (!files) return Err(Error::nomem);
    for (u32 i = 0; i < out.file_count; ++i) files[i] = std::move(out.files[i]);
    for (u32 i = 0; i < count; ++i) {
        i32 fd;
        std::memcpy(&fd, data + i * sizeof(i32), sizeof(fd));
        TRY_ASSIGN(files[out.file_count + i], current()->files->get(fd));
    }
    out.files = std::move(files);
    out.file_count += count;
    return {};
}

// One may name oneself, or anybody with the right capability.
Result<void> take_credentials(const u8* data, net::Ancillary& out) {
    UserCredentials in;
    std::memcpy(&in, data, sizeof(in));
    const auto& c = process::current_credentials();
    const bool pid_ok = in.pid == process::current_process().pid ||
                        process::capable(process::Capability::sys_admin);
    const bool uid_ok = in.uid == c.uid || in.uid == c.euid || in.uid == c.suid ||
                        process::capable(process::Capability::setuid);
    const bool gid_ok = in.gid == c.gid || in.gid == c.egid || in.gid == c.sgid ||
                        process::capable(process::Capability::setgid);
    if (!pid_ok || !uid_ok || !gid_ok) return Err(Error::perm);
    if (in.pid != process::current_process().pid && !process::find_process(in.pid))
        return Err(Error::srch);
    out.credentials = {in.pid, in.uid, in.gid};
    out.has_credentials = true;
    return {};
}

class ControlWriter {
  public:
    explicit ControlWriter(UserMsghdr& header) : header_(header), room_(header.control_length) {}
    // How many bytes of payload a record can have here.
    usize room() const {
        return room_ - used_ > sizeof(ControlHeader) ? room_ - used_ - sizeof(ControlHeader) : 0;
    }
    Result<void> put(i32 type, const void* data, usize bytes) {
        if (room() == 0 && bytes != 0) {
            header_.flags |= kMsgCtrunc;
            return {};
        }
        const usize n = std::min(bytes, room());
        if (n < bytes) header_.flags |= kMsgCtrunc;
        const ControlHeader h{sizeof(ControlHeader) + n, kSolSocket, type};
        TRY(mm::copy_to_user(UserAddr{header_.control + used_}, &h, sizeof(h)));
        TRY(mm::copy_to_user(UserAddr{header_.control + used_ + sizeof(h)}, data, n));
        used_ = std::min(used_ + align_up(sizeof(h) + n, kAlign), room_);
        return {};
    }
    usize used() const { return used_; }

  private:
    UserMsghdr& header_;
    usize room_, used_ = 0;
};

}  // namespace

Result<void> read_control(const UserMsghdr& header, net::Ancillary& out) {
    const usize total = header.control_length;
    if (total == 0 || header.control == 0) return {};
    if (total > kMaxControl) return Err(Error::nobufs);
    std::unique_ptr<u8[]> bytes(new (std::nothrow) u8[total]);
    if (!bytes) return Err(Error::nobufs);
    TRY(mm::copy_from_user(bytes.get(), UserAddr{header.control}, total));
    for (usize at = 0; at + sizeof(ControlHeader) <= total;) {
        ControlHeader h;
        std::memcpy(&h, bytes.get() + at, sizeof(h));
        if (h.length < sizeof(h) || h.length > total - at) return Err(Error::inval);
        const u8* data = bytes.get() + at + sizeof(h);
        const usize n = h.length - sizeof(h);
        if (h.level == kSolSocket) {
            if (h.type == kScmRights)
                TRY(take_files(data, n, out));
            else if (h.type == kScmCredentials && n == sizeof(UserCredentials))
                TRY(take_credentials(data, out));
            else
                return Err(Error::inval);
        }
        at += align_up(h.length, kAlign);
    }
    return {};
}

Result<void> write_control(UserMsghdr& header, net::Message& message, bool cloexec,
                           bool credentials) {
    ControlWriter writer(header);
    net::Ancillary& a = message.ancillary;
    if (credentials && a.has_credentials) {
        const UserCredentials c{a.credentials.pid, a.credentials.uid, a.credentials.gid};
        TRY(writer.put(kScmCredentials, &c, sizeof(c)));
    }
    if (a.file_count != 0) {
        const u32 fit = static_cast<u32>(writer.room() / sizeof(i32));
        const u32 count = std::min(fit, a.file_count);
        std::unique_ptr<i32[]> fds(new (std::nothrow) i32[count + 1]);
        if (!fds) return Err(Error::nomem);
        u32 installed = 0;
        for (; installed < count; ++installed) {
            auto fd = current()->files->install(std::move(a.files[installed]), cloexec,
                                                descriptor_limit());
            if (!fd) break;
            fds[installed] = *fd;
        }
        if (installed < a.file_count) header.flags |= kMsgCtrunc;
        if (installed != 0) TRY(writer.put(kScmRights, fds.get(), installed * sizeof(i32)));
    }
    header.control_length = writer.used();
    return {};
}

}  // namespace tenon::personality
