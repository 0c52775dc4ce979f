// A virtual console: a terminal whose line is a screen and a keyboard.
#pragma once

#include <tenon/process/process.h>
#include <tenon/process/signal.h>
#include <tty/tty.h>

#include <memory>

#include "abi.h"
#include "keymap.h"
#include "view.h"

namespace tenon::input {
class Handler;
}

namespace tenon::vt {

inline constexpr u32 kConsoles = 63, kMajor = 4;

class Console final : public tty::Driver, private Interpreter::Host {
  public:
    explicit Console(u32 number) : number_(number), interpreter(*this) {}  // from 1 on
    // Cells, and the terminal.
    Result<void> start(module::Context& context, u32 columns, u32 rows);
    u32 number() const { return number_; }
    tty::Tty& tty() { return *tty_; }
    bool is_open() const { return tty_ != nullptr && tty_->is_open(); }
    // May sleep. Columns and rows within the limits. Error::nomem.
    Result<void> resize(u32 columns, u32 rows);
    // As if typed, when a worker comes to it. Any context where g_screen_lock may be taken.
    void type(std::span<const u8> bytes);
    // What was typed to the terminal, as far as that takes it. May sleep.
    void pump();

    // --- tty::Driver
    usize write(tty::Tty&, std::span<const u8> bytes) override;
    usize write_room(tty::Tty&) override { return 4096; }
    void input_drained(tty::Tty&) override;
    bool is_utf8() const override { return true; }
    bool forgets_settings() const override { return true; }
    Result<i64> ioctl(tty::Tty&, u32 command, u64 argument) override;

  private:
    friend class Consoles;
    Result<i64> display_ioctl(u32 command, u64 argument, bool permitted);
    Result<i64> keyboard_ioctl(u32 command, u64 argument, bool permitted);
    Result<i64> switch_ioctl(u32 command, u64 argument, bool permitted);
    Result<i64> colours_ioctl(u32 command, u64 argument, bool permitted);
    Result<i64> linux_ioctl(u64 argument);

    // --- Interpreter::Host, under the lock
    void respond(std::string_view bytes) override;
    void palette_changed() override { redraw_ = true; }
    void show_console(u32 number) override;
    void keyboard_reset() override;
    void queue_input_locked(std::span<const u8> bytes);

    const u32 number_;
    tty::Tty* tty_ = nullptr;  // as long as terminal_ is held
    std::unique_ptr<Cell[]> cells_;
    static constexpr u32 kInputBytes = 1024;

  public:
    // Under g_screen_lock.
    Interpreter interpreter;
    KeyboardState keyboard;
    i32 shown_leds = -1;    // KDSETLED; -1: the locks are shown
    bool allocated = false;  // VT_DISALLOCATE ends that
    bool graphics = false;   // KD_GRAPHICS: a program draws the screen
    // Under the consoles' mutex.
    ::vt_mode mode = {VT_AUTO, 0, 0, 0, 0};
    Ref<process::Process> owner;  // whom VT_PROCESS asks
    u32 wanted = 0;               // the console that it was asked to give way to

  private:
    u8 input_[kInputBytes];
    u32 input_head_ = 0, input_tail_ = 0;
    bool pump_wanted_ = false, redraw_ = false;
    module::Held terminal_;
};

// All of them. Its functions may sleep, except where they say otherwise.
class Consoles {
  public:
    static Result<void> start(module::Context& context);
    static void stop();
    // From 1 on; null: not allocated. The object stays until the module goes.
    static Console* find(u32 number) {
        return number >= 1 && number <= kConsoles ? table_[number].load(std::memory_order_acquire)
                                                  : nullptr;
    }
    // Error::nxio, nomem.
    static Result<Console*> get(u32 number);
    static u32 foreground() { return foreground_.load(std::memory_order_acquire); }
    static u32 last() { return last_; }
    // Brings a console to the foreground, or asks who has it to give way.
    static Result<void> show(u32 number);
    static Result<void> wait_shown(u32 number);
    static void show_neighbour(bool next);
    // VT_RELDISP.
    static Result<void> release_display(Console& console, u64 answer);
    static Result<void> set_mode(Console& console, const ::vt_mode& mode);
    static ::vt_mode mode_of(Console& console);
    static Result<void> resize_all(u32 columns, u32 rows);
    // VT_RESIZE: 0 is what there is now. A display shows no other size than its own.
    static Result<i64> request_size(u32 columns, u32 rows);
    // VT_DISALLOCATE: a console that nobody uses is as one never opened; 0: all such.
    // Error::busy: it is used, or it is so already.
    static Result<void> clear_unused(u32 number);
    static void set_switching(bool allowed);
    // Draws what changed, if the console is in the foreground. Not under g_screen_lock.
    static void refresh(Console& console);
    static void redraw();
    static void show_leds();  // of the console in the foreground
    static void write_log(std::string_view text);  // any context
    static void later();  // runs pump() of all, and what else was asked for. Any context
    static Result<module::Held> add_display(module::Context& context, module::Gated<Display> d);

  private:
    friend class Console;
    static void work(void*);
    static void show_locked(u32 number);
    static void complete_switch_locked(u32 number);
    static void remove_display(void*);
    static std::atomic<Console*> table_[kConsoles + 1];
    static std::atomic<u32> foreground_, wanted_;
    static u32 last_;
};

// Gets the keys of all devices. Error::nomem.
Result<std::unique_ptr<input::Handler>> make_key_handler();

}  // namespace tenon::vt
