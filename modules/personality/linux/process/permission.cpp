#include "personality/linux/process/permission.h"

namespace tenon::personality {

Result<void> may_inspect(process::Process& target) {
    if (&target == &process::current_process()) return {};
    if (process::capable(process::Capability::sys_ptrace)) return {};
    const auto& own = process::current_credentials();
    auto other = process::credentials_of(*target.leader);
    if (!other) return Err(Error::srch);
    const bool same = own.uid == other->uid && own.uid == other->euid && own.uid == other->suid &&
                      own.gid == other->gid && own.gid == other->egid && own.gid == other->sgid;
    if (!same || target.dumpable != process::Dumpable::yes ||
        (other->permitted & ~own.permitted) != 0)
        return Err(Error::perm);
    return {};
}

}  // namespace tenon::personality
