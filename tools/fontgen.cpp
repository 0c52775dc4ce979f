// fontgen FONT.pf2 OUT.S: glyphs of an 8x16 GRUB font as 16 bytes each, and the characters that they
// stand for, ascending, for the framebuffer console. Without a font the table is empty and that
// console stays off.
//
// Format: sections of (4-byte name, big-endian length, body). CHIX lists (code, flags, offset); a
// glyph is width, height, x, y, advance as 16-bit words and then its bits, rows not padded.
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr int kRows = 16;
using Glyph = std::array<uint8_t, kRows>;

// What text on a console is made of.
constexpr uint32_t kRanges[][2] = {
    {0x20, 0x7e},     {0xa0, 0x17f},    {0x384, 0x3ce},   {0x400, 0x45f},   {0x2010, 0x2044},
    {0x20a0, 0x20bf}, {0x2122, 0x2122}, {0x2190, 0x21ff}, {0x2200, 0x22ff}, {0x2300, 0x23ff},
    {0x2400, 0x2426}, {0x2500, 0x266f}, {0x2713, 0x2717}, {0x2800, 0x28ff}, {0xfffd, 0xfffd},
};

bool is_wanted(uint32_t code) {
    for (const auto& [first, last] : kRanges)
        if (code >= first && code <= last) return true;
    return false;
}

uint32_t big(const std::vector<uint8_t>& b, size_t at, int bytes) {
    uint32_t v = 0;
    for (int i = 0; i < bytes; ++i) v = v << 8 | (at + i < b.size() ? b[at + i] : 0);
    return v;
}

Glyph read_glyph(const std::vector<uint8_t>& font, size_t at, int ascent) {
    Glyph glyph{};
    const int width = static_cast<int>(big(font, at, 2));
    const int height = static_cast<int>(big(font, at + 2, 2));
    const int x = static_cast<int16_t>(big(font, at + 4, 2));
    const int y = static_cast<int16_t>(big(font, at + 6, 2));
    for (int bit = 0; bit < width * height; ++bit) {
        if ((big(font, at + 10 + bit / 8, 1) >> (7 - bit % 8) & 1) == 0) continue;
        const int row = ascent - (y + height) + bit / width, column = x + bit % width;
        if (row >= 0 && row < kRows && column >= 0 && column < 8) glyph[row] |= 0x80 >> column;
    }
    return glyph;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: fontgen FONT.pf2 OUT.S\n");
        return 1;
    }
    std::ifstream in(argv[1], std::ios::binary);
    std::vector<uint8_t> font{std::istreambuf_iterator<char>(in), {}};
    std::map<uint32_t, Glyph> glyphs;
    int ascent = 14;
    for (size_t at = 0; at + 8 <= font.size();) {
        const std::string name(font.begin() + at, font.begin() + at + 4);
        const uint32_t length = big(font, at + 4, 4);
        const size_t body = at + 8;
        if (name == "ASCE") ascent = static_cast<int>(big(font, body, 2));
        if (name == "CHIX")
            for (size_t e = body; e + 9 <= body + length && e + 9 <= font.size(); e += 9)
                if (const uint32_t code = big(font, e, 4); is_wanted(code))
                    glyphs[code] = read_glyph(font, big(font, e + 5, 4), ascent);
        if (name == "DATA" || length > font.size()) break;
        at = body + length;
    }
    std::ofstream out(argv[2]);
    out << ".section .rodata.font, \"a\"\n"
           ".globl tenon_font, tenon_font_end, tenon_font_characters\n"
           ".hidden tenon_font, tenon_font_end, tenon_font_characters\n"
           "tenon_font:";
    for (const auto& [code, glyph] : glyphs)
        for (int row = 0; row < kRows; ++row)
            out << (row != 0 ? "," : "\n.byte ") << static_cast<unsigned>(glyph[row]);
    out << "\ntenon_font_end:\n.balign 4\ntenon_font_characters:";
    for (const auto& [code, glyph] : glyphs) out << "\n.long " << code;
    out << "\n.section .note.GNU-stack, \"\", @progbits\n";
    return out.flush() ? 0 : 1;
}
