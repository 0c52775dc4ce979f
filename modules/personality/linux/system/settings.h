#pragma once

#include <tenon/linux/settings.h>
#include <tenon/module/context.h>

#include <atomic>

namespace tenon::personality {

// What the setting is now. Any context.
i32 setting(linux_settings::Setting which);

// Of a setting that counts something.
std::atomic<i32>& counter(linux_settings::Setting which);

// Offers the service of <tenon/linux/settings.h> as long as the handle is held.
Result<module::Held> offer_settings(module::Context& context);

}  // namespace tenon::personality
