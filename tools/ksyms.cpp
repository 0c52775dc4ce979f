// ksyms: the symbol table that a panic's stack trace reads.
//
//   ksyms IMAGE.elf OUT.S        write the table for the text symbols of IMAGE
//   ksyms --finish STAGE1 FINAL  fail unless both links placed every text symbol alike; make FINAL one
//                                that GRUB takes
//
// Table (little endian, all offsets from the start of .text):
//   u32 count, u32 names_len
//   u32 offset[count]            sorted
//   u32 group[(count + 15) / 16] where the names of symbols 16*i.. begin
//   names: per symbol u8 shared, u8 len, len bytes; `shared` bytes are those of the name before.
// The first name of a group shares nothing, so a lookup decodes at most 16 names. Names are
// demangled, without parameters: a trace is read by people.
#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "readable.h"

namespace {

struct Symbol {
    uint64_t address;
    std::string name;
    auto operator<=>(const Symbol&) const = default;
};

struct Image {
    uint64_t text = 0;
    std::vector<Symbol> symbols;
};

[[noreturn]] void die(const std::string& message) {
    std::fprintf(stderr, "ksyms: %s\n", message.c_str());
    std::exit(1);
}

Image load(const char* path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes.size() < sizeof(Elf64_Ehdr)) die(std::string(path) + ": not an ELF file");
    const auto* eh = reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
    const auto* sh = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + eh->e_shoff);
    const char* section_names = bytes.data() + sh[eh->e_shstrndx].sh_offset;
    Image image;
    size_t text_index = 0;
    uint64_t text_end = 0;
    for (size_t i = 0; i < eh->e_shnum; ++i) {
        if (std::strcmp(section_names + sh[i].sh_name, ".text") != 0) continue;
        image.text = sh[i].sh_addr;
        text_end = sh[i].sh_addr + sh[i].sh_size;
        text_index = i;
    }
    for (size_t i = 0; i < eh->e_shnum; ++i) {
        if (sh[i].sh_type != SHT_SYMTAB) continue;
        const auto* sym = reinterpret_cast<const Elf64_Sym*>(bytes.data() + sh[i].sh_offset);
        const char* names = bytes.data() + sh[sh[i].sh_link].sh_offset;
        for (size_t k = 0; k < sh[i].sh_size / sizeof(Elf64_Sym); ++k) {
            const int type = ELF64_ST_TYPE(sym[k].st_info);
            if (sym[k].st_shndx != text_index || sym[k].st_value >= text_end) continue;
            if (type != STT_FUNC && type != STT_NOTYPE) continue;
            const char* name = names + sym[k].st_name;
            if (name[0] == '\0' || name[0] == '.') continue;
            image.symbols.push_back({sym[k].st_value, readable(name)});
        }
    }
    std::ranges::sort(image.symbols);
    return image;
}

void write_table(const Image& image, const char* path) {
    std::vector<Symbol> symbols;
    for (const auto& s : image.symbols)
        if (symbols.empty() || symbols.back().address != s.address) symbols.push_back(s);
    std::vector<uint32_t> offsets, groups;
    std::string names, previous;
    for (size_t i = 0; i < symbols.size(); ++i) {
        std::string name = symbols[i].name.substr(0, 255);
        size_t shared = 0;
        if (i % 16 == 0) {
            groups.push_back(static_cast<uint32_t>(names.size()));
        } else {
            while (shared < name.size() && shared < previous.size() &&
                   name[shared] == previous[shared])
                ++shared;
        }
        names += static_cast<char>(shared);
        names += static_cast<char>(name.size() - shared);
        names += name.substr(shared);
        offsets.push_back(static_cast<uint32_t>(symbols[i].address - image.text));
        previous = name;
    }
    std::ofstream out(path);
    out << ".section .ksyms,\"a\",@progbits\n.balign 4\n.long " << symbols.size() << ", "
        << names.size() << "\n";
    for (auto v : offsets) out << ".long " << v << "\n";
    for (auto v : groups) out << ".long " << v << "\n";
    for (size_t i = 0; i < names.size(); ++i)
        out << (i % 32 ? "," : "\n.byte ") << static_cast<unsigned>(static_cast<uint8_t>(names[i]));
    out << "\n.section .note.GNU-stack,\"\",@progbits\n";
    if (!out.flush()) die(std::string("cannot write ") + path);
}

void check(const Image& a, const Image& b) {
    if (a.text != b.text || a.symbols != b.symbols)
        die("the second link moved text; the trace symbols would be wrong");
}

// GRUB refuses an ELF file with any relocation section, also one that holds none (the linker insists on
// .rela.dyn, kernel.ld on its being empty).
void hide_empty_relocations(const char* path) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    Elf64_Ehdr eh{};
    file.read(reinterpret_cast<char*>(&eh), sizeof(eh));
    for (size_t i = 0; i < eh.e_shnum; ++i) {
        const auto at = static_cast<std::streamoff>(eh.e_shoff + i * sizeof(Elf64_Shdr));
        Elf64_Shdr sh{};
        file.seekg(at);
        file.read(reinterpret_cast<char*>(&sh), sizeof(sh));
        if (sh.sh_type != SHT_RELA) continue;
        if (sh.sh_size != 0) die("the image has relocations that it cannot apply");
        sh.sh_type = SHT_PROGBITS;
        file.seekp(at);
        file.write(reinterpret_cast<const char*>(&sh), sizeof(sh));
    }
    if (!file.flush()) die(std::string("cannot rewrite ") + path);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::strcmp(argv[1], "--finish") == 0) {
        check(load(argv[2]), load(argv[3]));
        hide_empty_relocations(argv[3]);
    } else if (argc == 3) {
        write_table(load(argv[1]), argv[2]);
    } else {
        die("usage: ksyms IMAGE.elf OUT.S | ksyms --finish STAGE1 FINAL");
    }
}
