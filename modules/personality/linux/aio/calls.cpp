// io_setup, io_destroy, io_submit, io_cancel, io_getevents, io_pgetevents.
#include "personality/linux/aio/context.h"
#include "personality/linux/error_number.h"
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/poll/eventfd.h"
#include "personality/linux/poll/wait.h"
#include "personality/linux/sched/io_priority.h"

namespace tenon::personality {

using uapi::__kernel_rwf_t;  // the RWF_* macros name it

namespace {

using aio::Completion;
using aio::Context;

constexpr u32 kKey = 0;  // what the kernel writes into a request that it took
constexpr u32 kReadFlags = RWF_HIPRI | RWF_NOWAIT;
constexpr u32 kWriteFlags = kReadFlags | RWF_DSYNC | RWF_SYNC | RWF_APPEND;

Result<Ref<Context>> context_of(u64 id) {
    aio::Contexts* own = aio::Contexts::own(false);
    auto found = own != nullptr ? own->find(id) : nullptr;
    if (!found) return Err(Error::inval);
    return found;
}

bool is_write(u16 operation) {
    return operation == uapi::IOCB_CMD_PWRITE || operation == uapi::IOCB_CMD_PWRITEV;
}
bool is_vector(u16 operation) {
    return operation == uapi::IOCB_CMD_PREADV || operation == uapi::IOCB_CMD_PWRITEV;
}

// Whether a transfer can begin at all, in Linux's order.
Result<void> check_transfer(vfs::File& file, const uapi::iocb& request) {
    if ((request.aio_flags & IOCB_FLAG_IOPRIO))
        TRY(check_io_priority(static_cast<u16>(request.aio_reqprio)));
    const u32 flags = static_cast<u32>(request.aio_rw_flags);
    const bool write = is_write(request.aio_lio_opcode);
    if (flags & ~(write ? kWriteFlags : kReadFlags)) return Err(Error::opnotsupp);
    if ((flags & RWF_NOWAIT) && file.is_stream()) return Err(Error::opnotsupp);
    if (write ? !file.writable() : !file.readable()) return Err(Error::badf);
    if ((file.inode().mode & vfs::kTypeMask) == vfs::kDirectory) return Err(Error::inval);
    if (request.aio_offset < 0 && !file.is_stream()) return Err(Error::inval);
    return {};
}

Result<usize> transfer(vfs::File& file, const uapi::iocb& request, vfs::IoBuffer& buffer) {
    const u64 position = static_cast<u64>(request.aio_offset);
    if (!is_write(request.aio_lio_opcode))
        return file.is_stream() ? file.read(buffer) : file.read_at(buffer, position);
    if (request.aio_rw_flags & RWF_APPEND) return file.append(buffer);
    return file.is_stream() ? file.write(buffer) : file.write_at(buffer, position);
}

bool keeps_data(vfs::File& file) {
    const vfs::Mode type = file.inode().mode & vfs::kTypeMask;
    return type == vfs::kRegular || type == vfs::kDirectory || type == vfs::kBlockDevice;
}

i64 result_of(Result<usize> moved) {
    if (moved) return static_cast<i64>(*moved);
    // Nobody can start a request again.
    if (is_restart(moved.error())) return -static_cast<i64>(EINTR);
    return -static_cast<i64>(errno_of(moved.error()));
}

// The result of a request that was begun; an error means that it was not.
Result<i64> perform(vfs::File& file, const uapi::iocb& request) {
    switch (request.aio_lio_opcode) {
        case uapi::IOCB_CMD_PREAD:
        case uapi::IOCB_CMD_PWRITE:
        case uapi::IOCB_CMD_PREADV:
        case uapi::IOCB_CMD_PWRITEV: {
            TRY(check_transfer(file, request));
            if (is_vector(request.aio_lio_opcode)) {
                UserVector vector;
                TRY(vector.load(request.aio_buf, request.aio_nbytes));
                vfs::IoBuffer buffer = vector.buffer();
                return result_of(transfer(file, request, buffer));
            }
            TRY_ASSIGN(vfs::IoBuffer buffer, user_buffer(request.aio_buf, request.aio_nbytes));
            return result_of(transfer(file, request, buffer));
        }
        case uapi::IOCB_CMD_FSYNC:
        case uapi::IOCB_CMD_FDSYNC: {
            if (request.aio_buf != 0 || request.aio_offset != 0 || request.aio_nbytes != 0 ||
                request.aio_rw_flags != 0 || !keeps_data(file))
                return Err(Error::inval);
            const bool data_only = request.aio_lio_opcode == uapi::IOCB_CMD_FDSYNC;
            auto r = file.ops().call(&vfs::FileOps::sync, file, data_only);
            return result_of(r ? Result<usize>(0) : Err(r.error()));
        }
        default:
            return Err(Error::inval);
    }
}

Result<void> submit(Context& context, u64 user_request) {
    TRY_ASSIGN(const auto request, mm::UserIn<uapi::iocb>(user_request).read());
    if (request.aio_reserved2 != 0 || static_cast<i64>(request.aio_nbytes) < 0)
        return Err(Error::inval);
    TRY_ASSIGN(auto completion, context.reserve());
    auto begin = [&]() -> Result<void> {
        TRY_ASSIGN(auto file, current()->files->get(static_cast<i32>(request.aio_fildes)));
        if (file->is_path_only()) return Err(Error::badf);
        Ref<vfs::File> tell;
        if (request.aio_flags & IOCB_FLAG_RESFD) {
            TRY_ASSIGN(tell, eventfd_file(static_cast<i32>(request.aio_resfd)));
        }
        TRY(mm::UserOut<u32>(user_request + offsetof(uapi::iocb, aio_key)).write(kKey));
        completion->event.data = request.aio_data;
        completion->event.obj = user_request;
        if (request.aio_lio_opcode == uapi::IOCB_CMD_POLL)
            return aio::PollRequest::submit(context, request, std::move(file), std::move(tell),
                                            completion);
        TRY_ASSIGN(completion->event.res, perform(*file, request));
        context.complete(std::move(completion));
        if (tell) signal_eventfd(*tell, 1);
        return {};
    };
    auto r = begin();
    if (completion) context.give_back(std::move(completion));
    return r;
}

Result<i64> collect(u64 id, i64 least, i64 most, u64 events, sync::Deadline deadline) {
    TRY_ASSIGN(auto context, context_of(id));
    if (least > most || least < 0) return Err(Error::inval);
    return context->collect(least, most, events, deadline);
}

// Only whether it can be read, and what it says: io_getevents does not look at whether it is sound.
Result<sync::Deadline> deadline_from(u64 user) {
    if (user == 0) return sync::Deadline::never();
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(user).read());
    if (t.tv_sec < 0 || (t.tv_sec == 0 && t.tv_nsec <= 0)) return sync::Deadline{0};
    return deadline_from_timespec(user);
}

}  // namespace

Result<i64> sys_io_setup(u32 requests, u64 user_id) {
    TRY_ASSIGN(const u64 before, mm::UserIn<u64>(user_id).read());
    if (before != 0 || requests == 0) return Err(Error::inval);
    aio::Contexts* own = aio::Contexts::own(true);
    if (own == nullptr) return Err(Error::nomem);
    TRY_ASSIGN(auto context, Context::create(requests));
    if (auto r = mm::UserOut<u64>(user_id).write(context->id); !r) {
        (void)own_space().unmap(context->id, context->mapped_bytes);
        return Err(r.error());
    }
    own->add(std::move(context));
    return 0;
}

Result<i64> sys_io_destroy(u64 id) {
    Ref<Context> gone;
    if (aio::Contexts* own = aio::Contexts::own(false); own != nullptr) gone = own->remove(id);
    if (!gone) return Err(Error::inval);
    gone->destroy();
    (void)own_space().unmap(gone->id, gone->mapped_bytes);
    return 0;
}

Result<i64> sys_io_submit(u64 id, i64 count, u64 requests) {
    if (count < 0) return Err(Error::inval);
    TRY_ASSIGN(auto context, context_of(id));
    for (i64 done = 0; done < count; ++done) {
        auto r = [&]() -> Result<void> {
            TRY_ASSIGN(const u64 one, mm::UserIn<u64>(requests).read(static_cast<usize>(done)));
            return submit(*context, one);
        }();
        if (!r) return done != 0 ? Result<i64>(done) : Err(r.error());
    }
    return count;
}

Result<i64> sys_io_cancel(u64 id, u64 request, u64) {
    TRY_ASSIGN(const u32 key, mm::UserIn<u32>(request + offsetof(uapi::iocb, aio_key)).read());
    if (key != kKey) return Err(Error::inval);
    TRY_ASSIGN(auto context, context_of(id));
    TRY(context->cancel(request));
    return Err(Error::inprogress);  // its completion is collected as any other
}

Result<i64> sys_io_getevents(u64 id, i64 least, i64 most, u64 events, u64 timeout) {
    TRY_ASSIGN(const sync::Deadline deadline, deadline_from(timeout));
    auto r = collect(id, least, most, events, deadline);
    if (!r && r.error() == Error::restart) return Err(Error::intr);
    return r;
}

Result<i64> sys_io_pgetevents(u64 id, i64 least, i64 most, u64 events, u64 timeout, u64 user_mask) {
    struct Mask {
        u64 set, size;
    } in{};
    TRY_ASSIGN(const sync::Deadline deadline, deadline_from(timeout));
    if (user_mask != 0) {
        TRY_ASSIGN(in, mm::UserIn<Mask>(user_mask).read());
    }
    CallMask mask;
    TRY(mask.apply(in.set, in.size));
    auto r = collect(id, least, most, events, deadline);
    if (!r && r.error() == Error::restart) {
        mask.leave_to_signal();
        return Err(Error::restart_no_hand);
    }
    return r;
}

}  // namespace tenon::personality
