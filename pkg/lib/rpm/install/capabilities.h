// File capabilities.  Spec: cap_from_text(3), capabilities(7), linux/capability.h.
#pragma once

#include <string>
#include <string_view>

#include "pkg/lib/result.h"

namespace tenon::pkg::rpm {

inline constexpr const char* kCapabilityXattr = "security.capability";

// "cap_net_raw=ep" -> the value of the extended attribute.
Result<std::string> capability_xattr(std::string_view text);

}  // namespace tenon::pkg::rpm
