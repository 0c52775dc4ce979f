#pragma once

#include <tenon/module/context.h>

namespace tenon::personality {

// Offers the service of <tenon/linux/task_facts.h> as long as the handle is held.
Result<module::Held> offer_task_facts(module::Context& context);

}  // namespace tenon::personality
