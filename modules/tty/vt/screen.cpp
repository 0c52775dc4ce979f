#include "screen.h"

#include <algorithm>
#include <cstring>

namespace tenon::vt {

u32 Screen::resize(u32 columns, u32 rows, std::span<Cell> cells, Cell blank, u32 keep_row) {
    std::fill(cells.begin(), cells.end(), blank);
    const u32 first = keep_row >= rows ? keep_row - rows + 1 : 0;
    const u32 width = std::min(columns, columns_);
    for (u32 y = first; y < rows_ && y - first < rows; ++y)
        std::copy_n(row(y), width, cells.data() + usize{y - first} * columns);
    cells_ = cells.first(usize{columns} * rows);
    columns_ = columns;
    rows_ = rows;
    return first;
}

void Screen::fill(u32 from, u32 to, Cell blank) {
    std::fill(cells_.begin() + from, cells_.begin() + to, blank);
}

void Screen::scroll_up(u32 top, u32 bottom, u32 lines, Cell blank) {
    if (bottom > rows_ || top >= bottom) return;
    lines = std::min(lines, bottom - top - 1);
    if (lines == 0) return;
    std::memmove(row(top), row(top + lines), sizeof(Cell) * columns_ * (bottom - top - lines));
    fill((bottom - lines) * columns_, bottom * columns_, blank);
}

void Screen::scroll_down(u32 top, u32 bottom, u32 lines, Cell blank) {
    if (bottom > rows_ || top >= bottom) return;
    lines = std::min(lines, bottom - top - 1);
    if (lines == 0) return;
    std::memmove(row(top + lines), row(top), sizeof(Cell) * columns_ * (bottom - top - lines));
    fill(top * columns_, (top + lines) * columns_, blank);
}

void Screen::insert(u32 x, u32 y, u32 n, Cell blank) {
    Cell* line = row(y);
    std::memmove(line + x + n, line + x, sizeof(Cell) * (columns_ - x - n));
    std::fill_n(line + x, n, blank);
}

void Screen::remove(u32 x, u32 y, u32 n, Cell blank) {
    Cell* line = row(y);
    std::memmove(line + x, line + x + n, sizeof(Cell) * (columns_ - x - n));
    std::fill_n(line + columns_ - n, n, blank);
}

void Screen::invert() {
    for (Cell& c : cells_) {
        const u8 a = c.attribute();
        c = Cell(c.character(), static_cast<u8>((a & 0x88) | (a & 0x70) >> 4 | (a & 0x07) << 4));
    }
}

}  // namespace tenon::vt
