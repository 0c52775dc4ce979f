#include "personality/linux/system/settings.h"

#include <tenon/mm/slab.h>

#include <atomic>

namespace tenon::personality {

namespace {

using linux_settings::Setting;

// By Setting; as Debian's Linux starts with.
constinit std::atomic<i32> values[] = {1,     1,     45, 1 << 20, 65536, 0, 65536, 16384,
                                       65536, 1,     0,  0,       0,     1, 1,     0,
                                       0,     128,   0,  32768,   0,     0, 2,     28,    4194304,
                                       100,   1};

class OwnSettings final : public linux_settings::Settings {
  public:
    i32 get(Setting which) override { return setting(which); }
    void set(Setting which, i32 value) override {
        values[static_cast<u8>(which)].store(value, std::memory_order_relaxed);
    }
};

}  // namespace

i32 setting(Setting which) {
    return values[static_cast<u8>(which)].load(std::memory_order_relaxed);
}

std::atomic<i32>& counter(Setting which) {
    return values[static_cast<u8>(which)];
}

Result<module::Held> offer_settings(module::Context& context) {
    return module::offer(context, linux_settings::kService,
                         std::unique_ptr<linux_settings::Settings>(mm::make<OwnSettings>()));
}

}  // namespace tenon::personality
