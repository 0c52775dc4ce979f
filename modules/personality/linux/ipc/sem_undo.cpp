// SEM_UNDO: what is taken back when the last task that shares a list ends.
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>

#include <algorithm>

#include "personality/linux/ipc/sem.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality::ipc {

Result<Undo*> Undo::make(SemaphoreArray& array) {
    std::unique_ptr<Undo> undo(new (std::nothrow) Undo(array));
    if (!undo) return Err(Error::nomem);
    undo->adjust = new (std::nothrow) i16[array.count()]{};
    if (undo->adjust == nullptr) return Err(Error::nomem);
    return undo.release();
}

Undo::~Undo() {
    delete[] adjust;
}

namespace {

void free_later(Undo* undo) {
    sync::rcu_call(*undo, [](sync::RcuHead* head) { delete static_cast<Undo*>(head); });
}

// Takes the array's adjustments back, values staying within their range.
void carry_out(Undo& undo) {
    SemaphoreArray& array = *undo.array;
    sync::SpinGuard guard(array.lock);
    if (!undo.array_hook.is_linked()) return;  // the array has gone
    array.undos.erase(array.undos.iterator_to(undo));
    bool changed = false;
    for (u32 i = 0; i < array.count(); ++i) {
        if (undo.adjust[i] == 0) continue;
        Semaphore& s = array.all()[i];
        s.value = std::clamp(s.value + undo.adjust[i], 0, SEMVMX);
        s.pid = own_pid();
        changed = true;
    }
    if (!changed) return;
    array.operation_time = now_seconds();
    array.wake_sleepers();
}

}  // namespace

UndoList::~UndoList() {
    while (Undo* undo = first_) {
        first_ = undo->following;
        carry_out(*undo);
        free_later(undo);
    }
}

Undo* UndoList::find(const SemaphoreArray& array) const {
    sync::SpinGuard guard(lock_);
    for (Undo* u = first_; u != nullptr; u = u->following)
        if (u->array.get() == &array) return u;
    return nullptr;
}

Result<void> UndoList::add(SemaphoreArray& array) {
    TRY_ASSIGN(Undo * fresh, Undo::make(array));
    Undo* dead = nullptr;
    bool there = false;
    {
        sync::SpinGuard guard(lock_);
        for (Undo** at = &first_; *at != nullptr;) {
            Undo* u = *at;
            there |= u->array.get() == &array;
            if (!u->array->removed) {  // as good as read under its lock: it never comes back
                at = &u->following;
                continue;
            }
            *at = u->following;
            u->following = dead;
            dead = u;
        }
        if (!there) {
            fresh->following = first_;
            first_ = fresh;
        }
    }
    while (Undo* u = dead) {
        dead = u->following;
        free_later(u);
    }
    if (there) {  // another thread of the list was faster
        delete fresh;
        return {};
    }
    sync::SpinGuard guard(array.lock);
    if (array.removed) return Err(Error::idrm);  // the next add() throws it away
    array.undos.push_back(*fresh);
    return {};
}

Result<UndoList*> own_undo_list() {
    LinuxTask& task = linux_task();
    if (!task.undo) {
        task.undo = adopt_ref(new (std::nothrow) UndoList);
        if (!task.undo) return Err(Error::nomem);
    }
    return task.undo.get();
}

}  // namespace tenon::personality::ipc
