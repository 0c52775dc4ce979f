// A screen of character cells. Pure: the owner locks and gives the storage.
#pragma once

#include <vt/cell.h>

#include <span>

namespace tenon::vt {

inline constexpr u32 kMaxColumns = 512, kMaxRows = 256;

// Rows [top, bottom) are scrolled by exchanging nothing but cells: the grid is what a display shows.
class Screen {
  public:
    // `cells` holds columns x rows, both within the limits and not 0. What was there stays, as far as
    // it fits, its lowest rows first if `keep_row` would fall off; how many rows went at the top.
    u32 resize(u32 columns, u32 rows, std::span<Cell> cells, Cell blank, u32 keep_row);
    u32 columns() const { return columns_; }
    u32 rows() const { return rows_; }
    Cell* row(u32 y) { return cells_.data() + usize{y} * columns_; }
    const Cell* row(u32 y) const { return cells_.data() + usize{y} * columns_; }
    std::span<Cell> cells() { return cells_; }
    std::span<const Cell> cells() const { return cells_; }
    // Cells from one place to another, both counted from the upper left; the end is not included.
    void fill(u32 from, u32 to, Cell blank);
    // Lines within [top, bottom), at most all but one of them; 0 moves nothing.
    void scroll_up(u32 top, u32 bottom, u32 lines, Cell blank);
    void scroll_down(u32 top, u32 bottom, u32 lines, Cell blank);
    // At (x, y), to the end of the line; n is at most columns() - x.
    void insert(u32 x, u32 y, u32 n, Cell blank);
    void remove(u32 x, u32 y, u32 n, Cell blank);
    // Foreground and background change places everywhere.
    void invert();

  private:
    std::span<Cell> cells_;
    u32 columns_ = 0, rows_ = 0;
};

}  // namespace tenon::vt
