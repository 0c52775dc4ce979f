// select and pselect6. Spec: man 2 select.
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/wait.h"

namespace tenon::personality {

namespace {

constexpr u32 kInSet = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL;
constexpr u32 kOutSet = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL;
constexpr u32 kExSet = POLLPRI | POLLNVAL;

struct Sets {
    static constexpr u32 kInlineWords = 4;  // descriptors 0..255
    u64 small[6 * kInlineWords];
    std::unique_ptr<u64[]> big;
    u64 *in, *out, *ex, *res_in, *res_out, *res_ex;
    Result<void> make(u32 words) {
        u64* base = small;
        if (words > kInlineWords) {
            big.reset(new (std::nothrow) u64[6 * words]);
            if (!big) return Err(Error::nomem);
            base = big.get();
        }
        std::memset(base, 0, 6 * words * sizeof(u64));
        in = base;
        out = base + words;
        ex = base + 2 * words;
        res_in = base + 3 * words;
        res_out = base + 4 * words;
        res_ex = base + 5 * words;
        return {};
    }
};

Result<i64> do_select(i32 n, u64 user_in, u64 user_out, u64 user_ex, sync::Deadline deadline) {
    if (n < 0) return Err(Error::inval);
    vfs::FileTable& files = *current()->files;
    u32 limit = files.capacity();
    if (static_cast<u32>(n) > limit) n = static_cast<i32>(limit);
    u32 words = (static_cast<u32>(n) + 63) / 64;
    Sets sets;
    TRY(sets.make(words));
    usize bytes = words * 8;
    if (user_in) TRY(mm::copy_from_user(sets.in, UserAddr{user_in}, bytes));
    if (user_out) TRY(mm::copy_from_user(sets.out, UserAddr{user_out}, bytes));
    if (user_ex) TRY(mm::copy_from_user(sets.ex, UserAddr{user_ex}, bytes));
    if (n % 64 != 0) {
        u64 tail = (u64{1} << (n % 64)) - 1;
        sets.in[words - 1] &= tail;
        sets.out[words - 1] &= tail;
        sets.ex[words - 1] &= tail;
    }
    PollWaiter waiter;
    PollWaiter* table = deadline.ns == 0 ? nullptr : &waiter;
    bool first = true;
    i64 ready = 0;
    Result<void> slept;
    for (;;) {
        waiter.clear_signal();
        for (u32 w = 0; w < words; w++) {
            u64 all = sets.in[w] | sets.out[w] | sets.ex[w];
            for (; all != 0; all &= all - 1) {
                u32 bit = static_cast<u32>(std::countr_zero(all));
                u64 mask = u64{1} << bit;
                Result<vfs::FileRef> file = files.borrow(static_cast<i32>(w * 64 + bit));
                const bool there = file && !(*file)->is_path_only();
                if (!there && first) return Err(Error::badf);
                // As Linux: what was closed meanwhile is ready for all that was asked.
                const u32 events = !there             ? POLLNVAL
                                   : table != nullptr ? table->ask(*file)
                                                      : (*file)->poll(nullptr);
                auto note = [&](const u64* wanted, u64* result, u32 bits) {
                    if (!(wanted[w] & mask) || !(events & bits)) return;
                    result[w] |= mask;
                    ready++;
                    table = nullptr;
                };
                note(sets.in, sets.res_in, kInSet);
                note(sets.out, sets.res_out, kOutSet);
                note(sets.ex, sets.res_ex, kExSet);
            }
        }
        table = nullptr;
        first = false;
        if (ready != 0 || deadline.ns == 0 || !slept) break;
        if (!waiter.complete()) return Err(Error::nomem);
        slept = waiter.wait(deadline);
    }
    if (ready == 0 && !slept && slept.error() != Error::timedout) return Err(slept.error());
    if (user_in) TRY(mm::copy_to_user(UserAddr{user_in}, sets.res_in, bytes));
    if (user_out) TRY(mm::copy_to_user(UserAddr{user_out}, sets.res_out, bytes));
    if (user_ex) TRY(mm::copy_to_user(UserAddr{user_ex}, sets.res_ex, bytes));
    return ready;
}

}  // namespace

Result<i64> sys_select(i32 n, u64 inp, u64 outp, u64 exp, u64 tvp) {
    sync::Deadline deadline = sync::Deadline::never();
    if (tvp != 0) {
        TRY_ASSIGN(auto tv, mm::UserIn<uapi::__kernel_old_timeval>(tvp).read());
        if (tv.tv_sec < 0 || tv.tv_usec < 0) return Err(Error::inval);
        u64 ns, seconds = static_cast<u64>(tv.tv_sec) + static_cast<u64>(tv.tv_usec) / 1'000'000;
        if (tv.tv_sec == 0 && tv.tv_usec == 0)
            deadline = sync::Deadline{0};
        else if (!__builtin_mul_overflow(seconds, u64{1'000'000'000}, &ns))
            deadline =
                sync::Deadline::after_ns(ns + static_cast<u64>(tv.tv_usec % 1'000'000) * 1000);
    }
    Result<i64> r = do_select(n, inp, outp, exp, deadline);
    if (!r && r.error() == Error::restart) r = Err(Error::restart_no_hand);
    return finish_timeout(r, tvp, TimeoutKind::timeval, deadline);
}

Result<i64> sys_pselect6(i32 n, u64 inp, u64 outp, u64 exp, u64 tsp, u64 sig) {
    u64 mask_arg[2] = {};
    if (sig != 0) TRY(mm::copy_from_user(mask_arg, UserAddr{sig}, sizeof(mask_arg)));
    TRY_ASSIGN(sync::Deadline deadline, deadline_from_timespec(tsp));
    CallMask mask;
    TRY(mask.apply(mask_arg[0], mask_arg[1]));
    Result<i64> r = do_select(n, inp, outp, exp, deadline);
    if (!r && r.error() == Error::restart) {
        mask.leave_to_signal();
        r = Err(Error::restart_no_hand);
    }
    return finish_timeout(r, tsp, TimeoutKind::timespec, deadline);
}

}  // namespace tenon::personality
