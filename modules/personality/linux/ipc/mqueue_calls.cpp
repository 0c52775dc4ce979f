// mq_open and its kin. Spec: man 3 mq_open; Linux ipc/mqueue.c for the order of the checks.
#include <tenon/mm/user_copy.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/ipc/mqueue.h"
#include "personality/linux/socket/common.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

using namespace ipc;

namespace {

constexpr u16 kFamilyNetlink = 16;

struct OpenQueue {
    vfs::FileRef file;
    PosixQueue* queue;
};
// Error::badf for everything that is no queue.
Result<OpenQueue> queue_of_fd(i32 fd) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    PosixQueue* queue = queue_of(*file);
    if (queue == nullptr) return Err(Error::badf);
    return OpenQueue{std::move(file), queue};
}

Result<std::optional<i64>> deadline_from(u64 timeout) {
    if (timeout == 0) return std::optional<i64>();
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(timeout).read());
    if (!is_valid(t)) return Err(Error::inval);
    return std::optional<i64>(to_ns(t));
}

}  // namespace

Result<i64> sys_mq_open(u64 name, i32 oflag, u32 mode, u64 attr) {
    uapi::mq_attr attributes{};
    if (attr != 0) {
        TRY_ASSIGN(attributes, mm::UserIn<uapi::mq_attr>(attr).read());
    }
    UserPath path;
    TRY(path.load(name));
    if (path.view().empty()) return Err(Error::noent);
    TRY_ASSIGN(auto slot, ReservedDescriptor::make(true));
    const u32 flags = static_cast<u32>(oflag);
    // An access mode of 3 is refused, but only of a queue that is there.
    const bool no_mode = (flags & O_ACCMODE) == O_ACCMODE;
    const u32 wanted = no_mode ? flags & ~u32{O_ACCMODE} : flags;
    TRY_ASSIGN(Ref<vfs::File> file,
               open_queue(path.view(),
                          open_flags_from(wanted & (O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK)),
                          mode, attr != 0 ? &attributes : nullptr));
    if (no_mode) return Err(Error::inval);
    return slot.publish(std::move(file));
}

Result<i64> sys_mq_unlink(u64 name) {
    UserPath path;
    TRY(path.load(name));
    TRY(unlink_queue(path.view()));
    return 0;
}

Result<i64> sys_mq_timedsend(i32 fd, u64 msg, u64 length, u32 priority, u64 timeout) {
    TRY_ASSIGN(const auto deadline, deadline_from(timeout));
    if (priority >= MQ_PRIO_MAX) return Err(Error::inval);
    TRY_ASSIGN(OpenQueue open, queue_of_fd(fd));
    if (!open.file->writable()) return Err(Error::badf);
    if (length > static_cast<u64>(open.queue->max_bytes)) return Err(Error::msgsize);
    TRY_ASSIGN(Message * fresh, Message::make(length));
    MessagePtr message(fresh);
    TRY(mm::copy_from_user(message->text(), UserAddr{msg}, length));
    message->type = priority;
    TRY(open.queue->send(std::move(message), open.file->nonblocking(), deadline));
    open.file->inode().touch_mtime();
    return 0;
}

Result<i64> sys_mq_timedreceive(i32 fd, u64 msg, u64 length, u64 priority, u64 timeout) {
    TRY_ASSIGN(const auto deadline, deadline_from(timeout));
    TRY_ASSIGN(OpenQueue open, queue_of_fd(fd));
    if (!open.file->readable()) return Err(Error::badf);
    if (length < static_cast<u64>(open.queue->max_bytes)) return Err(Error::msgsize);
    TRY_ASSIGN(MessagePtr message, open.queue->receive(open.file->nonblocking(), deadline));
    open.file->inode().touch_mtime();
    if (priority != 0) TRY(mm::UserOut<u32>(priority).write(static_cast<u32>(message->type)));
    TRY(mm::copy_to_user(UserAddr{msg}, message->text(), message->length));
    return static_cast<i64>(message->length);
}

Result<i64> sys_mq_notify(i32 fd, u64 event) {
    Notification notification;
    if (event != 0) {
        TRY_ASSIGN(const auto in, mm::UserIn<uapi::sigevent_t>(event).read());
        notification.kind = in.sigev_notify;
        notification.signal = in.sigev_signo;
        notification.value = reinterpret_cast<u64>(in.sigev_value.sival_ptr);
        if (notification.kind != SIGEV_NONE && notification.kind != SIGEV_SIGNAL &&
            notification.kind != SIGEV_THREAD)
            return Err(Error::inval);
        if (notification.kind == SIGEV_SIGNAL &&
            (notification.signal < 0 || notification.signal > i32{process::kSignalCount}))
            return Err(Error::inval);
        if (notification.kind == SIGEV_THREAD) {
            TRY(mm::copy_from_user(notification.cookie, UserAddr{notification.value},
                                   NOTIFY_COOKIE_LEN));
            TRY_ASSIGN(OpenSocket socket, socket_of_fd(notification.signal));
            TRY_ASSIGN(const u16 family, family_of(socket));
            if (family != kFamilyNetlink) return Err(Error::inval);
            notification.socket = std::move(socket.file);
        }
    }
    TRY_ASSIGN(OpenQueue open, queue_of_fd(fd));
    if (event == 0) {
        if (open.queue->drop_notification()) open.file->inode().touch_ctime();
        return 0;
    }
    notification.owner = Ref(&process::current_process());
    TRY(open.queue->set_notification(std::move(notification)));
    open.file->inode().touch_ctime();
    return 0;
}

Result<i64> sys_mq_getsetattr(i32 fd, u64 set, u64 old) {
    uapi::mq_attr in{}, out{};
    if (set != 0) {
        TRY_ASSIGN(in, mm::UserIn<uapi::mq_attr>(set).read());
        if (in.mq_flags & ~i64{O_NONBLOCK}) return Err(Error::inval);
    }
    TRY_ASSIGN(OpenQueue open, queue_of_fd(fd));
    out.mq_flags = open.file->nonblocking() ? O_NONBLOCK : 0;
    out.mq_maxmsg = open.queue->max_messages;
    out.mq_msgsize = open.queue->max_bytes;
    out.mq_curmsgs = open.queue->count();
    if (set != 0) {
        if (in.mq_flags & O_NONBLOCK)
            open.file->set_flags(vfs::kOpenNonblock, 0);
        else
            open.file->set_flags(0, vfs::kOpenNonblock);
        open.file->inode().touch_ctime();
    }
    if (old != 0) TRY(mm::UserOut<uapi::mq_attr>(old).write(out));
    return 0;
}

}  // namespace tenon::personality
