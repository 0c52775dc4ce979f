// What the module test and its victim agree on.
#pragma once

#include <string_view>

namespace tenon::ktest {
inline constexpr std::string_view kVictim = "ktest_victim";
inline constexpr std::string_view kVictimFile = "/tests/ktest_victim.ko";
inline constexpr unsigned long kVictimQuotaBytes = 1 << 20;
// `copy` is the address of an open file: its thread writes it, if it is empty, in calls of so many
// bytes.
inline constexpr unsigned long kVictimCopyBytes = 16 << 10;
inline constexpr unsigned kVictimKinds = 12;  // grants that one load takes
}  // namespace tenon::ktest
