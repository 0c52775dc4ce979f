// capget, capset. Spec: man 2 capget, man 7 capabilities.
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

using process::CapabilitySet;

static_assert(static_cast<u32>(process::Capability::count_) == CAP_LAST_CAP + 1);

namespace {

// Words of the structure that a version of the interface has. An unknown one is told which is ours.
Result<u32> words_of_version(u64 header_at, bool probing) {
    TRY_ASSIGN(const u32 version, mm::UserIn<u32>(header_at).read());
    switch (version) {
        case _LINUX_CAPABILITY_VERSION_1:
            return 1u;
        case _LINUX_CAPABILITY_VERSION_2:
        case _LINUX_CAPABILITY_VERSION_3:
            return 2u;
        default:
            break;
    }
    TRY(mm::UserOut<u32>(header_at).write(_LINUX_CAPABILITY_VERSION_3));
    if (probing) return 0u;
    return Err(Error::inval);
}

}  // namespace

Result<i64> sys_capget(u64 header, u64 dataptr) {
    TRY_ASSIGN(const u32 words, words_of_version(header, dataptr == 0));
    if (words == 0 || dataptr == 0) return 0;
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::__user_cap_header_struct>(header).read());
    if (in.pid < 0) return Err(Error::inval);
    Ref<Task> task(current());
    if (in.pid != 0) {
        task = process::find_task(in.pid);
        if (!task) return Err(Error::srch);
    }
    auto cred = process::credentials_of(*task);
    if (!cred) return Err(Error::srch);
    uapi::__user_cap_data_struct data[2] = {};
    for (u32 i = 0; i < 2; ++i) {
        data[i].effective = static_cast<u32>(cred->effective >> (32 * i));
        data[i].permitted = static_cast<u32>(cred->permitted >> (32 * i));
        data[i].inheritable = static_cast<u32>(cred->inheritable >> (32 * i));
    }
    TRY(mm::copy_to_user(UserAddr{dataptr}, data, words * sizeof(data[0])));
    return 0;
}

Result<i64> sys_capset(u64 header, u64 data) {
    TRY_ASSIGN(const u32 words, words_of_version(header, false));
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::__user_cap_header_struct>(header).read());
    if (in.pid != 0 && in.pid != current()->tid) return Err(Error::perm);
    uapi::__user_cap_data_struct raw[2] = {};
    TRY(mm::copy_from_user(raw, UserAddr{data}, words * sizeof(raw[0])));
    CapabilitySet effective = 0, permitted = 0, inheritable = 0;
    for (u32 i = 0; i < words; ++i) {
        effective |= CapabilitySet{raw[i].effective} << (32 * i);
        permitted |= CapabilitySet{raw[i].permitted} << (32 * i);
        inheritable |= CapabilitySet{raw[i].inheritable} << (32 * i);
    }
    effective &= process::kAllCapabilities;
    permitted &= process::kAllCapabilities;
    inheritable &= process::kAllCapabilities;

    const process::Credentials& old = process::current_credentials();
    const bool may_set = old.has(process::Capability::setpcap);
    if (!may_set && (inheritable & ~(old.inheritable | old.permitted)) != 0)
        return Err(Error::perm);
    if ((inheritable & ~(old.inheritable | old.bounding)) != 0) return Err(Error::perm);
    if ((permitted & ~old.permitted) != 0) return Err(Error::perm);
    if ((effective & ~permitted) != 0) return Err(Error::perm);
    TRY_ASSIGN(auto c, process::Credentials::copy_of(old));
    c->effective = effective;
    c->permitted = permitted;
    c->inheritable = inheritable;
    c->ambient &= permitted & inheritable;
    process::commit_credentials(std::move(c));
    return 0;
}

}  // namespace tenon::personality
