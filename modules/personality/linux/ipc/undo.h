// What a task hangs on to for SEM_UNDO. Small: every user of LinuxTask sees it.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/spinlock.h>

namespace tenon::personality::ipc {

class SemaphoreArray;
class Undo;

// Of a task, shared by CLONE_SYSVSEM: the last reference carries it out.
class UndoList : public RefCounted<UndoList> {
  public:
    ~UndoList();
    // Under RcuGuard; null: none yet.
    Undo* find(const SemaphoreArray& array) const;
    // May sleep. Error::nomem, idrm.
    Result<void> add(SemaphoreArray& array);

  private:
    mutable sync::SpinLock lock_{sync::LockRank::spin_leaf};
    Undo* first_ = nullptr;
};

// The calling task's list, made if it has none. Error::nomem.
Result<UndoList*> own_undo_list();

}  // namespace tenon::personality::ipc
