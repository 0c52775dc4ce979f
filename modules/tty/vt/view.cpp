#include "view.h"

#include <algorithm>
#include <utility>

namespace tenon::vt {

constinit sync::SpinLock g_screen_lock{sync::LockRank::log};

namespace {

constexpr Cell kUnknown(0, 0);  // equals no cell of a screen but in vain

}  // namespace

void View::attach(module::Gated<Display>& display, u32 columns, u32 rows,
                  std::unique_ptr<Cell[]>& shown) {
    std::swap(display_, display);
    std::swap(shown_, shown);
    columns_ = columns;
    rows_ = rows;
    cursor_x_ = kNone;
    forget();
}

module::Gated<Display> View::detach() {
    return std::exchange(display_, {});
}

void View::forget() {
    if (shown_) std::fill_n(shown_.get(), usize{columns_} * rows_, kUnknown);
}

u32 View::update_row(const Interpreter& console, u32 from) {
    const Screen& screen = console.screen;
    if (!display_ || screen.columns() != columns_ || screen.rows() != rows_) return rows_;
    for (u32 y = from; y < rows_; ++y) {
        const Cell* want = screen.row(y);
        Cell* have = shown_.get() + usize{y} * columns_;
        u32 first = 0, end = columns_;
        while (first < end && want[first] == have[first]) ++first;
        if (first == end) continue;
        while (want[end - 1] == have[end - 1]) --end;
        std::copy(want + first, want + end, have + first);
        display_.call(&Display::draw, first, y, std::span<const Cell>(have + first, end - first),
                      console.palette());
        return y + 1;
    }
    return rows_;
}

// The cell that the cursor leaves, or that changed under it, is drawn again.
void View::lift_cursor(const Interpreter& console) {
    if (cursor_x_ == kNone || !shown_) return;
    Cell& cell = shown_[usize{cursor_y_} * columns_ + cursor_x_];
    if (console.modes.cursor_visible && cursor_x_ == console.x() && cursor_y_ == console.y() &&
        cursor_y_ < console.screen.rows() && cursor_x_ < console.screen.columns() &&
        console.screen.row(cursor_y_)[cursor_x_] == cell)
        return;
    cell = kUnknown;
    cursor_x_ = kNone;
}

void View::place_cursor(const Interpreter& console) {
    if (!display_ || !console.modes.cursor_visible || cursor_x_ != kNone) return;
    if (console.x() >= columns_ || console.y() >= rows_ || console.screen.columns() != columns_ ||
        console.screen.rows() != rows_)
        return;
    cursor_x_ = console.x();
    cursor_y_ = console.y();
    display_.call(&Display::draw_cursor, cursor_x_, cursor_y_,
                  console.screen.row(cursor_y_)[cursor_x_], console.palette());
}

}  // namespace tenon::vt
