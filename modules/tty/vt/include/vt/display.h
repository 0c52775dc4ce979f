// What shows consoles: implemented by a driver of a screen, used by the module vt.
#pragma once

#include <tenon/module/context.h>
#include <vt/cell.h>

#include <span>

namespace tenon::vt {

// All calls may come in any context with interrupts off, from a panic too: no lock that the display
// also takes elsewhere, no sleep, no log.
class Display {
  public:
    virtual ~Display() = default;
    virtual u32 columns() const = 0;  // cells in a row; does not change
    virtual u32 rows() const = 0;     // rows of cells; does not change
    // Cells of one row, from `column` on. `palette`: 16 times 0xrrggbb, by the attribute's colours.
    virtual void draw(u32 column, u32 row, std::span<const Cell> cells, const u32* palette) = 0;
    // The cell under the cursor.
    virtual void draw_cursor(u32 column, u32 row, Cell cell, const u32* palette) = 0;
};

// Shows the foreground console there until the handle goes; every console takes its size.
// Error::busy: another display has them. May sleep.
TENON_API Result<module::Held> add_display(module::Context& context,
                                           module::Gated<Display> display);

}  // namespace tenon::vt
