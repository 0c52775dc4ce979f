// arch_prctl. Spec: man 2 arch_prctl.
#include <tenon/arch/context.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

Result<i64> sys_arch_prctl(i32 option, u64 arg2) {
    Task& self = *current();
    switch (option) {
        case ARCH_SET_FS:
            if (arg2 >= arch::kUserLimit) return Err(Error::perm);
            arch::set_user_tls(self, arg2);
            return 0;
        case ARCH_SET_GS:
            if (arg2 >= arch::kUserLimit) return Err(Error::perm);
            arch::set_user_gs(self, arg2);
            return 0;
        case ARCH_GET_FS:
            TRY(mm::UserOut<u64>(arg2).write(arch::user_tls(self)));
            return 0;
        case ARCH_GET_GS:
            TRY(mm::UserOut<u64>(arg2).write(arch::user_gs(self)));
            return 0;
        case ARCH_GET_CPUID:
            return 1;
        case ARCH_SET_CPUID:
            return Err(Error::nodev);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
