// What follows when a module failed: its calls end, what it held is swept, and it is started again.
//
// Theory. The fault itself only closes the gate and wakes the warden, a kernel thread; so a fault
// in an interrupt handler costs no more than that. The warden takes the module and everything that
// stands on it down, dependants first: ends the calls inside (crossing.h), then sweeps the ledgers
// without running any of their code, frees their memory and unmaps them. Then it links them again
// from the bytes that they were loaded from, providers first, after a pause that doubles with every
// fault of the last minute; after kMaxRestarts of them the module is left out: quarantine.
#pragma once

#include "core/module/module.h"

namespace tenon::module {

// Any context. `what` is a literal. Without `wake` the caller sees to it that wake_warden()
// follows.
void report_failure(Gate& gate, const char* what, bool wake = true);
void wake_warden();
// A fault that no restart follows: in create() or at the end.
void note_fault(Module& module);

// Waits until no task is inside the failed module, ending what does not end by itself. False: some
// stay. Thread context.
bool end_calls(Module& module);

// What is remembered of a module by its name, across its instances. Guarded by the loader's mutex.
struct History {
    char name[56] = {};
    char last_fault[160] = {};
    u64 last_fault_ns = 0;  // on the monotonic clock
    u64 went_ns = 0;        // when its last instance was taken down
    u32 faults = 0, restarts = 0;
    u32 recent = 0;  // restarts since window_ns
    u64 window_ns = 0;
    u64 restart_at_ns = 0;  // 0: none is due
    bool quarantined = false;
    Image image;  // while it is down
    std::unique_ptr<char[]> parameters;
    Saved saved;
    History* next = nullptr;
};

}  // namespace tenon::module
