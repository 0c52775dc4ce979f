#include "personality/linux/signal/stack.h"

#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

bool on_alternate_stack(u64 sp) {
    const Task& self = *current();
    if (self.alt_stack_flags & SS_AUTODISARM) return false;
    return sp > self.alt_stack_base && sp - self.alt_stack_base <= self.alt_stack_size;
}

bool alternate_stack_usable(u64 sp) {
    return current()->alt_stack_size != 0 && !on_alternate_stack(sp);
}

void disarm_alternate_stack() {
    Task& self = *current();
    if ((self.alt_stack_flags & SS_AUTODISARM) == 0) return;
    self.alt_stack_base = self.alt_stack_size = 0;
    self.alt_stack_flags = 0;
}

void fill_stack_t(uapi::stack_t& out, u64 sp) {
    const Task& self = *current();
    out.ss_sp = reinterpret_cast<void*>(self.alt_stack_base);
    out.ss_size = self.alt_stack_size;
    const u32 state = self.alt_stack_size == 0 ? SS_DISABLE
                      : on_alternate_stack(sp) ? SS_ONSTACK
                                               : 0;
    out.ss_flags = static_cast<i32>(state | (self.alt_stack_flags & SS_AUTODISARM));
}

void restore_stack_t(const uapi::stack_t& in) {
    // As Linux: what the frame says is tried, and errors are nobody's to hear.
    (void)set_alternate_stack(in, arch::user_regs(*current()).sp(), MINSIGSTKSZ);
}

Result<void> set_alternate_stack(const uapi::stack_t& in, u64 sp, u64 min_size) {
    Task& self = *current();
    if (on_alternate_stack(sp)) return Err(Error::perm);
    const u32 flags = static_cast<u32>(in.ss_flags);
    const u32 mode = flags & ~SS_AUTODISARM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return Err(Error::inval);
    if (mode == SS_DISABLE) {
        self.alt_stack_base = self.alt_stack_size = 0;
    } else {
        if (in.ss_size < min_size) return Err(Error::nomem);
        self.alt_stack_base = reinterpret_cast<u64>(in.ss_sp);
        self.alt_stack_size = in.ss_size;
    }
    self.alt_stack_flags = flags;
    return {};
}

Result<i64> sys_sigaltstack(u64 uss, u64 uoss) {
    const u64 sp = arch::user_regs(*current()).sp();
    uapi::stack_t old{};
    fill_stack_t(old, sp);
    if (uss != 0) {
        TRY_ASSIGN(const auto fresh, mm::UserIn<uapi::stack_t>(uss).read());
        TRY(set_alternate_stack(fresh, sp, MINSIGSTKSZ));
    }
    if (uoss != 0) TRY(mm::UserOut<uapi::stack_t>(uoss).write(old));
    return 0;
}

}  // namespace tenon::personality
