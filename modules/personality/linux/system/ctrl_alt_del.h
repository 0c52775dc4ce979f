#pragma once

#include <tenon/linux/ctrl_alt_del.h>
#include <tenon/module/context.h>

namespace tenon::personality {

// The service, as long as the handle is held.
Result<module::Held> offer_ctrl_alt_del(module::Context& context);

}  // namespace tenon::personality
