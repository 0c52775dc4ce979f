// Semaphore arrays and the calls that make and change them as a whole: semget, semctl.
// Spec: man 2 semctl; Linux ipc/sem.c for the order of the checks.
#include "personality/linux/ipc/sem.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/process/process.h>

#include <algorithm>

#include "personality/linux/generated/syscalls.h"

namespace tenon::personality::ipc {

Result<Ref<Object>> SemaphoreArray::make(i32 key, u32 count, u32 flags) {
    if (count == 0) return Err(Error::inval);
    auto* array = new (std::nothrow) SemaphoreArray(key, flags);
    if (array == nullptr) return Err(Error::nomem);
    Ref<Object> made = adopt_ref<Object>(array);
    array->semaphores_ = new (std::nothrow) Semaphore[count];
    if (array->semaphores_ == nullptr) return Err(Error::nomem);
    array->weight = count;
    array->change_time = now_seconds();
    return made;
}

SemaphoreArray::~SemaphoreArray() {
    delete[] semaphores_;
}

u32 SemaphoreArray::waiting(u32 number, bool for_zero) {
    u32 n = 0;
    for (auto* list : {&zero_, &altering_})
        for (const SemaphoreSleeper& s : *list)
            if (s.blocking->sem_num == number &&
                (for_zero ? s.blocking->sem_op == 0 : s.blocking->sem_op < 0))
                ++n;
    return n;
}

void SemaphoreArray::clear_adjustments(u32 number) {
    for (Undo& undo : undos) undo.adjust[number] = 0;
}

}  // namespace tenon::personality::ipc

namespace tenon::personality {

using namespace ipc;

Result<i64> sys_semget(i32 key, i32 count, i32 flags) {
    Namespace& ns = current_namespace();
    if (count < 0 || count > ns.sem_msl.load()) return Err(Error::inval);
    const u32 wanted = static_cast<u32>(count);
    return get(
        ns.sem, key, flags, static_cast<u32>(ns.sem_mni.load()),
        [&](Object& o) -> Result<void> {
            if (wanted > o.weight) return Err(Error::inval);
            return {};
        },
        [&]() -> Result<Ref<Object>> {
            {
                sync::ReadGuard guard(ns.sem.lock);
                if (wanted != 0 && ns.sem.weight() + wanted > static_cast<u64>(ns.sem_mns.load()))
                    return Err(Error::nospc);
            }
            return SemaphoreArray::make(key, wanted, static_cast<u32>(flags));
        },
        [&](Object& o) -> Result<void> {
            if (ns.sem.weight() + o.weight > static_cast<u64>(ns.sem_mns.load()))
                return Err(Error::nospc);
            return {};
        });
}

namespace {

Result<i64> information(Namespace& ns, i32 cmd, u64 to) {
    uapi::seminfo out{};
    out.semmni = ns.sem_mni.load();
    out.semmns = ns.sem_mns.load();
    out.semmsl = ns.sem_msl.load();
    out.semopm = ns.sem_opm.load();
    out.semvmx = SEMVMX;
    out.semmnu = SEMMNU;
    out.semmap = SEMMAP;
    out.semume = SEMUME;
    i32 highest;
    {
        sync::ReadGuard guard(ns.sem.lock);
        out.semusz = cmd == SEM_INFO ? static_cast<i32>(ns.sem.count()) : SEMUSZ;
        out.semaem = cmd == SEM_INFO ? static_cast<i32>(ns.sem.weight()) : SEMAEM;
        highest = ns.sem.highest_slot();
    }
    TRY(mm::UserOut<uapi::seminfo>(to).write(out));
    return std::max(highest, 0);
}

Result<i64> status(Namespace& ns, i32 id, i32 cmd, u64 to) {
    return tell_status<SemaphoreArray, uapi::semid64_ds>(
        ns.sem, id, cmd != IPC_STAT, cmd == SEM_STAT_ANY, to,
        [](const SemaphoreArray& array, uapi::semid64_ds& out) {
            out.sem_perm = array.describe();
            out.sem_otime = array.operation_time;
            out.sem_ctime = array.change_time;
            out.sem_nsems = array.count();
        });
}

Result<i64> set(Namespace& ns, i32 id, u64 from) {
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::semid64_ds>(from).read());
    sync::WriteGuard guard(ns.sem.lock);
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    TRY(array->may_control());
    TRY(array->set_owner(in.sem_perm));
    array->change_time = now_seconds();
    return 0;
}

Result<i64> remove(Namespace& ns, i32 id) {
    Ref<Object> dead;
    sync::WriteGuard guard(ns.sem.lock);
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    TRY(array->may_control());
    // What would be undone is not any more; its owners find that out when they look.
    array->undos.clear();
    array->end_all(Error::idrm);
    dead = ns.sem.remove(*array);
    array.unlock();
    return 0;
}

Result<i64> set_value(Namespace& ns, i32 id, i32 number, i32 value) {
    if (value < 0 || value > SEMVMX) return Err(Error::range);
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    if (number < 0 || static_cast<u32>(number) >= array->count()) return Err(Error::inval);
    TRY(array->may(0222));
    array->clear_adjustments(static_cast<u32>(number));
    array->all()[static_cast<u32>(number)] = {value, own_pid()};
    array->change_time = now_seconds();
    array->wake_sleepers();
    return 0;
}

// A copy of all values outside of the lock; the number of semaphores never changes.
class Values {
  public:
    ~Values() {
        if (heap_ != nullptr) mm::kfree(heap_);
    }
    Result<void> make(u32 count) {
        count_ = count;
        if (count > std::size(inline_)) {
            heap_ = static_cast<u16*>(mm::kmalloc(count * sizeof(u16)));
            if (heap_ == nullptr) return Err(Error::nomem);
        }
        return {};
    }
    u16* data() { return heap_ != nullptr ? heap_ : inline_; }
    usize bytes() const { return count_ * sizeof(u16); }

  private:
    u16 inline_[256];
    u16* heap_ = nullptr;
    u32 count_ = 0;
};

Result<u32> count_if_allowed(Namespace& ns, i32 id, u32 mode) {
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    TRY(array->may(mode));
    return array->count();
}

Result<i64> get_all(Namespace& ns, i32 id, u64 to) {
    TRY_ASSIGN(const u32 count, count_if_allowed(ns, id, 0444));
    Values values;
    TRY(values.make(count));
    {
        TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
        for (u32 i = 0; i < count; ++i) values.data()[i] = static_cast<u16>(array->all()[i].value);
    }
    TRY(mm::copy_to_user(UserAddr{to}, values.data(), values.bytes()));
    return 0;
}

Result<i64> set_all(Namespace& ns, i32 id, u64 from) {
    TRY_ASSIGN(const u32 count, count_if_allowed(ns, id, 0222));
    Values values;
    TRY(values.make(count));
    TRY(mm::copy_from_user(values.data(), UserAddr{from}, values.bytes()));
    for (u32 i = 0; i < count; ++i)
        if (values.data()[i] > SEMVMX) return Err(Error::range);
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    for (u32 i = 0; i < count; ++i) {
        array->all()[i] = {values.data()[i], own_pid()};
        array->clear_adjustments(i);
    }
    array->change_time = now_seconds();
    array->wake_sleepers();
    return 0;
}

Result<i64> get_one(Namespace& ns, i32 id, i32 number, i32 cmd) {
    TRY_ASSIGN(auto array, lock_object<SemaphoreArray>(ns.sem, id));
    TRY(array->may(0444));
    if (number < 0 || static_cast<u32>(number) >= array->count()) return Err(Error::inval);
    const u32 n = static_cast<u32>(number);
    switch (cmd) {
        case GETVAL:
            return array->all()[n].value;
        case GETPID:
            return array->all()[n].pid;
        default:
            return array->waiting(n, cmd == GETZCNT);
    }
}

}  // namespace

Result<i64> sys_semctl(i32 id, i32 number, i32 cmd, u64 arg) {
    if (id < 0) return Err(Error::inval);
    Namespace& ns = current_namespace();
    switch (cmd) {
        case IPC_INFO:
        case SEM_INFO:
            return information(ns, cmd, arg);
        case IPC_STAT:
        case SEM_STAT:
        case SEM_STAT_ANY:
            return status(ns, id, cmd, arg);
        case GETALL:
            return get_all(ns, id, arg);
        case SETALL:
            return set_all(ns, id, arg);
        case GETVAL:
        case GETPID:
        case GETNCNT:
        case GETZCNT:
            return get_one(ns, id, number, cmd);
        case SETVAL:
            return set_value(ns, id, number, static_cast<i32>(arg));
        case IPC_SET:
            return set(ns, id, arg);
        case IPC_RMID:
            return remove(ns, id);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
