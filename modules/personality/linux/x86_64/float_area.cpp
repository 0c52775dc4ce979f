// The FPU state as tracers and core dumps see it. Spec: Linux copy_xstate_to_uabi_buf(); Intel SDM
// 1 13.4.
#include <tenon/arch/context.h>

#include "personality/linux/abi.h"
#include "personality/linux/x86_64/user_area.h"

namespace tenon::personality::trace {

namespace {

constexpr usize kMxcsrAt = 24, kRegistersAt = 32, kXmmAt = 160, kSoftwareAt = 464;
constexpr u32 kInitialMxcsr = 0x1f80;
constexpr u16 kInitialControl = 0x37f;
enum Feature : u64 { kX87 = 1, kSse = 2, kAvx = 4 };

}  // namespace

Result<void> fill_float(Task& task, std::span<u8> out) {
    std::span<const u8> state;
    if (&task == current()) {
        TRY_ASSIGN(state, arch::fpu_save());
    } else {
        TRY_ASSIGN(state, arch::fpu_save(task));
    }
    std::memcpy(out.data(), state.data(), out.size());
    if (out.size() <= kLegacyBytes) return {};
    u64 used;
    std::memcpy(&used, out.data() + kLegacyBytes, sizeof(used));
    if ((used & kX87) == 0) {
        std::memset(out.data(), 0, kMxcsrAt);
        std::memcpy(out.data(), &kInitialControl, sizeof(kInitialControl));
        std::memset(out.data() + kRegistersAt, 0, kXmmAt - kRegistersAt);
    }
    if ((used & kSse) == 0) std::memset(out.data() + kXmmAt, 0, kSoftwareAt - kXmmAt - 48);
    if ((used & (kSse | kAvx)) == 0) {
        std::memcpy(out.data() + kMxcsrAt, &kInitialMxcsr, sizeof(kInitialMxcsr));
    }
    const u64 enabled = arch::fpu_feature_mask();
    std::memset(out.data() + kSoftwareAt - 48, 0, kLegacyBytes - kSoftwareAt + 48);
    std::memcpy(out.data() + kSoftwareAt, &enabled, sizeof(enabled));
    return {};
}

}  // namespace tenon::personality::trace
