// Changing user and group ids. Spec: man 7 credentials, man 2 setresuid, man 7 capabilities
// ("Effect of user ID changes on capabilities").
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/exec/credentials.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

using process::Capability;
using process::CapabilitySet;
using process::Credentials;

namespace {

constexpr u32 kSame = ~0u;

constexpr CapabilitySet bit(Capability c) {
    return CapabilitySet{1} << static_cast<u8>(c);
}
// What goes with fsuid 0.
constexpr CapabilitySet kFileSystem = bit(Capability::chown) | bit(Capability::dac_override) |
                                      bit(Capability::dac_read_search) | bit(Capability::fowner) |
                                      bit(Capability::fsetid) | bit(Capability::linux_immutable) |
                                      bit(Capability::mknod) | bit(Capability::mac_override);

Result<Ref<Credentials>> copy() {
    return Credentials::copy_of(process::current_credentials());
}

// Capabilities follow the uids, unless the secure bits say otherwise.
void fix_capabilities(Credentials& c, const Credentials& old) {
    if (c.secure_bits & SECBIT_NO_SETUID_FIXUP) return;
    const bool had_root = old.uid == 0 || old.euid == 0 || old.suid == 0;
    const bool has_root = c.uid == 0 || c.euid == 0 || c.suid == 0;
    if (had_root && !has_root) {
        if (!(c.secure_bits & SECBIT_KEEP_CAPS)) c.permitted = c.effective = 0;
        c.ambient = 0;
    }
    if (old.euid == 0 && c.euid != 0) c.effective = 0;
    if (old.euid != 0 && c.euid == 0) c.effective = c.permitted;
}

void fix_fs_capabilities(Credentials& c, const Credentials& old) {
    if (c.secure_bits & SECBIT_NO_SETUID_FIXUP) return;
    if (old.fsuid == 0 && c.fsuid != 0) c.effective &= ~kFileSystem;
    if (old.fsuid != 0 && c.fsuid == 0) c.effective |= c.permitted & kFileSystem;
}

i64 commit(Ref<Credentials> c) {
    commit_changed_ids(std::move(c));
    return 0;
}

bool one_of(u32 id, u32 a, u32 b, u32 c) {
    return id == kSame || id == a || id == b || id == c;
}

}  // namespace

Result<i64> sys_setuid(u32 uid) {
    if (uid == kSame) return Err(Error::inval);
    const Credentials& old = process::current_credentials();
    TRY_ASSIGN(auto c, copy());
    if (old.has(Capability::setuid))
        c->uid = c->suid = uid;
    else if (uid != old.uid && uid != old.suid)
        return Err(Error::perm);
    c->euid = c->fsuid = uid;
    fix_capabilities(*c, old);
    return commit(std::move(c));
}

Result<i64> sys_setgid(u32 gid) {
    if (gid == kSame) return Err(Error::inval);
    const Credentials& old = process::current_credentials();
    TRY_ASSIGN(auto c, copy());
    if (old.has(Capability::setgid))
        c->gid = c->sgid = gid;
    else if (gid != old.gid && gid != old.sgid)
        return Err(Error::perm);
    c->egid = c->fsgid = gid;
    return commit(std::move(c));
}

Result<i64> sys_setreuid(u32 ruid, u32 euid) {
    const Credentials& old = process::current_credentials();
    TRY_ASSIGN(auto c, copy());
    const bool may = old.has(Capability::setuid);
    if (ruid != kSame) {
        if (!may && ruid != old.uid && ruid != old.euid) return Err(Error::perm);
        c->uid = ruid;
    }
    if (euid != kSame) {
        if (!may && euid != old.uid && euid != old.euid && euid != old.suid)
            return Err(Error::perm);
        c->euid = euid;
    }
    if (ruid != kSame || (euid != kSame && euid != old.uid)) c->suid = c->euid;
    c->fsuid = c->euid;
    fix_capabilities(*c, old);
    return commit(std::move(c));
}

Result<i64> sys_setregid(u32 rgid, u32 egid) {
    const Credentials& old = process::current_credentials();
    TRY_ASSIGN(auto c, copy());
    const bool may = old.has(Capability::setgid);
    if (rgid != kSame) {
        if (!may && rgid != old.gid && rgid != old.egid) return Err(Error::perm);
        c->gid = rgid;
    }
    if (egid != kSame) {
        if (!may && egid != old.gid && egid != old.egid && egid != old.sgid)
            return Err(Error::perm);
        c->egid = egid;
    }
    if (rgid != kSame || (egid != kSame && egid != old.gid)) c->sgid = c->egid;
    c->fsgid = c->egid;
    return commit(std::move(c));
}

Result<i64> sys_setresuid(u32 ruid, u32 euid, u32 suid) {
    const Credentials& old = process::current_credentials();
    if (!old.has(Capability::setuid) &&
        !(one_of(ruid, old.uid, old.euid, old.suid) && one_of(euid, old.uid, old.euid, old.suid) &&
          one_of(suid, old.uid, old.euid, old.suid)))
        return Err(Error::perm);
    TRY_ASSIGN(auto c, copy());
    if (ruid != kSame) c->uid = ruid;
    if (euid != kSame) c->euid = euid;
    if (suid != kSame) c->suid = suid;
    c->fsuid = c->euid;
    fix_capabilities(*c, old);
    return commit(std::move(c));
}

Result<i64> sys_setresgid(u32 rgid, u32 egid, u32 sgid) {
    const Credentials& old = process::current_credentials();
    if (!old.has(Capability::setgid) &&
        !(one_of(rgid, old.gid, old.egid, old.sgid) && one_of(egid, old.gid, old.egid, old.sgid) &&
          one_of(sgid, old.gid, old.egid, old.sgid)))
        return Err(Error::perm);
    TRY_ASSIGN(auto c, copy());
    if (rgid != kSame) c->gid = rgid;
    if (egid != kSame) c->egid = egid;
    if (sgid != kSame) c->sgid = sgid;
    c->fsgid = c->egid;
    return commit(std::move(c));
}

Result<i64> sys_getresuid(u64 ruidp, u64 euidp, u64 suidp) {
    const Credentials& c = process::current_credentials();
    TRY(mm::UserOut<u32>(ruidp).write(c.uid));
    TRY(mm::UserOut<u32>(euidp).write(c.euid));
    TRY(mm::UserOut<u32>(suidp).write(c.suid));
    return 0;
}

Result<i64> sys_getresgid(u64 rgidp, u64 egidp, u64 sgidp) {
    const Credentials& c = process::current_credentials();
    TRY(mm::UserOut<u32>(rgidp).write(c.gid));
    TRY(mm::UserOut<u32>(egidp).write(c.egid));
    TRY(mm::UserOut<u32>(sgidp).write(c.sgid));
    return 0;
}

// These two answer the old value, and never an error.
Result<i64> sys_setfsuid(u32 uid) {
    const Credentials& old = process::current_credentials();
    const u32 before = old.fsuid;
    const bool may = old.has(Capability::setuid) || uid == old.uid || uid == old.euid ||
                     uid == old.suid || uid == old.fsuid;
    if (uid == kSame || uid == before || !may) return before;
    auto c = copy();
    if (!c) return before;
    (*c)->fsuid = uid;
    fix_fs_capabilities(**c, old);
    commit(std::move(*c));
    return before;
}

Result<i64> sys_setfsgid(u32 gid) {
    const Credentials& old = process::current_credentials();
    const u32 before = old.fsgid;
    const bool may = old.has(Capability::setgid) || gid == old.gid || gid == old.egid ||
                     gid == old.sgid || gid == old.fsgid;
    if (gid == kSame || gid == before || !may) return before;
    auto c = copy();
    if (!c) return before;
    (*c)->fsgid = gid;
    commit(std::move(*c));
    return before;
}

Result<i64> sys_getgroups(i32 gidsetsize, u64 grouplist) {
    const Credentials& c = process::current_credentials();
    if (gidsetsize < 0) return Err(Error::inval);
    if (gidsetsize != 0) {
        if (c.group_count > static_cast<u32>(gidsetsize)) return Err(Error::inval);
        TRY(mm::copy_to_user(UserAddr{grouplist}, c.groups.get(), c.group_count * sizeof(u32)));
    }
    return c.group_count;
}

Result<i64> sys_setgroups(i32 gidsetsize, u64 grouplist) {
    if (!process::capable(Capability::setgid)) return Err(Error::perm);
    if (static_cast<u32>(gidsetsize) > NGROUPS_MAX) return Err(Error::inval);
    TRY_ASSIGN(auto c, copy());
    std::unique_ptr<u32[]> groups;
    const u32 count = static_cast<u32>(gidsetsize);
    if (count != 0) {
        groups.reset(new (std::nothrow) u32[count]);
        if (!groups) return Err(Error::nomem);
        TRY(mm::copy_from_user(groups.get(), UserAddr{grouplist}, count * sizeof(u32)));
        for (u32 i = 0; i < count; ++i)
            if (groups[i] == kSame) return Err(Error::inval);
        std::sort(groups.get(), groups.get() + count);
    }
    c->groups = std::move(groups);
    c->group_count = count;
    process::commit_credentials(std::move(c));
    return 0;
}

}  // namespace tenon::personality
