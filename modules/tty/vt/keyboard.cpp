// Keys to the console in the foreground.
#include <input/input.h>
#include <tenon/linux/ctrl_alt_del.h>
#include <tenon/module/module.h>

#include "console.h"

namespace tenon::vt {

namespace {

u32 leds_of(const KeyboardState& state, i32 shown) {
    const u32 bits = shown >= 0 ? static_cast<u32>(shown) : state.locks;
    return (bits & kScrollLock ? 1u << LED_SCROLLL : 0) | (bits & kNumLock ? 1u << LED_NUML : 0) |
           (bits & kCapsLock ? 1u << LED_CAPSL : 0);
}

class KeyHandler final : public input::Handler {
  public:
    void event(const input::Event& event) override {
        if (event.type != EV_KEY) return;
        Console* console = Consoles::find(Consoles::foreground());
        if (console == nullptr) return;
        KeyResult result;
        {
            sync::IrqSpinGuard guard(g_screen_lock);
            if (event.value == 2 && !console->interpreter.modes.auto_repeat) return;
            result = keyboard_.key(event.code, static_cast<u32>(event.value), console->keyboard);
        }
        if (result.length != 0) console->type(result.input());
        act(*console, result);
    }

  private:
    static void act(Console& console, const KeyResult& result) {
        using Action = KeyResult::Action;
        switch (result.action) {
            case Action::show_console: (void)Consoles::show(result.console); return;
            case Action::show_next:
            case Action::show_previous:
                return Consoles::show_neighbour(result.action == Action::show_next);
            case Action::show_last: (void)Consoles::show(Consoles::last()); return;
            case Action::locks_changed: return Consoles::show_leds();
            case Action::hold: {
                const bool stop = !console.tty().is_output_stopped();
                console.tty().stop_output(stop);
                {
                    sync::IrqSpinGuard guard(g_screen_lock);
                    console.keyboard.locks = static_cast<u8>(
                        (console.keyboard.locks & ~kScrollLock) | (stop ? kScrollLock : 0));
                }
                return Consoles::show_leds();
            }
            case Action::ctrl_alt_del: {
                auto cad = module::find_service<linux_cad::CtrlAltDel>(linux_cad::kService);
                if (cad) cad->call(&linux_cad::CtrlAltDel::pressed);
                return;
            }
            case Action::none:
            case Action::scroll_back:
            case Action::scroll_forward: return;
        }
    }
    Keyboard keyboard_;  // under g_screen_lock
};

}  // namespace

void Consoles::show_leds() {
    const Console* console = find(foreground());
    if (console != nullptr) input::set_leds(leds_of(console->keyboard, console->shown_leds));
}

Result<std::unique_ptr<input::Handler>> make_key_handler() {
    std::unique_ptr<input::Handler> handler(new (std::nothrow) KeyHandler);
    if (!handler) return Err(Error::nomem);
    return handler;
}

}  // namespace tenon::vt
