// The module's own context, for what is made on a caller's behalf but is not the caller's.
#pragma once

#include <tenon/module/context.h>

namespace tenon::net {

module::Context& core_context();
// interfaces.cpp
Result<module::Held> offer_interfaces(module::Context& context);
module::Gate* core_gate();

}  // namespace tenon::net
