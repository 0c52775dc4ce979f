// A chain of modules for the test of roll-back: number 1 needs 2, which needs 3; 1 wishes for the
// soft one. Each takes one of several things, and imports a function of the next.
#pragma once

#include <tenon/lib/types.h>

#include <string_view>

namespace tenon::ktest {
inline constexpr std::string_view kChainTop = "ktest_chain_1";
inline constexpr std::string_view kChain[] = {"ktest_chain_1", "ktest_chain_2", "ktest_chain_3",
                                              "ktest_chain_soft"};
TENON_API u32 chain_2();
TENON_API u32 chain_3();
}  // namespace tenon::ktest
