// Consoles, and which of them is in the foreground. Theory: README.md in this folder.
#include "console.h"

#include <tenon/lib/format.h>
#include <tenon/module/module.h>
#include <tenon/time/clock.h>

#include <algorithm>

namespace tenon::vt {

namespace {

constexpr usize kBytesAtOnce = 256;  // interpreted with interrupts off
constexpr u64 kLogPatienceNs = 50'000'000;

constinit sync::Mutex g_mutex{sync::LockRank::tty};  // allocation, switching, sizes
constinit sync::WaitQueue g_shown_queue;
constinit bool g_may_switch = true;

struct Global {
    module::Context* context = nullptr;
    module::WorkHandle work;
    View view;  // under g_screen_lock
    std::unique_ptr<Console> consoles[kConsoles + 1];
};
Global* g_global = nullptr;

}  // namespace

constinit std::atomic<Console*> Consoles::table_[kConsoles + 1] = {};
constinit std::atomic<u32> Consoles::foreground_{1}, Consoles::wanted_{0};
constinit u32 Consoles::last_ = 1;

// --- One console

Result<void> Console::start(module::Context& context, u32 columns, u32 rows) {
    cells_.reset(new (std::nothrow) Cell[usize{columns} * rows]);
    if (!cells_) return Err(Error::nomem);
    interpreter.set_size(columns, rows, {cells_.get(), usize{columns} * rows});
    fmt::Line<16> name("tty{}", number_);
    TRY_ASSIGN(auto tty, tty::Tty::create(name.view(), {kMajor, number_},
                                          module::Gated<tty::Driver>::borrow(this, &context.gate())));
    tty_ = tty.get();
    tty_->set_window({static_cast<u16>(rows), static_cast<u16>(columns), 0, 0});
    TRY_ASSIGN(terminal_, tty::add_terminal(context, std::move(tty)));
    return {};
}

Result<void> Console::resize(u32 columns, u32 rows) {
    const usize n = usize{columns} * rows;
    std::unique_ptr<Cell[]> cells(new (std::nothrow) Cell[n]);
    if (!cells) return Err(Error::nomem);
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        interpreter.set_size(columns, rows, {cells.get(), n});
        std::swap(cells, cells_);
    }
    tty_->set_window({static_cast<u16>(rows), static_cast<u16>(columns), 0, 0});
    return {};
}

usize Console::write(tty::Tty&, std::span<const u8> bytes) {
    bool later = false;
    for (usize done = 0; done < bytes.size();) {
        const usize n = std::min(bytes.size() - done, kBytesAtOnce);
        sync::IrqSpinGuard guard(g_screen_lock);
        interpreter.write(bytes.subspan(done, n));
        done += n;
        later |= std::exchange(pump_wanted_, false);
        if (std::exchange(redraw_, false) && Consoles::foreground() == number_) g_global->view.forget();
        keyboard.application_cursor = interpreter.modes.application_cursor;
        keyboard.application_keypad = interpreter.modes.application_keypad;
        keyboard.new_line = interpreter.modes.new_line;
    }
    Consoles::refresh(*this);
    if (later) Consoles::later();
    return bytes.size();
}

void Console::queue_input_locked(std::span<const u8> bytes) {
    if (bytes.size() > kInputBytes - (input_head_ - input_tail_)) return;  // all or nothing
    for (const u8 b : bytes) input_[input_head_++ % kInputBytes] = b;
    pump_wanted_ = true;
}

void Console::type(std::span<const u8> bytes) {
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        queue_input_locked(bytes);
        pump_wanted_ = false;
    }
    Consoles::later();
}

void Console::pump() {
    for (;;) {
        u8 bytes[128];
        usize n = 0;
        u32 start;
        {
            sync::IrqSpinGuard guard(g_screen_lock);
            start = input_tail_;
            while (n < sizeof bytes && start + n != input_head_) {
                bytes[n] = input_[(start + n) % kInputBytes];
                ++n;
            }
        }
        if (n == 0) return;
        const usize taken = tty_->is_open() ? tty_->receive({bytes, n}) : n;
        sync::IrqSpinGuard guard(g_screen_lock);
        if (input_tail_ == start) input_tail_ += static_cast<u32>(taken);
        if (taken < n) return;
    }
}

void Console::input_drained(tty::Tty&) {
    Consoles::later();
}

void Console::respond(std::string_view bytes) {
    queue_input_locked({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
}

void Console::show_console(u32 number) {
    Consoles::wanted_.store(number != 0 ? number : Consoles::last_, std::memory_order_relaxed);
    pump_wanted_ = true;
}

void Console::keyboard_reset() {
    keyboard.application_cursor = keyboard.application_keypad = keyboard.new_line = false;
}

// --- All of them

Result<void> Consoles::start(module::Context& context) {
    g_global = new (std::nothrow) Global;
    if (g_global == nullptr) return Err(Error::nomem);
    g_global->context = &context;
    TRY_ASSIGN(g_global->work, context.make_work(&work, nullptr));
    TRY(get(1));
    return {};
}

void Consoles::stop() {
    for (auto& entry : table_) entry.store(nullptr, std::memory_order_release);
    delete std::exchange(g_global, nullptr);
}

Result<Console*> Consoles::get(u32 number) {
    if (number < 1 || number > kConsoles) return Err(Error::nxio);
    sync::MutexGuard guard(g_mutex);
    if (Console* there = find(number)) {
        there->allocated = true;
        return there;
    }
    std::unique_ptr<Console> console(new (std::nothrow) Console(number));
    if (!console) return Err(Error::nomem);
    TRY(console->start(*g_global->context, g_global->view.columns(), g_global->view.rows()));
    g_global->consoles[number] = std::move(console);
    Console* made = g_global->consoles[number].get();
    made->allocated = true;
    table_[number].store(made, std::memory_order_release);
    return made;
}

void Consoles::later() {
    if (g_global != nullptr) g_global->work.queue();  // else the module is going
}

void Consoles::work(void*) {
    for (u32 i = 1; i <= kConsoles; ++i)
        if (Console* console = find(i)) console->pump();
    if (const u32 number = wanted_.exchange(0, std::memory_order_relaxed); number != 0)
        (void)show(number);
}

void Consoles::refresh(Console& console) {
    for (u32 y = 0, rows = 1; y < rows;) {
        sync::IrqSpinGuard guard(g_screen_lock);
        if (foreground() != console.number() || console.graphics || !g_global->view.exists()) return;
        rows = g_global->view.rows();
        if (y == 0) g_global->view.lift_cursor(console.interpreter);
        y = g_global->view.update_row(console.interpreter, y);
        if (y >= rows) g_global->view.place_cursor(console.interpreter);
    }
}

void Consoles::redraw() {
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        g_global->view.forget();
    }
    if (Console* console = find(foreground())) refresh(*console);
}

// The lock may be held by who is interrupted for good: after a while the message is worth more.
void Consoles::write_log(std::string_view text) {
    Console* console = find(foreground());
    if (console == nullptr) return;
    const arch::IrqState irqs = arch::irq_save();
    const u64 deadline = time::monotonic_ns() + kLogPatienceNs;
    bool locked;
    while (!(locked = g_screen_lock.try_lock()) && time::monotonic_ns() < deadline) {
    }
    console->interpreter.write_log(text);
    if (!console->graphics) g_global->view.update_all(console->interpreter);
    if (locked) g_screen_lock.unlock();
    arch::irq_restore(irqs);
}

Result<void> Consoles::show(u32 number) {
    TRY(get(number));
    sync::MutexGuard guard(g_mutex);
    show_locked(number);
    return {};
}

// Who asked to be asked is asked, and answers by VT_RELDISP; who has gone does not matter.
void Consoles::show_locked(u32 number) {
    if (number == foreground() || !g_may_switch) return;
    Console& now = *find(foreground());
    if (now.mode.mode == VT_PROCESS) {
        if (now.owner &&
            process::send_to_process(*now.owner, process::kernel_signal(
                                                     static_cast<u32>(now.mode.relsig)))) {
            now.wanted = number;
            return;
        }
        now.mode = {VT_AUTO, 0, 0, 0, 0};
        now.owner = nullptr;
    } else if (now.graphics) {
        return;  // a program that draws by itself and cannot be asked keeps the screen
    }
    complete_switch_locked(number);
}

void Consoles::complete_switch_locked(u32 number) {
    Console& next = *find(number);
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        last_ = foreground();
        foreground_.store(number, std::memory_order_release);
        g_global->view.forget();
    }
    refresh(next);
    show_leds();
    if (next.mode.mode == VT_PROCESS) {
        if (!next.owner || !process::send_to_process(
                               *next.owner, process::kernel_signal(
                                                static_cast<u32>(next.mode.acqsig)))) {
            next.mode = {VT_AUTO, 0, 0, 0, 0};
            next.owner = nullptr;
        }
    }
    g_shown_queue.wake_all();
}

Result<void> Consoles::release_display(Console& console, u64 answer) {
    sync::MutexGuard guard(g_mutex);
    if (console.mode.mode != VT_PROCESS) return Err(Error::inval);
    if (console.wanted == 0) {
        if (answer == VT_ACKACQ) return {};
        return Err(Error::inval);
    }
    const u32 number = std::exchange(console.wanted, 0);
    if (answer != 0 && find(number) != nullptr && foreground() == console.number())
        complete_switch_locked(number);
    return {};
}

Result<void> Consoles::set_mode(Console& console, const ::vt_mode& mode) {
    Ref<process::Process> owner(&process::current_process());
    sync::MutexGuard guard(g_mutex);
    console.mode = mode;
    console.mode.frsig = 0;
    console.owner = std::move(owner);
    console.wanted = 0;
    return {};
}

::vt_mode Consoles::mode_of(Console& console) {
    sync::MutexGuard guard(g_mutex);
    return console.mode;
}

Result<void> Consoles::wait_shown(u32 number) {
    return g_shown_queue.wait([&] { return foreground() == number; });
}

void Consoles::show_neighbour(bool next) {
    u32 number = foreground();
    for (u32 i = 0; i < kConsoles; ++i) {
        number = next ? number % kConsoles + 1 : (number + kConsoles - 2) % kConsoles + 1;
        if (const Console* console = find(number); console != nullptr && console->allocated) break;
    }
    (void)show(number);
}

void Consoles::set_switching(bool allowed) {
    sync::MutexGuard guard(g_mutex);
    g_may_switch = allowed;
}

Result<void> Consoles::resize_all(u32 columns, u32 rows) {
    sync::MutexGuard guard(g_mutex);
    for (u32 i = 1; i <= kConsoles; ++i)
        if (Console* console = find(i)) TRY(console->resize(columns, rows));
    return {};
}

Result<i64> Consoles::request_size(u32 columns, u32 rows) {
    bool fixed;
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        fixed = g_global->view.exists();
        if (columns == 0) columns = g_global->view.columns();
        if (rows == 0) rows = g_global->view.rows();
        fixed &= columns != g_global->view.columns() || rows != g_global->view.rows();
    }
    if (fixed || columns > kMaxColumns || rows > kMaxRows) return Err(Error::inval);
    TRY(resize_all(columns, rows));
    return 0;
}

Result<void> Consoles::clear_unused(u32 number) {
    sync::MutexGuard mutex(g_mutex);
    bool any = false;
    for (u32 i = number != 0 ? number : 1; i <= (number != 0 ? number : kConsoles); ++i) {
        Console* console = find(i);
        if (console == nullptr || console->is_open() || i == foreground()) continue;
        sync::IrqSpinGuard guard(g_screen_lock);
        any |= std::exchange(console->allocated, false);
        console->interpreter.reset(true);
        console->keyboard = {};
    }
    if (number != 0 && !any) return Err(Error::busy);
    return {};
}

Result<module::Held> Consoles::add_display(module::Context& context,
                                           module::Gated<Display> display) {
    const u32 columns = std::clamp<u32>(display.call(&Display::columns), 1, kMaxColumns);
    const u32 rows = std::clamp<u32>(display.call(&Display::rows), 1, kMaxRows);
    std::unique_ptr<Cell[]> shown(new (std::nothrow) Cell[usize{columns} * rows]);
    if (!shown) return Err(Error::nomem);
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        if (g_global->view.exists()) return Err(Error::busy);
    }
    TRY_ASSIGN(module::Held held, context.hold("display", &remove_display, nullptr));
    {
        sync::IrqSpinGuard guard(g_screen_lock);
        g_global->view.attach(display, columns, rows, shown);
    }
    TRY(resize_all(columns, rows));
    redraw();
    return held;
}

void Consoles::remove_display(void*) {
    module::Gated<Display> gone;
    sync::IrqSpinGuard guard(g_screen_lock);
    gone = g_global->view.detach();
}

Result<module::Held> add_display(module::Context& context, module::Gated<Display> display) {
    return Consoles::add_display(context, std::move(display));
}

}  // namespace tenon::vt
