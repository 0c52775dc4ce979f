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

// A record that does not fit is cut, and where not even its header fits left out: MSG_CTRUNC. As in
// Linux, what cannot be written is left out without an error: the message is taken already.
class ControlWriter {
  public:
    explicit ControlWriter(UserMsghdr& header)
        : header_(header), left_(header.control == 0 ? 0 : header.control_length) {}
    void put(i32 level, i32 type, const void* data, usize bytes) {
        if (left_ < sizeof(ControlHeader)) {
            cut();
            return;
        }
        const usize n = std::min(bytes, left_ - sizeof(ControlHeader));
        if (n < bytes) cut();
        const ControlHeader h{sizeof(ControlHeader) + n, level, type};
        if (mm::copy_to_user(UserAddr{at() + sizeof(h)}, data, n) &&
            mm::copy_to_user(UserAddr{at()}, &h, sizeof(h)))
            advance(bytes);
    }
    void put_files(net::Ancillary& a, bool cloexec) {
        const usize most =
            left_ <= sizeof(ControlHeader) ? 0 : (left_ - sizeof(ControlHeader)) / sizeof(i32);
        u32 n = 0;
        while (n < std::min<usize>(most, a.file_count) && put_file(a.files[n], n, cloexec)) ++n;
        if (n < a.file_count) cut();
        if (n == 0) return;
        const ControlHeader h{sizeof(ControlHeader) + n * sizeof(i32), kSolSocket, kScmRights};
        if (mm::copy_to_user(UserAddr{at()}, &h, sizeof(h))) advance(n * sizeof(i32));
    }
    void cut() { header_.flags |= kMsgCtrunc; }
    usize used() const { return used_; }

  private:
    u64 at() const { return header_.control + used_; }
    void advance(usize bytes) {
        const usize n = std::min(align_up(sizeof(ControlHeader) + bytes, kAlign), left_);
        used_ += n;
        left_ -= n;
    }
    bool put_file(Ref<vfs::File>& file, u32 index, bool cloexec) {
        vfs::FileTable& table = *current()->files;
        auto fd = table.reserve(cloexec, descriptor_limit());
        if (!fd) return false;
        const u64 place = at() + sizeof(ControlHeader) + index * sizeof(i32);
        if (!mm::UserOut<i32>(place).write(*fd)) {
            table.cancel(*fd);
            return false;
        }
        table.publish(*fd, std::move(file));
        return true;
    }
    UserMsghdr& header_;
    usize left_, used_ = 0;
};

// The four forms have the same size here.
void put_time(ControlWriter& writer, i64 realtime_ns, u8 form) {
    constexpr i64 kNsPerSecond = 1'000'000'000;
    const i64 rest_ns = realtime_ns % kNsPerSecond;
    const i64 value[] = {realtime_ns / kNsPerSecond,
                         form & kTimeInNanoseconds ? rest_ns : rest_ns / 1000};
    const i32 type = form & kTimeInNanoseconds
                         ? (form & kTimeByNewNumber ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD)
                         : (form & kTimeByNewNumber ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD);
    writer.put(kSolSocket, type, value, sizeof value);
}

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

void write_control(UserMsghdr& header, net::Message& message, bool cloexec, bool credentials) {
    ControlWriter writer(header);
    net::Ancillary& a = message.ancillary;
    if (const net::Told& t = message.told; t.length != 0)
        writer.put(t.level, t.type, t.bytes, std::min<usize>(t.length, sizeof t.bytes));
    if (message.sent_at_ns != 0) put_time(writer, message.sent_at_ns, message.timestamp_form);
    if (credentials && a.has_credentials) {
        const UserCredentials c{a.credentials.pid, a.credentials.uid, a.credentials.gid};
        writer.put(kSolSocket, kScmCredentials, &c, sizeof(c));
    }
    if (a.file_count != 0) writer.put_files(a, cloexec);
    header.control_length = writer.used();
}

}  // namespace tenon::personality
