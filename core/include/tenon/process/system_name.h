// What this machine is called: read and set by system calls and by /proc/sys/kernel.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/lib/types.h>

#include <atomic>
#include <span>
#include <string_view>

namespace tenon::process {

inline constexpr usize kSystemNameBytes = 65;  // with the NUL

enum class SystemName : u8 { host, domain };
// NUL-terminated into `out`, zero-filled.
TENON_API void system_name(SystemName which, std::span<char, kSystemNameBytes> out);
// No permission check. Error::inval when it is too long.
TENON_API Result<void> set_system_name(SystemName which, std::string_view name);

// Where core dumps go, as /proc/sys/kernel shows it: NUL-terminated into `out`, zero-filled.
inline constexpr usize kCorePatternBytes = 128;  // with the NUL
TENON_API void core_pattern(std::span<char, kCorePatternBytes> out);
TENON_API void set_core_pattern(std::string_view pattern);  // cut to what there is room for
TENON_API bool core_uses_pid();
TENON_API void set_core_uses_pid(bool on);

inline constexpr std::string_view kSystemType = "Linux", kSystemRelease = "6.1.0-tenon",
                                  kSystemVersion = "#1 SMP PREEMPT_DYNAMIC Tenon";

}  // namespace tenon::process
