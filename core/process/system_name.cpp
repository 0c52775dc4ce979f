#include <tenon/process/system_name.h>
#include <tenon/sync/spinlock.h>

#include <cstring>

namespace tenon::process {

namespace {
constinit sync::SpinLock lock{sync::LockRank::spin_leaf};
constinit char names[2][kSystemNameBytes] = {"tenon", "(none)"};
}  // namespace

void system_name(SystemName which, std::span<char, kSystemNameBytes> out) {
    sync::SpinGuard guard(lock);
    std::memcpy(out.data(), names[static_cast<u8>(which)], kSystemNameBytes);
}

Result<void> set_system_name(SystemName which, std::string_view name) {
    if (name.size() >= kSystemNameBytes) return Err(Error::inval);
    sync::SpinGuard guard(lock);
    char* place = names[static_cast<u8>(which)];
    std::memset(place, 0, kSystemNameBytes);
    std::memcpy(place, name.data(), name.size());
    return {};
}

}  // namespace tenon::process
