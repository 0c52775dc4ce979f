// Theory: README.md in this folder.
#include <input/input.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>
#include <tenon/time/clock.h>

#include <utility>

namespace tenon::input {

namespace {

constexpr u32 kMaxDevices = 32, kMaxHandlers = 8, kKeys = KEY_CNT;
// REP_DELAY and REP_PERIOD as Linux has them.
constexpr u64 kRepeatDelayNs = 250'000'000, kRepeatPeriodNs = 33'000'000;

struct Device {
    u32 id = 0;  // never used twice; 0: free
    module::Gated<Driver> driver;
    Repeat repeat = Repeat::by_device;
    u64 down[kKeys / 64] = {};
};
struct Tables {
    Device devices[kMaxDevices];
    u32 handler_ids[kMaxHandlers] = {};
    module::Gated<Handler> handlers[kMaxHandlers];
    u32 last_id = 0, leds = 0;
    u32 repeating = 0;  // the device whose key is repeated by software; 0: none
    u16 repeated_code = 0;
    module::TimerHandle timer;  // queues the work
    module::WorkHandle work;
};

constinit sync::Mutex g_delivery{sync::LockRank::tty_ioctl};   // one event at a time
constinit sync::Mutex g_mutex{sync::LockRank::sleeping_leaf};  // the tables
Tables* g_tables = nullptr;

Device* find_locked(u32 id) {
    for (Device& d : g_tables->devices)
        if (d.id == id && id != 0) return &d;
    return nullptr;
}

// A key of `device` was pressed or released: the last one pressed is repeated until any is let go.
void set_repeated_locked(const Device& device, const Event& event) {
    if (device.repeat != Repeat::by_software) return;
    g_tables->repeating = event.value == 0 ? 0 : device.id;
    g_tables->repeated_code = event.code;
    if (event.value != 0) g_tables->timer.arm_at(time::monotonic_ns() + kRepeatDelayNs);
}

// With g_delivery, not the tables.
void deliver(const Event& event) {
    for (u32 i = 0; i < kMaxHandlers; ++i) {
        module::Gated<Handler> handler;
        {
            sync::MutexGuard guard(g_mutex);
            handler = g_tables->handlers[i].alias();
        }
        if (handler) handler.call(&Handler::event, event);
    }
}

void* as_context(u32 id) {
    return reinterpret_cast<void*>(uptr{id});
}

// Its keys are released as if by hand.
void remove_device(void* context) {
    const u32 id = static_cast<u32>(reinterpret_cast<uptr>(context));
    sync::MutexGuard delivering(g_delivery);
    u64 down[kKeys / 64];
    module::Gated<Driver> gone;
    {
        sync::MutexGuard guard(g_mutex);
        Device* device = find_locked(id);
        if (device == nullptr) return;
        std::memcpy(down, device->down, sizeof down);
        gone = std::exchange(device->driver, {});
        *device = {};
        if (g_tables->repeating == id) g_tables->repeating = 0;
    }
    for (u32 code = 0; code < kKeys; ++code)
        if ((down[code / 64] >> (code % 64)) & 1) deliver({EV_KEY, static_cast<u16>(code), 0});
}

void remove_handler(void* context) {
    const u32 id = static_cast<u32>(reinterpret_cast<uptr>(context));
    sync::MutexGuard delivering(g_delivery);
    sync::MutexGuard guard(g_mutex);
    for (u32 i = 0; i < kMaxHandlers; ++i) {
        if (g_tables->handler_ids[i] != id) continue;
        g_tables->handler_ids[i] = 0;
        g_tables->handlers[i] = {};
    }
}

class InputCore final : public module::Instance {
  public:
    static Result<std::unique_ptr<InputCore>> create(module::Context& context) {
        std::unique_ptr<InputCore> self(new (std::nothrow) InputCore);
        if (!self) return Err(Error::nomem);
        g_tables = &self->tables_;
        TRY_ASSIGN(g_tables->work, context.make_work<&InputCore::repeat>(self.get()));
        TRY_ASSIGN(g_tables->timer, context.make_timer<&InputCore::due>(self.get()));
        return self;
    }

  private:
    void due() { (void)tables_.work.queue(); }
    void repeat() {
        sync::MutexGuard delivering(g_delivery);
        u16 code;
        {
            sync::MutexGuard guard(g_mutex);
            if (tables_.repeating == 0) return;
            code = tables_.repeated_code;
            tables_.timer.arm_at(time::monotonic_ns() + kRepeatPeriodNs);
        }
        deliver({EV_KEY, code, 2});
    }
    Tables tables_;
};

}  // namespace

Result<module::Held> add_device(module::Context& context, std::string_view name,
                                module::Gated<Driver> driver, Repeat repeat, u32& id) {
    u32 number;
    {
        sync::MutexGuard guard(g_mutex);
        number = ++g_tables->last_id;
    }
    TRY_ASSIGN(module::Held held, context.hold("input device", &remove_device, as_context(number)));
    u32 leds;
    {
        sync::MutexGuard guard(g_mutex);
        Device* free = nullptr;
        for (Device& d : g_tables->devices)
            if (d.id == 0) free = &d;
        if (free == nullptr) return Err(Error::nospc);
        free->id = number;
        free->driver = driver.alias();
        free->repeat = repeat;
        leds = g_tables->leds;
    }
    id = number;
    log::info("input: {}", name);
    driver.call(&Driver::set_leds, leds);
    return held;
}

void report(u32 id, const Event& event) {
    Event passed = event;
    sync::MutexGuard delivering(g_delivery);
    {
        sync::MutexGuard guard(g_mutex);
        Device* device = find_locked(id);
        if (device == nullptr) return;
        if (event.type == EV_KEY) {
            if (event.code >= kKeys) return;
            u64& word = device->down[event.code / 64];
            const u64 bit = u64{1} << (event.code % 64);
            const bool was = (word & bit) != 0;
            if (event.value == 0 && !was) return;
            if (event.value != 0 && was) {
                if (device->repeat == Repeat::by_software) return;
                passed.value = 2;
            } else {
                set_repeated_locked(*device, event);
            }
            word = event.value != 0 ? word | bit : word & ~bit;
        }
    }
    deliver(passed);
}

Result<module::Held> add_handler(module::Context& context, module::Gated<Handler> handler) {
    u32 number;
    {
        sync::MutexGuard guard(g_mutex);
        number = ++g_tables->last_id;
    }
    TRY_ASSIGN(module::Held held,
               context.hold("input handler", &remove_handler, as_context(number)));
    sync::MutexGuard guard(g_mutex);
    for (u32 i = 0; i < kMaxHandlers; ++i) {
        if (g_tables->handler_ids[i] != 0) continue;
        g_tables->handler_ids[i] = number;
        g_tables->handlers[i] = std::move(handler);
        return held;
    }
    return Err(Error::nospc);
}

void set_leds(u32 leds) {
    {
        sync::MutexGuard guard(g_mutex);
        g_tables->leds = leds;
    }
    for (u32 i = 0; i < kMaxDevices; ++i) {
        module::Gated<Driver> driver;
        {
            sync::MutexGuard guard(g_mutex);
            driver = g_tables->devices[i].driver.alias();
        }
        if (driver) driver.call(&Driver::set_leds, leds);
    }
}

}  // namespace tenon::input

TENON_MODULE(tenon::input::InputCore, {
                                          .name = "input_core",
                                          .version = "1.0",
                                          .description = "Key events from drivers to listeners",
                                      });
