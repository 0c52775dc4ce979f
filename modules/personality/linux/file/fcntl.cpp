// fcntl and flock. Spec: man 2 fcntl, flock.
#include <tenon/vfs/pipe.h>

#include "personality/linux/file/async.h"
#include "personality/linux/file/async_watch.h"
#include "personality/linux/file/common.h"
#include "personality/linux/file/leases.h"
#include "personality/linux/file/locks.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/watch.h"

namespace tenon::personality {

namespace {

constexpr u32 kSettable = O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME;

Result<i64> duplicate(i32 fd, u64 from, bool close_on_exec) {
    TRY_ASSIGN(Ref<vfs::File> file, current()->files->get(fd));
    if (from >= descriptor_limit()) return Err(Error::inval);
    TRY_ASSIGN(i32 fresh, current()->files->install(std::move(file), close_on_exec,
                                                    descriptor_limit(), static_cast<i32>(from)));
    return fresh;
}

Result<i64> set_status_flags(vfs::File& file, i32 fd, u32 wanted) {
    const process::Credentials& cred = process::current_credentials();
    if ((wanted & O_NOATIME) && !(file.flags() & vfs::kOpenNoAtime) &&
        cred.fsuid != file.inode().uid && !cred.has(process::Capability::fowner))
        return Err(Error::perm);
    if ((wanted & O_DIRECT) && vfs::pipe_of(file) == nullptr && !(file.flags() & vfs::kOpenDirect))
        return Err(Error::inval);
    // Who has no such signals does not get the flag either, and is not told.
    if (auto r = set_async(file, fd, wanted & FASYNC); !r && r.error() != Error::notty)
        return Err(r.error());
    constexpr u32 kOthers = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenAsync;
    u32 set = open_flags_from(wanted & kSettable) & ~kOthers;
    u32 all = open_flags_from(kSettable) & ~kOthers;
    file.set_flags(set, all & ~set);
    return 0;
}

// A struct flock as a range. Errors as Linux's flock64_to_posix_lock().
Result<RecordLock> lock_from(vfs::File& file, const uapi::flock& fl) {
    i64 base;
    switch (fl.l_whence) {
        case SEEK_SET:
            base = 0;
            break;
        case SEEK_CUR:
            base = static_cast<i64>(file.position());
            break;
        case SEEK_END:
            base = static_cast<i64>(file.inode().size_bytes.load(std::memory_order_relaxed));
            break;
        default:
            return Err(Error::inval);
    }
    i64 start;
    if (__builtin_add_overflow(base, static_cast<i64>(fl.l_start), &start))
        return Err(Error::overflow);
    if (start < 0) return Err(Error::inval);
    RecordLock lock{};
    lock.start = static_cast<u64>(start);
    lock.end = kOffsetMax;
    if (fl.l_len > 0) {
        i64 end;
        if (__builtin_add_overflow(start, static_cast<i64>(fl.l_len - 1), &end))
            return Err(Error::overflow);
        lock.end = static_cast<u64>(end);
    } else if (fl.l_len < 0) {
        if (start + fl.l_len < 0) return Err(Error::inval);
        lock.end = static_cast<u64>(start - 1);
        lock.start = static_cast<u64>(start + fl.l_len);
    }
    switch (fl.l_type) {
        case F_RDLCK:
            lock.type = LockType::read;
            break;
        case F_WRLCK:
            lock.type = LockType::write;
            break;
        case F_UNLCK:
            lock.type = LockType::unlock;
            break;
        default:
            return Err(Error::inval);
    }
    return lock;
}

Result<void> set_owner(vfs::File& file, RecordLock& lock, const uapi::flock& fl, bool ofd) {
    if (ofd) {
        if (fl.l_pid != 0) return Err(Error::inval);
        lock.owner = &file;
        lock.pid = -1;
    } else {
        lock.owner = current()->files.get();
        lock.pid = process::current_process().pid;
    }
    return {};
}

Result<i64> set_lock(vfs::File& file, u64 arg, bool ofd, bool wait) {
    uapi::flock fl;
    TRY(mm::copy_from_user(&fl, UserAddr{arg}, sizeof(fl)));
    TRY_ASSIGN(RecordLock lock, lock_from(file, fl));
    TRY(set_owner(file, lock, fl, ofd));
    if (lock.type == LockType::read && !file.readable()) return Err(Error::badf);
    if (lock.type == LockType::write && !file.writable()) return Err(Error::badf);
    TRY(set_record_lock(file, lock, wait));
    return 0;
}

Result<i64> get_lock(vfs::File& file, u64 arg, bool ofd) {
    uapi::flock fl;
    TRY(mm::copy_from_user(&fl, UserAddr{arg}, sizeof(fl)));
    if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK) return Err(Error::inval);
    TRY_ASSIGN(RecordLock lock, lock_from(file, fl));
    TRY(set_owner(file, lock, fl, ofd));
    TRY_ASSIGN(RecordLock held, test_record_lock(file, lock));
    if (held.type == LockType::unlock) {
        fl.l_type = F_UNLCK;
    } else {
        fl.l_type = held.type == LockType::read ? F_RDLCK : F_WRLCK;
        fl.l_whence = SEEK_SET;
        fl.l_start = static_cast<i64>(held.start);
        fl.l_len = held.end >= kOffsetMax ? 0 : static_cast<i64>(held.end - held.start + 1);
        fl.l_pid = held.pid;
    }
    TRY(mm::copy_to_user(UserAddr{arg}, &fl, sizeof(fl)));
    return 0;
}

Result<i64> add_seals(vfs::File& file, u64 arg) {
    constexpr u64 known =
        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    static_assert(F_SEAL_SEAL == vfs::Inode::kSealSeal &&
                  F_SEAL_FUTURE_WRITE == vfs::Inode::kSealFutureWrite);
    vfs::Inode& inode = file.inode();
    u32 now = inode.seals.load(std::memory_order_acquire);
    if (now == ~0u) return Err(Error::inval);
    if (!file.writable()) return Err(Error::perm);
    if (arg & ~known) return Err(Error::inval);
    if (now & F_SEAL_SEAL) return Err(Error::perm);
    if ((arg & F_SEAL_WRITE) && !(now & F_SEAL_WRITE)) {
        mm::Mapping* m = inode.mapping_if_any();
        if (m != nullptr && m->writable_mappings() != 0) return Err(Error::busy);
    }
    inode.seals.fetch_or(static_cast<u32>(arg), std::memory_order_acq_rel);
    return 0;
}

Result<i64> set_owner_ex(vfs::File& file, u64 arg) {
    uapi::f_owner_ex owner;
    TRY(mm::copy_from_user(&owner, UserAddr{arg}, sizeof(owner)));
    if (owner.type != F_OWNER_TID && owner.type != F_OWNER_PID && owner.type != F_OWNER_PGRP)
        return Err(Error::inval);
    if (owner.pid != 0) {
        bool there = owner.type == F_OWNER_PGRP ? static_cast<bool>(process::find_group(owner.pid))
                                                : static_cast<bool>(process::find_task(owner.pid));
        if (!there) return Err(Error::srch);
    }
    name_owner(file, owner.pid, static_cast<u8>(owner.type));
    return 0;
}

Result<i64> set_owner_pid(vfs::File& file, i32 who) {
    if (who == INT32_MIN) return Err(Error::inval);
    if (who > 0 && !process::find_process(who)) return Err(Error::srch);
    if (who < 0 && !process::find_group(-who)) return Err(Error::srch);
    name_owner(file, who < 0 ? -who : who, who < 0 ? F_OWNER_PGRP : F_OWNER_PID);
    return 0;
}

}  // namespace

Result<i64> sys_fcntl(i32 fd, u32 cmd, u64 arg) {
    TRY_ASSIGN(vfs::FileRef file, file_or_path_of(fd));
    switch (cmd) {
        case F_DUPFD:
            return duplicate(fd, arg, false);
        case F_DUPFD_CLOEXEC:
            return duplicate(fd, arg, true);
        case F_GETFD: {
            TRY_ASSIGN(bool on, current()->files->close_on_exec(fd));
            return on ? FD_CLOEXEC : 0;
        }
        case F_SETFD:
            TRY(current()->files->set_close_on_exec(fd, arg & FD_CLOEXEC));
            return 0;
        case F_GETFL:
            return open_flags_to(file->flags());
    }
    if (file->is_path_only()) return Err(Error::badf);
    switch (cmd) {
        case F_SETFL:
            return set_status_flags(*file, fd, static_cast<u32>(arg));
        case F_GETLK:
            return get_lock(*file, arg, false);
        case F_SETLK:
            return set_lock(*file, arg, false, false);
        case F_SETLKW:
            return set_lock(*file, arg, false, true);
        case F_OFD_GETLK:
            return get_lock(*file, arg, true);
        case F_OFD_SETLK:
            return set_lock(*file, arg, true, false);
        case F_OFD_SETLKW:
            return set_lock(*file, arg, true, true);
        case F_GETOWN:
            return file->owner_type == F_OWNER_PGRP ? -file->owner_pid : file->owner_pid;
        case F_SETOWN:
            settle_async(*file);
            return set_owner_pid(*file, static_cast<i32>(arg));
        case F_SETOWN_EX:
            settle_async(*file);
            return set_owner_ex(*file, arg);
        case F_GETOWN_EX: {
            uapi::f_owner_ex owner = {};
            owner.type = file->owner_type;
            owner.pid = file->owner_pid;
            TRY(mm::copy_to_user(UserAddr{arg}, &owner, sizeof(owner)));
            return 0;
        }
        case F_GETSIG:
            return file->owner_signal;
        case F_SETSIG:
            if (arg > process::kSignalCount) return Err(Error::inval);
            settle_async(*file);
            file->owner_signal = static_cast<u32>(arg);
            return 0;
        case F_GETLEASE:
            return lease_of(*file);
        case F_SETLEASE:
            TRY(set_lease(*file, fd, arg));
            return 0;
        case F_NOTIFY:
            TRY(watch_directory(*file, fd, arg));
            return 0;
        case F_GETPIPE_SZ: {
            vfs::Pipe* pipe = vfs::pipe_of(*file);
            return pipe != nullptr ? Result<i64>(pipe->capacity_bytes()) : Err(Error::badf);
        }
        case F_SETPIPE_SZ: {
            vfs::Pipe* pipe = vfs::pipe_of(*file);
            if (pipe == nullptr) return Err(Error::badf);
            const u32 wanted = static_cast<u32>(arg);
            if (wanted > (1u << 31)) return Err(Error::inval);
            if (wanted > vfs::pipe_limit_bytes() &&
                !process::capable(process::Capability::sys_resource))
                return Err(Error::perm);
            // Linux asks for one kmalloc of 40 bytes a page, and that ends at 4 MiB.
            if (wanted > (256u << 20)) return Err(Error::nomem);
            TRY_ASSIGN(u32 bytes, pipe->resize(wanted));
            return bytes;
        }
        case F_ADD_SEALS:
            return add_seals(*file, arg);
        case F_GET_SEALS: {
            u32 seals = file->inode().seals.load(std::memory_order_acquire);
            if (seals == ~0u) return Err(Error::inval);
            return seals;
        }
        case F_GET_RW_HINT:
        case F_GET_FILE_RW_HINT:
            TRY(mm::copy_to_user(UserAddr{arg}, &file->write_hint, sizeof(u64)));
            return 0;
        case F_SET_RW_HINT:
        case F_SET_FILE_RW_HINT: {
            TRY_ASSIGN(u64 hint, mm::UserIn<u64>(arg).read());
            if (hint > RWH_WRITE_LIFE_EXTREME) return Err(Error::inval);
            file->write_hint = hint;
            return 0;
        }
        default:
            return Err(Error::inval);
    }
}

Result<i64> sys_flock(i32 fd, u32 cmd) {
    if (cmd & LOCK_MAND) return 0;
    LockType type;
    switch (cmd & ~static_cast<u32>(LOCK_NB)) {
        case LOCK_SH:
            type = LockType::read;
            break;
        case LOCK_EX:
            type = LockType::write;
            break;
        case LOCK_UN:
            type = LockType::unlock;
            break;
        default:
            return Err(Error::inval);
    }
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (type != LockType::unlock && !file->readable() && !file->writable()) return Err(Error::badf);
    TRY(set_flock(*file, type, !(cmd & LOCK_NB)));
    return 0;
}

}  // namespace tenon::personality
