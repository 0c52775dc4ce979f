#include "sample.h"

#include <cstring>

#include "loader_entry.h"

namespace tenon::module::test {

u32 Sample::add(SampleSection s) {
    sections.push_back(std::move(s));
    return static_cast<u32>(sections.size());
}

u32 Sample::symbol(const std::string& name, u16 section, u64 value, u8 bind, u8 type) {
    Elf64_Sym s{};
    s.st_info = ELF64_ST_INFO(bind, type);
    s.st_shndx = section;
    s.st_value = value;
    symbols.push_back(s);
    symbol_names.push_back(name);
    return static_cast<u32>(symbols.size());
}

void Sample::relocate(u32 section, std::vector<Elf64_Rela> relocations) {
    SampleSection s{.name = ".rela" + sections[section - 1].name,
                    .type = SHT_RELA,
                    .alignment = 8,
                    .info = section,
                    .entry_bytes = sizeof(Elf64_Rela)};
    s.bytes.resize(relocations.size() * sizeof(Elf64_Rela));
    std::memcpy(s.bytes.data(), relocations.data(), s.bytes.size());
    sections.push_back(std::move(s));
}

std::vector<u64> Sample::file() const {
    std::vector<SampleSection> all = sections;
    std::vector<Elf64_Sym> table{Elf64_Sym{}};
    std::vector<u8> names{0};
    for (usize i = 0; i < symbols.size(); ++i) {
        Elf64_Sym s = symbols[i];
        s.st_name = static_cast<u32>(names.size());
        names.insert(names.end(), symbol_names[i].begin(), symbol_names[i].end());
        names.push_back(0);
        table.push_back(s);
    }
    table.insert(table.end(), repeat_last_symbol, table.back());
    const u32 symtab = static_cast<u32>(all.size()) + 1, strtab = symtab + 1;
    SampleSection symbol_section{.name = ".symtab",
                                 .type = SHT_SYMTAB,
                                 .alignment = 8,
                                 .link = strtab,
                                 .info = 1,
                                 .entry_bytes = sizeof(Elf64_Sym)};
    symbol_section.bytes.resize(table.size() * sizeof(Elf64_Sym));
    std::memcpy(symbol_section.bytes.data(), table.data(), symbol_section.bytes.size());
    all.push_back(symbol_section);
    all.push_back({.name = ".strtab", .type = SHT_STRTAB, .bytes = names});
    for (auto& s : all)
        if (s.type == SHT_RELA) s.link = symtab;
    all.push_back({.name = ".shstrtab", .type = SHT_STRTAB, .bytes = {0}});

    std::vector<Elf64_Shdr> headers(1);
    for (const auto& s : all) {
        Elf64_Shdr h{};
        h.sh_name = static_cast<u32>(all.back().bytes.size());
        all.back().bytes.insert(all.back().bytes.end(), s.name.begin(), s.name.end());
        all.back().bytes.push_back(0);
        h.sh_type = s.type;
        h.sh_flags = s.flags;
        h.sh_addralign = s.alignment;
        h.sh_link = s.link;
        h.sh_info = s.info;
        h.sh_entsize = s.entry_bytes;
        headers.push_back(h);
    }
    std::vector<u8> out(sizeof(Elf64_Ehdr));
    for (usize i = 0; i < all.size(); ++i) {
        out.resize((out.size() + 15) / 16 * 16);
        headers[i + 1].sh_offset = out.size();
        headers[i + 1].sh_size = all[i].type == SHT_NOBITS ? all[i].size : all[i].bytes.size();
        out.insert(out.end(), all[i].bytes.begin(), all[i].bytes.end());
    }
    out.resize((out.size() + 15) / 16 * 16);
    Elf64_Ehdr e{};
    std::memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    e.e_ident[EI_VERSION] = EV_CURRENT;
    e.e_type = ET_REL;
    e.e_machine = EM_X86_64;
    e.e_version = EV_CURRENT;
    e.e_ehsize = sizeof e;
    e.e_shentsize = sizeof(Elf64_Shdr);
    e.e_shnum = static_cast<u16>(headers.size());
    e.e_shstrndx = static_cast<u16>(headers.size() - 1);
    e.e_shoff = out.size();
    std::memcpy(out.data(), &e, sizeof e);
    const usize at = out.size();
    out.resize(at + headers.size() * sizeof(Elf64_Shdr));
    std::memcpy(out.data() + at, headers.data(), headers.size() * sizeof(Elf64_Shdr));
    std::vector<u64> words((out.size() + 7) / 8);
    std::memcpy(words.data(), out.data(), out.size());
    return words;
}

Sample ordinary() {
    Sample s;
    const u32 text = s.add({.name = ".text",
                            .flags = SHF_ALLOC | SHF_EXECINSTR,
                            .bytes = std::vector<u8>(64, 0x90),
                            .alignment = 16});
    const u32 rodata = s.add(
        {.name = ".rodata", .flags = SHF_ALLOC, .bytes = std::vector<u8>(24), .alignment = 8});
    const u32 data = s.add({.name = ".data",
                            .flags = SHF_ALLOC | SHF_WRITE,
                            .bytes = std::vector<u8>(16),
                            .alignment = 8});
    const u32 bss = s.add({.name = ".bss",
                           .type = SHT_NOBITS,
                           .flags = SHF_ALLOC | SHF_WRITE,
                           .size = 100,
                           .alignment = 32});
    const std::string info("name=sample\0version=1.2\0", 24);
    s.add({.name = ".modinfo", .flags = SHF_ALLOC, .bytes = {info.begin(), info.end()}});
    const u32 local = s.symbol("local", static_cast<u16>(text), 8, STB_LOCAL);
    const u32 object = s.symbol("object", static_cast<u16>(data), 4, STB_LOCAL, STT_OBJECT);
    const u32 zeroed = s.symbol("zeroed", static_cast<u16>(bss), 0, STB_LOCAL, STT_OBJECT);
    const u32 import = s.symbol("import", SHN_UNDEF, 0, STB_GLOBAL, STT_NOTYPE);
    s.relocate(text, {{1, ELF64_R_INFO(import, R_X86_64_PLT32), -4},
                      {8, ELF64_R_INFO(object, R_X86_64_PC32), -4},
                      {16, ELF64_R_INFO(zeroed, R_X86_64_32S), 0},
                      {24, ELF64_R_INFO(import, R_X86_64_REX_GOTPCRELX), -4},
                      {32, ELF64_R_INFO(object, R_X86_64_64), 2},
                      {40, ELF64_R_INFO(local, R_X86_64_PC64), 0}});
    s.relocate(rodata, {{0, ELF64_R_INFO(local, R_X86_64_64), 0}});
    return s;
}

void run_loader(std::span<const u8> file) {
    load_for_test(file);
}

}  // namespace tenon::module::test
