// What the display shows, and how it comes to show what a screen holds.
#pragma once

#include <tenon/sync/spinlock.h>
#include <vt/display.h>

#include <memory>

#include "interpreter.h"

namespace tenon::vt {

// Guards the cells and the input of all consoles, and the view. The log is written under the lock of
// the consoles of the log, so this one comes after it; nothing is logged and nobody woken under it.
extern sync::SpinLock g_screen_lock;

class View {
  public:
    bool exists() const { return static_cast<bool>(display_); }
    u32 columns() const { return columns_; }
    u32 rows() const { return rows_; }
    // Under the lock. `shown` holds columns x rows; what it replaces comes back, to be freed outside.
    void attach(module::Gated<Display>& display, u32 columns, u32 rows,
                std::unique_ptr<Cell[]>& shown);
    module::Gated<Display> detach();
    // Everything is drawn anew by the next update.
    void forget();
    // Draws at most one row of what differs from row `from` on; the row to go on with, or rows() at
    // the end. Under the lock.
    u32 update_row(const Interpreter& console, u32 from);
    void place_cursor(const Interpreter& console);
    void update_all(const Interpreter& console) {
        lift_cursor(console);
        for (u32 y = 0; y < rows_;) y = update_row(console, y);
        place_cursor(console);
    }
    void lift_cursor(const Interpreter& console);

  private:
    static constexpr u32 kNone = ~u32{0};
    module::Gated<Display> display_;
    std::unique_ptr<Cell[]> shown_;
    u32 columns_ = 80, rows_ = 25;
    u32 cursor_x_ = kNone, cursor_y_ = 0;
};

}  // namespace tenon::vt
