// Text on a linear framebuffer: 8x16 cells, one colour, scrolling by halves. Slow and
// certain; a display driver takes over later.
#include <tenon/boot/boot_info.h>
#include <tenon/module/module.h>
#include <tenon/trace/log.h>

#include <cstring>

extern "C" {
[[gnu::visibility("hidden")]] extern const tenon::u8 tenon_font[], tenon_font_end[];
}

namespace tenon::fbcon {

namespace {

constexpr u32 kCellWidth = 8, kCellHeight = 16;
constexpr u8 kFirstGlyph = 0x20, kLastGlyph = 0x7e;

struct Screen {
    u8* pixels = nullptr;
    boot::Framebuffer fb;
    u32 columns = 0, rows = 0, column = 0, row = 0;
    u32 foreground = 0;
};
constinit Screen g_screen{};

u32 colour(const boot::Framebuffer& fb, u32 r, u32 g, u32 b) {
    return (r >> (8 - fb.red_bits)) << fb.red_shift | (g >> (8 - fb.green_bits)) << fb.green_shift |
           (b >> (8 - fb.blue_bits)) << fb.blue_shift;
}

void draw(u32 column, u32 row, u8 c) {
    Screen& s = g_screen;
    if (c < kFirstGlyph || c > kLastGlyph) c = '?';
    const u8* glyph = tenon_font + usize{16} * (c - kFirstGlyph);
    const u32 bytes = s.fb.bits_per_pixel / 8;
    for (u32 y = 0; y < kCellHeight; ++y) {
        u8* line = s.pixels + usize{row * kCellHeight + y} * s.fb.pitch_bytes +
                   usize{column * kCellWidth} * bytes;
        for (u32 x = 0; x < kCellWidth; ++x) {
            const u32 value = (glyph[y] >> (7 - x)) & 1 ? s.foreground : 0;
            std::memcpy(line + x * bytes, &value, bytes);
        }
    }
}

void new_line() {
    Screen& s = g_screen;
    s.column = 0;
    if (++s.row < s.rows) return;
    // By half a screen at a time: reading a framebuffer back is slow.
    const u32 keep = s.rows / 2;
    const usize line_bytes = usize{s.fb.pitch_bytes} * kCellHeight;
    std::memmove(s.pixels, s.pixels + line_bytes * (s.rows - keep), line_bytes * keep);
    std::memset(s.pixels + line_bytes * keep, 0, line_bytes * (s.rows - keep));
    s.row = keep;
}

class FramebufferConsole final : public log::Console {
  public:
    void write(std::string_view text) override;
};
constinit FramebufferConsole g_console;

void FramebufferConsole::write(std::string_view text) {
    Screen& s = g_screen;
    for (char c : text) {
        if (c == '\n') {
            new_line();
            continue;
        }
        if (c == '\t') c = ' ';
        if (c == '\r') continue;
        if (s.column == s.columns) new_line();
        draw(s.column++, s.row, static_cast<u8>(c));
    }
}

class Fbcon final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        std::unique_ptr<Fbcon> self(new (std::nothrow) Fbcon);
        if (!self) return Err(Error::nomem);
        const boot::Framebuffer& fb = boot::boot_info().framebuffer;
        // Without a screen, or a font, there is nothing to do.
        if (fb.width != 0 && &tenon_font[0] != &tenon_font_end[0]) TRY(self->start(context, fb));
        return std::unique_ptr<module::Instance>(std::move(self));
    }

  private:
    Result<void> start(module::Context& context, const boot::Framebuffer& fb) {
        const usize bytes = usize{fb.pitch_bytes} * fb.height;
        TRY_ASSIGN(window_, context.map_mmio(fb.start, bytes, arch::PageFlags::write_combine));
        Screen& s = g_screen;
        s.fb = fb;
        s.columns = fb.width / kCellWidth;
        s.rows = fb.height / kCellHeight;
        s.foreground = colour(fb, 0xc0, 0xc0, 0xc0);
        s.pixels = const_cast<u8*>(window_.base());
        std::memset(s.pixels, 0, bytes);
        TRY_ASSIGN(console_, context.add_console(g_console));
        log::info("framebuffer: {}x{}, {} bits a pixel, {}x{} cells", fb.width, fb.height,
                  fb.bits_per_pixel, s.columns, s.rows);
        return {};
    }

    module::Mmio window_;
    module::Held console_;  // goes before the window
};

}  // namespace
}  // namespace tenon::fbcon

TENON_MODULE(tenon::fbcon::Fbcon, {
                                      .name = "fbcon",
                                      .version = "1.0",
                                      .description = "The log on the boot loader's framebuffer",
                                  });
