// fontgen FONT.pf2 OUT.S: the glyphs 0x20..0x7e of an 8x16 GRUB font as 16 bytes each, for the
// framebuffer console. Without a font the table is empty and that console stays off.
//
// Format: sections of (4-byte name, big-endian length, body). CHIX lists (code, flags, offset); a
// glyph is width, height, x, y, advance as 16-bit words and then its bits, rows not padded.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr int kFirst = 0x20, kLast = 0x7e, kRows = 16;

uint32_t big(const std::vector<uint8_t>& b, size_t at, int bytes) {
    uint32_t v = 0;
    for (int i = 0; i < bytes; ++i) v = v << 8 | (at + i < b.size() ? b[at + i] : 0);
    return v;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: fontgen FONT.pf2 OUT.S\n");
        return 1;
    }
    std::ifstream in(argv[1], std::ios::binary);
    std::vector<uint8_t> font{std::istreambuf_iterator<char>(in), {}};
    std::vector<uint8_t> glyphs;
    int ascent = 14;
    for (size_t at = 0; at + 8 <= font.size();) {
        const std::string name(font.begin() + at, font.begin() + at + 4);
        const uint32_t length = big(font, at + 4, 4);
        const size_t body = at + 8;
        if (name == "ASCE") ascent = static_cast<int>(big(font, body, 2));
        if (name == "CHIX") {
            glyphs.assign((kLast - kFirst + 1) * kRows, 0);
            for (size_t e = body; e + 9 <= body + length; e += 9) {
                const int code = static_cast<int>(big(font, e, 4));
                if (code < kFirst || code > kLast) continue;
                const size_t g = big(font, e + 5, 4);
                const int width = static_cast<int>(big(font, g, 2));
                const int height = static_cast<int>(big(font, g + 2, 2));
                const int x = static_cast<int16_t>(big(font, g + 4, 2));
                const int y = static_cast<int16_t>(big(font, g + 6, 2));
                for (int bit = 0; bit < width * height; ++bit) {
                    if ((big(font, g + 10 + bit / 8, 1) >> (7 - bit % 8) & 1) == 0) continue;
                    const int row = ascent - (y + height) + bit / width, column = x + bit % width;
                    if (row >= 0 && row < kRows && column >= 0 && column < 8)
                        glyphs[(code - kFirst) * kRows + row] |= 0x80 >> column;
                }
            }
        }
        if (name == "DATA" || length > font.size()) break;
        at = body + length;
    }
    std::ofstream out(argv[2]);
    out << ".section .rodata.font, \"a\"\n.globl tenon_font, tenon_font_end\n.hidden tenon_font, "
           "tenon_font_end\n"
        << "tenon_font:\n";
    for (size_t i = 0; i < glyphs.size(); ++i)
        out << (i % kRows ? "," : "\n.byte ") << static_cast<unsigned>(glyphs[i]);
    out << "\ntenon_font_end:\n.section .note.GNU-stack, \"\", @progbits\n";
    return out.flush() ? 0 : 1;
}
