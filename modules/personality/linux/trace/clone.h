// What a clone is to the tracer of who calls it.
#pragma once

#include "personality/linux/trace/tracee.h"

namespace tenon::personality::trace {

class CloneTrace {
  public:
    Result<void> plan(u64 flags, u64 exit_signal);
    Result<void> prepare(Task& child);  // Error::nomem
    void publish(Task& child);          // it is in the tree and does not run yet
    void started(i32 tid);              // may stop the caller
    void vfork_done(i32 tid);           // likewise

  private:
    u32 event_ = 0;
    bool attach_ = false;
    Ref<Tracee> tracee_;
};

}  // namespace tenon::personality::trace
