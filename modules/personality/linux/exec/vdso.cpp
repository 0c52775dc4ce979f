#include "personality/linux/exec/vdso.h"

namespace tenon::personality::vdso {

Result<void> init() {
    return {};
}
void exit() {}
Result<void> map(mm::AddressSpace&) {
    return Err(Error::nosys);
}
void update() {}
u64 sigreturn_address(const mm::AddressSpace&) {
    return 0;
}

}  // namespace tenon::personality::vdso
