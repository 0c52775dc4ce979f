// Consoles on a linear framebuffer: 8x16 cells in 16 colours. Theory: README.md in this folder.
#include <tenon/boot/boot_info.h>
#include <tenon/module/module.h>
#include <vt/display.h>

#include <cstring>

extern "C" {
// Glyphs of 16 bytes each, and their characters, ascending.
[[gnu::visibility("hidden")]] extern const tenon::u8 tenon_font[], tenon_font_end[];
[[gnu::visibility("hidden")]] extern const tenon::u32 tenon_font_characters[];
}

namespace tenon::fbcon {

namespace {

constexpr u32 kCellWidth = 8, kCellHeight = 16, kGlyphBytes = 16, kCursorTop = 14;
constexpr u32 kReplacement = 0xfffd;

usize glyph_count() {
    return static_cast<usize>(tenon_font_end - tenon_font) / kGlyphBytes;
}

// Null: the font has none.
const u8* find_glyph(u32 character) {
    usize low = 0, high = glyph_count();
    while (low < high) {
        const usize middle = (low + high) / 2;
        if (tenon_font_characters[middle] < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < glyph_count() && tenon_font_characters[low] == character
               ? tenon_font + kGlyphBytes * low
               : nullptr;
}

const u8* glyph_of(u32 character) {
    for (const u32 c : {character, kReplacement, u32{'?'}})
        if (const u8* glyph = find_glyph(c)) return glyph;
    return tenon_font;
}

class Screen final : public vt::Display {
  public:
    Screen(u8* pixels, const boot::Framebuffer& fb) : pixels_(pixels), fb_(fb) {}
    u32 columns() const override { return std::min(fb_.width / kCellWidth, u32{512}); }
    u32 rows() const override { return std::min(fb_.height / kCellHeight, u32{256}); }
    void draw(u32 column, u32 row, std::span<const vt::Cell> cells, const u32* palette) override {
        if (row >= rows()) return;
        for (const vt::Cell& cell : cells)
            if (column < columns()) draw_cell(column++, row, cell, palette, kCellHeight);
    }
    void draw_cursor(u32 column, u32 row, vt::Cell cell, const u32* palette) override {
        if (row < rows() && column < columns()) draw_cell(column, row, cell, palette, kCursorTop);
    }

  private:
    u32 pixel(u32 rgb) const {
        const u32 r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
        return (r >> (8 - fb_.red_bits)) << fb_.red_shift |
               (g >> (8 - fb_.green_bits)) << fb_.green_shift |
               (b >> (8 - fb_.blue_bits)) << fb_.blue_shift;
    }
    // From line `solid_from` on all is foreground: a cursor.
    void draw_cell(u32 column, u32 row, vt::Cell cell, const u32* palette, u32 solid_from) {
        const u8* glyph = glyph_of(cell.character());
        const u8 attribute = cell.attribute();
        const u32 colours[2] = {pixel(palette[attribute >> 4 & 7]), pixel(palette[attribute & 15])};
        const u32 bytes = fb_.bits_per_pixel / 8;
        u8* line = pixels_ + usize{row * kCellHeight} * fb_.pitch_bytes +
                   usize{column * kCellWidth} * bytes;
        for (u32 y = 0; y < kCellHeight; ++y, line += fb_.pitch_bytes) {
            const u8 bits = y >= solid_from ? 0xff : glyph[y];
            for (u32 x = 0; x < kCellWidth; ++x)
                std::memcpy(line + x * bytes, &colours[bits >> (7 - x) & 1], bytes);
        }
    }
    u8* const pixels_;
    const boot::Framebuffer fb_;
};

class Fbcon final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        std::unique_ptr<Fbcon> self(new (std::nothrow) Fbcon);
        if (!self) return Err(Error::nomem);
        const boot::Framebuffer& fb = boot::boot_info().framebuffer;
        // Without a screen, or a font, there is nothing to do.
        if (fb.width >= kCellWidth && fb.height >= kCellHeight && glyph_count() != 0)
            TRY(self->start(context, fb));
        return std::unique_ptr<module::Instance>(std::move(self));
    }

  private:
    Result<void> start(module::Context& context, const boot::Framebuffer& fb) {
        const usize bytes = usize{fb.pitch_bytes} * fb.height;
        TRY_ASSIGN(window_, context.map_mmio(fb.start, bytes, arch::PageFlags::write_combine));
        u8* const pixels = const_cast<u8*>(window_.base());
        std::memset(pixels, 0, bytes);
        screen_.reset(new (std::nothrow) Screen(pixels, fb));
        if (!screen_) return Err(Error::nomem);
        log::info("framebuffer: {}x{}, {} bits a pixel, {}x{} cells", fb.width, fb.height,
                  fb.bits_per_pixel, screen_->columns(), screen_->rows());
        TRY_ASSIGN(display_, vt::add_display(context, module::Gated<vt::Display>::borrow(
                                                          screen_.get(), &context.gate())));
        return {};
    }

    module::Mmio window_;
    std::unique_ptr<Screen> screen_;
    module::Held display_;  // goes before what it draws with
};

}  // namespace
}  // namespace tenon::fbcon

TENON_MODULE(tenon::fbcon::Fbcon, {
                                      .name = "fbcon",
                                      .version = "2.0",
                                      .description = "Consoles on the boot loader's framebuffer",
                                      .needs = {"vt>=1.0,<2"},
                                  });
