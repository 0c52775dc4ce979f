// Semaphore arrays.
//
// One spin lock an array guards its values, its sleepers and what its processes would undo. An
// operation on several semaphores happens as a whole or not at all; who changes a value carries out
// what sleepers wait for, in the order in which they came, and wakes them with their result.
#pragma once

#include "personality/linux/ipc/namespace.h"
#include "personality/linux/ipc/undo.h"

namespace tenon::personality::ipc {

struct Semaphore {
    i32 value = 0;
    i32 pid = 0;  // who changed it last
};

class SemaphoreArray;

// What one process (or several, with CLONE_SYSVSEM) takes back of one array when it ends. Found
// under RCU; the adjustments are guarded by the array's lock.
class Undo : public sync::RcuHead {
  public:
    static Result<Undo*> make(SemaphoreArray& array);
    ~Undo();

    const Ref<SemaphoreArray> array;
    ListHook array_hook;        // in SemaphoreArray::undos, until either goes
    Undo* following = nullptr;  // in UndoList; its lock
    i16* adjust = nullptr;      // one a semaphore

  private:
    explicit Undo(SemaphoreArray& a) : array(&a) {}
};

// One semop that sleeps; on its stack. Guarded by the array's lock until it is taken off the list.
struct SemaphoreSleeper {
    std::span<const uapi::sembuf> operations;
    Undo* undo = nullptr;
    i32 pid = 0;
    bool alters = false;
    const uapi::sembuf* blocking = nullptr;  // the one that cannot be done
    ListHook hook;
    Error result = Error::none;
    sync::Completion done;
};

class SemaphoreArray final : public Object {
  public:
    static Result<Ref<Object>> make(i32 key, u32 count, u32 flags);
    ~SemaphoreArray() override;

    u32 count() const { return static_cast<u32>(weight); }
    std::span<Semaphore> all() { return {semaphores_, count()}; }
    i64 operation_time = 0, change_time;
    List<Undo, &Undo::array_hook> undos;

    // --- with Object::lock
    // All operations or none. Error::again: it would have to wait (`blocking` is set then);
    // Error::range.
    Result<void> perform(SemaphoreSleeper& wanted);
    // After a value changed: whoever can go on does.
    void wake_sleepers();
    void sleep(SemaphoreSleeper& sleeper);
    bool take_off(SemaphoreSleeper& sleeper);  // false: it has its result already
    void end_all(Error why);
    // How many wait for this semaphore to grow, or to become zero.
    u32 waiting(u32 number, bool for_zero);
    void clear_adjustments(u32 number);

  private:
    SemaphoreArray(i32 key, u32 flags) : Object(key, flags) {}
    void wake_for_zero();
    void finish(SemaphoreSleeper& sleeper, Error result);

    Semaphore* semaphores_ = nullptr;
    // Who only waits for zeros disturbs nobody and goes first.
    List<SemaphoreSleeper, &SemaphoreSleeper::hook> zero_, altering_;
};

}  // namespace tenon::personality::ipc
