// semop, semtimedop: the operations themselves, and who sleeps on them.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/time/clock.h>

#include <algorithm>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/ipc/sem.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality::ipc {

// In order, each seeing the ones before it; what was done is taken back when one cannot be.
Result<void> SemaphoreArray::perform(SemaphoreSleeper& wanted) {
    const auto operations = wanted.operations;
    usize done = 0;
    Result<void> result;
    for (; done < operations.size(); ++done) {
        const uapi::sembuf& op = operations[done];
        Semaphore& s = semaphores_[op.sem_num];
        const i32 after = s.value + op.sem_op;
        if ((op.sem_op == 0 && s.value != 0) || after < 0) {
            wanted.blocking = &op;
            result = Err(Error::again);
            break;
        }
        if (after > SEMVMX) {
            result = Err(Error::range);
            break;
        }
        if (op.sem_flg & SEM_UNDO) {
            const i32 adjust = wanted.undo->adjust[op.sem_num] - op.sem_op;
            if (adjust < -SEMAEM - 1 || adjust > SEMAEM) {
                result = Err(Error::range);
                break;
            }
            wanted.undo->adjust[op.sem_num] = static_cast<i16>(adjust);
        }
        s.value = after;
    }
    if (result) {
        for (const uapi::sembuf& op : operations) semaphores_[op.sem_num].pid = wanted.pid;
        return {};
    }
    while (done-- > 0) {
        const uapi::sembuf& op = operations[done];
        semaphores_[op.sem_num].value -= op.sem_op;
        if (op.sem_flg & SEM_UNDO)
            wanted.undo->adjust[op.sem_num] =
                static_cast<i16>(wanted.undo->adjust[op.sem_num] + op.sem_op);
    }
    return result;
}

// SAFETY: the sleeper may leave as soon as it is completed, so it is off the list before.
void SemaphoreArray::finish(SemaphoreSleeper& sleeper, Error result) {
    auto& list = sleeper.alters ? altering_ : zero_;
    list.erase(list.iterator_to(sleeper));
    sleeper.result = result;
    sleeper.done.complete();
}

void SemaphoreArray::wake_for_zero() {
    for (auto i = zero_.begin(); i != zero_.end();) {
        SemaphoreSleeper& s = *i++;
        const auto r = perform(s);
        if (!r && r.error() == Error::again) continue;
        if (r) operation_time = now_seconds();
        finish(s, r ? Error::none : r.error());
    }
}

void SemaphoreArray::wake_sleepers() {
    if (!zero_.empty()) wake_for_zero();
    for (auto i = altering_.begin(); i != altering_.end();) {
        SemaphoreSleeper& s = *i++;
        const auto r = perform(s);
        if (!r && r.error() == Error::again) continue;
        finish(s, r ? Error::none : r.error());
        if (!r) continue;
        operation_time = now_seconds();
        if (!zero_.empty()) wake_for_zero();
        i = altering_.begin();  // those before it may be able to go on now
    }
}

void SemaphoreArray::sleep(SemaphoreSleeper& sleeper) {
    (sleeper.alters ? altering_ : zero_).push_back(sleeper);
}

bool SemaphoreArray::take_off(SemaphoreSleeper& sleeper) {
    if (!sleeper.hook.is_linked()) return false;
    auto& list = sleeper.alters ? altering_ : zero_;
    list.erase(list.iterator_to(sleeper));
    return true;
}

void SemaphoreArray::end_all(Error why) {
    while (!zero_.empty()) finish(zero_.front(), why);
    while (!altering_.empty()) finish(altering_.front(), why);
}

namespace {

constexpr u32 kOnStack = 64;

struct Call {
    i32 id = 0;
    SemaphoreSleeper sleeper;
    bool undoes = false;
    u32 highest = 0;
};

// The array, locked, and the operation carried out; or error::again with the sleeper on the list
// and a reference in `array`.
Result<void> start(Namespace& ns, Call& call, Ref<SemaphoreArray>& array) {
    SemaphoreSleeper& sleeper = call.sleeper;
    for (;;) {
        Ref<SemaphoreArray> lacks_undo;
        {
            sync::RcuGuard guard;  // keeps the undo until the array's lock does
            TRY_ASSIGN(Object * object, ns.sem.find(call.id));
            auto* found = static_cast<SemaphoreArray*>(object);
            if (call.undoes) {
                const UndoList* list = linux_task().undo.get();
                sleeper.undo = list ? list->find(*found) : nullptr;
                if (sleeper.undo == nullptr) {
                    if (!found->try_ref()) return Err(Error::idrm);
                    lacks_undo = adopt_ref(found);
                }
            }
            if (!lacks_undo) {
                sync::SpinGuard own(found->lock);
                if (call.highest >= found->count()) return Err(Error::fbig);
                TRY(found->may(sleeper.alters ? 0222 : 0444));
                if (found->removed) return Err(Error::idrm);
                auto done = found->perform(sleeper);
                if (done) {
                    found->operation_time = now_seconds();
                    if (sleeper.alters) found->wake_sleepers();
                    return {};
                }
                if (done.error() != Error::again || (sleeper.blocking->sem_flg & IPC_NOWAIT))
                    return done;
                found->sleep(sleeper);
                array = Ref(found);
                return done;
            }
        }
        TRY_ASSIGN(UndoList * list, own_undo_list());
        TRY(list->add(*lacks_undo));
    }
}

Result<i64> operate(Namespace& ns, Call& call, sync::Deadline deadline) {
    Ref<SemaphoreArray> array;
    auto done = start(ns, call, array);
    if (done) return 0;
    if (!array) return Err(done.error());
    SemaphoreSleeper& sleeper = call.sleeper;
    auto waited = sleeper.done.wait(sync::WaitMode::interruptible, deadline);
    if (!waited) {
        sync::SpinGuard guard(array->lock);
        if (array->take_off(sleeper))
            return Err(waited.error() == Error::timedout ? Error::again : Error::intr);
    }
    if (sleeper.result != Error::none) return Err(sleeper.result);
    return 0;
}

// `deadline` is null for one that is no time.
Result<i64> semtimedop(i32 id, u64 ops, u32 count, std::optional<sync::Deadline> deadline) {
    Namespace& ns = current_namespace();
    if (count > static_cast<u32>(ns.sem_opm.load())) return Err(Error::toobig);
    if (count < 1) return Err(Error::inval);
    uapi::sembuf on_stack[kOnStack];
    std::unique_ptr<uapi::sembuf[]> on_heap;
    if (count > kOnStack) {
        on_heap.reset(new (std::nothrow) uapi::sembuf[count]);
        if (!on_heap) return Err(Error::nomem);
    }
    uapi::sembuf* operations = on_heap ? on_heap.get() : on_stack;
    TRY(mm::copy_from_user(operations, UserAddr{ops}, count * sizeof(uapi::sembuf)));
    if (id < 0 || !deadline) return Err(Error::inval);
    Call call;
    call.id = id;
    call.sleeper.operations = {operations, count};
    call.sleeper.pid = own_pid();
    for (const uapi::sembuf& op : call.sleeper.operations) {
        call.highest = std::max<u32>(call.highest, op.sem_num);
        if (op.sem_flg & SEM_UNDO) call.undoes = true;
        if (op.sem_op != 0) call.sleeper.alters = true;
    }
    return operate(ns, call, *deadline);
}

}  // namespace

}  // namespace tenon::personality::ipc

namespace tenon::personality {

Result<i64> sys_semop(i32 id, u64 ops, u32 count) {
    return ipc::semtimedop(id, ops, count, sync::Deadline::never());
}

Result<i64> sys_semtimedop(i32 id, u64 ops, u32 count, u64 timeout) {
    if (timeout == 0) return sys_semop(id, ops, count);
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(timeout).read());
    if (!is_valid(t)) return ipc::semtimedop(id, ops, count, {});
    return ipc::semtimedop(id, ops, count, sync::Deadline::after_ns(static_cast<u64>(to_ns(t))));
}

}  // namespace tenon::personality
