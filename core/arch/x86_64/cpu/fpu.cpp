// Spec: Intel SDM 1 chapter 13 (XSAVE), 10.5 (FXSAVE).

#include <tenon/mm/slab.h>
#include <tenon/process/task.h>

#include <algorithm>
#include <cstring>

#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch {

struct FpuState {
    u8 bytes[1];
};

namespace {

using x86::features;

// x87, SSE, AVX, AVX-512 (three parts). No PKRU: user keys are off, and it alone doubles the area.
constexpr u64 kWantedFeatures = 0x1 | 0x2 | 0x4 | 0xe0;
constexpr usize kFxsaveBytes = 512, kHeaderBytes = 64;
constexpr usize kMxcsr = 24;
constexpr u16 kInitialControlWord = 0x37f;
constexpr u32 kInitialMxcsr = 0x1f80;

constinit u64 g_mask = 3;
constinit usize g_size = kFxsaveBytes;
constinit u32 g_mxcsr_mask = 0xffbf;
constinit mm::SlabCache* g_cache = nullptr;
// Whose registers each CPU holds: a kernel thread in between costs no reload.
TENON_PERCPU(const Context*, g_owner);
alignas(64) constinit u8 g_initial[4096] = {};

void save(FpuState* state) {
    if (!features().xsave) {
        asm volatile("fxsave64 (%0)" ::"r"(state) : "memory");
        return;
    }
    const u32 low = static_cast<u32>(g_mask), high = static_cast<u32>(g_mask >> 32);
    if (features().xsaveopt)
        asm volatile("xsaveopt64 (%0)" ::"r"(state), "a"(low), "d"(high) : "memory");
    else
        asm volatile("xsave64 (%0)" ::"r"(state), "a"(low), "d"(high) : "memory");
}
void restore(const void* state) {
    if (!features().xsave) {
        asm volatile("fxrstor64 (%0)" ::"r"(state) : "memory");
        return;
    }
    asm volatile("xrstor64 (%0)" ::"r"(state), "a"(static_cast<u32>(g_mask)),
                 "d"(static_cast<u32>(g_mask >> 32))
                 : "memory");
}

void xsetbv(u64 value) {
    asm volatile("xsetbv" ::"c"(0), "a"(static_cast<u32>(value)),
                 "d"(static_cast<u32>(value >> 32)));
}

Result<FpuState*> allocate() {
    void* p = g_cache == nullptr ? nullptr : g_cache->alloc();
    if (p == nullptr) return Err(Error::nomem);
    return static_cast<FpuState*>(p);
}

// XRSTOR faults on reserved bits, unknown features and a header that is not zero behind them.
bool loadable(const u8* area) {
    u32 mxcsr = 0;
    std::memcpy(&mxcsr, area + kMxcsr, sizeof(mxcsr));
    if (mxcsr & ~g_mxcsr_mask) return false;
    if (!features().xsave) return true;
    u64 header[kHeaderBytes / sizeof(u64)];
    std::memcpy(header, area + kFxsaveBytes, sizeof(header));
    u64 rest = header[0] & ~g_mask;
    for (usize i = 1; i < std::size(header); ++i) rest |= header[i];
    return rest == 0;
}

}  // namespace

namespace x86 {

void load_fpu_cpu() {
    asm volatile("fninit");
    if (features().xsave) xsetbv(g_mask);
    const u32 mxcsr = kInitialMxcsr;
    asm volatile("ldmxcsr %0" ::"m"(mxcsr));
    g_owner.local() = nullptr;
}

void init_fpu() {
    if (features().xsave) {
        const auto l = cpuid(0xd);
        g_mask = ((u64{l.d} << 32) | l.a) & kWantedFeatures;
        if ((g_mask & 0xe0) != 0xe0) g_mask &= ~u64{0xe0};
        if ((g_mask & 4) == 0) g_mask &= ~u64{0xe0};
        xsetbv(g_mask);
        g_size = cpuid(0xd).b;  // for what is enabled in XCR0
    }
    if (g_size > sizeof(g_initial)) g_size = sizeof(g_initial);
    load_fpu_cpu();
    std::memcpy(g_initial, &kInitialControlWord, 2);
    std::memcpy(g_initial + kMxcsr, &kInitialMxcsr, 4);
    alignas(16) u8 probe[kFxsaveBytes] = {};
    asm volatile("fxsave64 (%0)" ::"r"(probe) : "memory");
    std::memcpy(&g_mxcsr_mask, probe + 28, 4);
    if (g_mxcsr_mask == 0) g_mxcsr_mask = 0xffbf;
}

void fpu_switch_out(Context& context) {
    if (context.fpu == nullptr || g_owner.local() != &context) return;
    save(context.fpu);
    context.fpu_fresh = false;
}

void fpu_switch_in(Context& context) {
    if (g_owner.local() == &context && context.fpu_cpu == cpu_id()) return;
    restore(context.fpu == nullptr || context.fpu_fresh ? static_cast<const void*>(g_initial)
                                                        : context.fpu);
    g_owner.local() = &context;
    context.fpu_cpu = cpu_id();
}

Result<void> create_fpu_cache() {
    TRY_ASSIGN(g_cache, mm::SlabCache::create("fpu_state", g_size, 64));
    return {};
}

}  // namespace x86

Result<void> fpu_fork(Task& child, Task& parent) {
    TRY_ASSIGN(child.context.fpu, allocate());
    child.context.fpu_fresh = true;
    child.context.fpu_cpu = ~0u;
    if (parent.is_kernel_thread() || parent.context.fpu == nullptr) {
        std::memset(child.context.fpu, 0, g_size);
        std::memcpy(child.context.fpu, g_initial, g_size);
        return {};
    }
    IrqGuard guard;
    std::memset(child.context.fpu, 0, g_size);  // what XSAVEOPT leaves out must not be garbage
    if (features().xsave)
        asm volatile("xsave64 (%0)" ::"r"(child.context.fpu), "a"(static_cast<u32>(g_mask)),
                     "d"(static_cast<u32>(g_mask >> 32))
                     : "memory");
    else
        save(child.context.fpu);
    child.context.fpu_fresh = false;
    return {};
}

void fpu_free(Task& task) {
    {
        IrqGuard guard;
        if (g_owner.local() == &task.context) g_owner.local() = nullptr;
    }
    task.context.fpu_cpu = ~0u;
    if (task.context.fpu != nullptr) g_cache->free(task.context.fpu);
    task.context.fpu = nullptr;
}

void fpu_reset(Task& task) {
    if (task.context.fpu == nullptr) {
        auto state = allocate();
        if (!state) return;  // the caller's exec made sure by fpu_fork; registers stay initial
        std::memcpy(*state, g_initial, g_size);
        task.context.fpu = *state;
    }
    IrqGuard guard;
    restore(g_initial);
    std::memcpy(task.context.fpu, g_initial, g_size);
    task.context.fpu_fresh = true;
    task.context.fpu_cpu = cpu_id();
    g_owner.local() = &task.context;
}

usize fpu_state_size() {
    return g_size;
}
u64 fpu_feature_mask() {
    return g_mask;
}

Result<std::span<const u8>> fpu_save() {
    Context& context = current()->context;
    if (context.fpu == nullptr) return Err(Error::nomem);
    IrqGuard guard;
    save(context.fpu);
    context.fpu_fresh = false;
    return std::span<const u8>(context.fpu->bytes, g_size);
}

Result<std::span<const u8>> fpu_save(Task& stopped) {
    Context& context = stopped.context;
    if (context.fpu == nullptr) return Err(Error::nomem);
    // Switching away saved them; an untouched area is the initial state.
    return std::span<const u8>(context.fpu->bytes, g_size);
}

Result<void> fpu_load(Task& stopped, FpuFill fill, u64 argument) {
    Context& context = stopped.context;
    if (context.fpu == nullptr) return Err(Error::nomem);
    TRY_ASSIGN(FpuState * state, allocate());
    Result<void> result = fill({state->bytes, g_size}, argument);
    if (result && !loadable(state->bytes)) result = Err(Error::inval);
    if (result) {
        // In place: a kill may wake the task under our hands, and either half is loadable.
        std::memcpy(context.fpu->bytes, state->bytes, g_size);
        context.fpu_fresh = false;
        context.fpu_cpu = ~0u;
    }
    g_cache->free(state);
    return result;
}

Result<void> fpu_load(FpuFill fill, u64 argument) {
    Context& context = current()->context;
    if (context.fpu == nullptr) return Err(Error::nomem);
    // Into an area of its own: a switch meanwhile saves the old registers to the task's.
    TRY_ASSIGN(FpuState * state, allocate());
    Result<void> result = fill({state->bytes, g_size}, argument);
    if (result && !loadable(state->bytes)) result = Err(Error::inval);
    if (result) {
        IrqGuard guard;
        restore(state);
        std::swap(context.fpu, state);
        context.fpu_fresh = false;
        context.fpu_cpu = cpu_id();
        g_owner.local() = &context;
    }
    g_cache->free(state);
    return result;
}

}  // namespace tenon::arch
