// Input devices: what their drivers report, and who listens.
#pragma once

#include <linux/input-event-codes.h>
#include <tenon/module/context.h>

namespace tenon::input {

// Numbers of <linux/input-event-codes.h>. Of a key: value 1 pressed, 0 released, 2 repeated.
struct Event {
    u16 type = 0;   // EV_KEY, EV_LED
    u16 code = 0;   // KEY_A, LED_NUML
    i32 value = 0;  // of a light: 1 on
};

// A driver's side of a device, called through its gate.
class Driver {
  public:
    virtual ~Driver() = default;
    // Bit n: light n (LED_NUML, LED_CAPSL, LED_SCROLLL). Does not wait for the device. Thread context.
    virtual void set_leds(u32 leds) {}
};

// Who repeats a key that is held: the device, by pressing it again, or input_core, which drops what
// the device presses again. Linux: 250 ms after it was pressed, then every 33 ms.
enum class Repeat : u8 { by_device, by_software };

// Who listens to the events of all devices.
class Handler {
  public:
    virtual ~Handler() = default;
    // One at a time; may sleep.
    virtual void event(const Event& event) = 0;
};

// A device is there until the handle goes; `id` is what report() wants. Error::nospc: too many.
// May sleep.
TENON_API Result<module::Held> add_device(module::Context& context, std::string_view name,
                                          module::Gated<Driver> driver, Repeat repeat, u32& id);
// Thread context, may sleep. Dropped when the device is not there.
TENON_API void report(u32 id, const Event& event);
// Error::nospc: too many.
TENON_API Result<module::Held> add_handler(module::Context& context,
                                           module::Gated<Handler> handler);
// On all devices, and those that come later. May be called by a handler.
TENON_API void set_leds(u32 leds);

}  // namespace tenon::input
