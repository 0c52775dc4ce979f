// epoll_create, epoll_ctl, epoll_wait and relatives. Spec: man 2 epoll_create, epoll_ctl,
// epoll_wait.
#include <tenon/vfs/pipe.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/epoll.h"

namespace tenon::personality {

namespace {

Result<i64> wait_for(i32 epfd, u64 events, i32 max_events, sync::Deadline deadline) {
    constexpr i32 limit = INT32_MAX / static_cast<i32>(sizeof(uapi::epoll_event));
    if (max_events <= 0 || max_events > limit) return Err(Error::inval);
    u64 bytes = static_cast<u64>(max_events) * sizeof(uapi::epoll_event);
    if (events > arch::kUserLimit - bytes) return Err(Error::fault);
    TRY_ASSIGN(vfs::FileRef file, file_of(epfd));
    Epoll* epoll = epoll_of(*file);
    if (epoll == nullptr) return Err(Error::inval);
    Result<i64> r = epoll->wait(events, max_events, deadline);
    if (!r && r.error() == Error::restart) return Err(Error::intr);  // never restarted
    return r;
}

sync::Deadline deadline_from_ms(i32 timeout) {
    if (timeout < 0) return sync::Deadline::never();
    if (timeout == 0) return sync::Deadline{0};
    return sync::Deadline::after_ns(static_cast<u64>(timeout) * 1'000'000);
}

Result<i64> wait_masked(i32 epfd, u64 events, i32 max_events, sync::Deadline deadline, u64 sigmask,
                        u64 sigsetsize) {
    CallMask mask;
    TRY(mask.apply(sigmask, sigsetsize));
    Result<i64> r = wait_for(epfd, events, max_events, deadline);
    if (!r && r.error() == Error::intr) mask.leave_to_signal();
    return r;
}

}  // namespace

Result<i64> sys_epoll_create1(u32 flags) {
    if (flags & ~static_cast<u32>(EPOLL_CLOEXEC)) return Err(Error::inval);
    auto ops = mm::make<Epoll>();
    if (!ops) return Err(Error::nomem);
    TRY_ASSIGN(Ref<vfs::File> file,
               vfs::make_anonymous_file("anon_inode:[eventpoll]",
                                        module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                                        vfs::kOpenRead | vfs::kOpenWrite));
    return install_file(std::move(file), flags & EPOLL_CLOEXEC);
}
Result<i64> sys_epoll_create(i32 size) {
    if (size <= 0) return Err(Error::inval);
    return sys_epoll_create1(0);
}

Result<i64> sys_epoll_ctl(i32 epfd, i32 op, i32 fd, u64 user_event) {
    uapi::epoll_event event = {};
    if (op != EPOLL_CTL_DEL) TRY(mm::copy_from_user(&event, UserAddr{user_event}, sizeof(event)));
    TRY_ASSIGN(vfs::FileRef file, file_of(epfd));
    TRY_ASSIGN(vfs::FileRef target, file_of(fd));
    // What has no wait queue to hang on is not for epoll.
    if (vfs::is_regular(target->inode().mode) || target->inode().is_dir()) return Err(Error::perm);
    Epoll* epoll = epoll_of(*file);
    if (epoll == nullptr || file.get() == target.get()) return Err(Error::inval);
    switch (op) {
        case EPOLL_CTL_ADD:
            TRY(epoll->add(*file, *target, fd, event));
            return 0;
        case EPOLL_CTL_DEL:
            TRY(epoll->remove(*target, fd));
            return 0;
        case EPOLL_CTL_MOD:
            if (event.events & EPOLLEXCLUSIVE) return Err(Error::inval);
            TRY(epoll->modify(*target, fd, event));
            return 0;
        default:
            return Err(Error::inval);
    }
}

Result<i64> sys_epoll_wait(i32 epfd, u64 events, i32 maxevents, i32 timeout) {
    return wait_for(epfd, events, maxevents, deadline_from_ms(timeout));
}
Result<i64> sys_epoll_pwait(i32 epfd, u64 events, i32 maxevents, i32 timeout, u64 sigmask,
                            u64 sigsetsize) {
    return wait_masked(epfd, events, maxevents, deadline_from_ms(timeout), sigmask, sigsetsize);
}
Result<i64> sys_epoll_pwait2(i32 epfd, u64 events, i32 maxevents, u64 timeout, u64 sigmask,
                             u64 sigsetsize) {
    TRY_ASSIGN(sync::Deadline deadline, deadline_from_timespec(timeout));
    return wait_masked(epfd, events, maxevents, deadline, sigmask, sigsetsize);
}

}  // namespace tenon::personality
