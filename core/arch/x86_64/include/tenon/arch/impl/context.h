// x86_64 body of <tenon/arch/context.h>.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

// An XSAVE (or FXSAVE) area, 64-byte aligned; its size is fpu_state_size().
struct FpuState;

// Hardware break- and watchpoints of user mode, DR0 to DR3 and DR7. Spec: Intel SDM 3B 18.2.
struct DebugRegs {
    u64 address[4] = {};
    u64 control = 0;
};

struct Context {
    uptr kernel_sp = 0;
    u64 user_tls_base = 0;  // FS; valid while the task does not run
    u64 user_gs_base = 0;   // likewise
    FpuState* fpu = nullptr;
    u32 fpu_cpu = ~0u;           // the CPU that may still hold this task's FPU registers
    DebugRegs* debug = nullptr;  // null: none in use
    UserCounter counter = UserCounter::reads;
    bool fpu_fresh = true;       // registers are in their initial state; nothing was saved yet
};

}  // namespace tenon::arch
