#include "elf_file.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace modpost {

void die(const std::string& message) {
    std::fprintf(stderr, "modpost: %s\n", message.c_str());
    std::exit(1);
}

std::vector<char> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) die("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file_if_changed(const std::string& path, std::string_view content) {
    {
        std::ifstream in(path, std::ios::binary);
        if (in && std::string(std::istreambuf_iterator<char>(in), {}) == content) return;
    }
    std::ofstream out(path, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!out.flush()) die("cannot write " + path);
}

std::string demangle(const std::string& name) {
    int status = 0;
    char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    if (status != 0 || text == nullptr) return name;
    std::string out(text);
    std::free(text);
    return out;
}

uint64_t hash64(std::string_view text, uint64_t seed) {
    for (char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return seed;
}

ElfFile::ElfFile(std::string path) : path_(std::move(path)), bytes_(read_file(path_)) {
    if (bytes_.size() < sizeof header_) die(path_ + ": not an ELF file");
    std::memcpy(&header_, bytes_.data(), sizeof header_);
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 ||
        header_.e_ident[EI_CLASS] != ELFCLASS64 ||
        header_.e_shoff + uint64_t{header_.e_shnum} * sizeof(Elf64_Shdr) > bytes_.size())
        die(path_ + ": not a whole ELF64 file");
    sections_.resize(header_.e_shnum);
    std::memcpy(sections_.data(), &bytes_[header_.e_shoff], sections_.size() * sizeof(Elf64_Shdr));
    for (const auto& s : sections_)
        if (s.sh_type != SHT_NOBITS && s.sh_offset + s.sh_size > bytes_.size())
            die(path_ + ": truncated");
    const auto& n = sections_.at(header_.e_shstrndx);
    names_.assign(&bytes_[n.sh_offset], n.sh_size);
}

const Elf64_Shdr* ElfFile::find(std::string_view name) const {
    for (const auto& s : sections_)
        if (section_name(s) == name) return &s;
    return nullptr;
}

std::string ElfFile::content(std::string_view name) const {
    const Elf64_Shdr* s = find(name);
    if (s == nullptr || s->sh_type == SHT_NOBITS) return {};
    return {&bytes_[s->sh_offset], s->sh_size};
}

std::vector<Symbol> ElfFile::symbols() const {
    std::vector<Symbol> out;
    for (const auto& s : sections_) {
        if (s.sh_type != SHT_SYMTAB) continue;
        const auto& strings = sections_.at(s.sh_link);
        for (uint64_t i = 1; i < s.sh_size / sizeof(Elf64_Sym); ++i) {
            Symbol symbol;
            std::memcpy(&symbol.raw, &bytes_[s.sh_offset + i * sizeof(Elf64_Sym)],
                        sizeof(Elf64_Sym));
            symbol.name = &bytes_[strings.sh_offset + symbol.raw.st_name];
            out.push_back(std::move(symbol));
        }
    }
    return out;
}

void ElfFile::write_with(const std::string& path, const std::vector<NewSection>& added) const {
    // Laid out anew: what was replaced must not stay in the file, where busybox's modinfo, which
    // looks for text, would find it.
    std::vector<Elf64_Shdr> sections = sections_;
    std::vector<std::string> contents;
    for (const auto& s : sections)
        contents.push_back(s.sh_type == SHT_NOBITS || s.sh_type == SHT_NULL
                               ? std::string()
                               : std::string(&bytes_[s.sh_offset], s.sh_size));
    std::string names = names_;
    for (const auto& a : added) {
        size_t at = 0;
        while (at < sections.size() && std::string_view(&names[sections[at].sh_name]) != a.name)
            ++at;
        if (at == sections.size()) {
            Elf64_Shdr fresh{};
            fresh.sh_name = static_cast<Elf64_Word>(names.size());
            fresh.sh_type = SHT_PROGBITS;
            fresh.sh_addralign = a.alignment;
            names += a.name;
            names += '\0';
            sections.push_back(fresh);
            contents.emplace_back();
        }
        contents[at] = a.content;
        sections[at].sh_size = a.content.size();
    }
    contents.at(header_.e_shstrndx) = names;
    sections.at(header_.e_shstrndx).sh_size = names.size();

    std::string out(sizeof(Elf64_Ehdr), '\0');
    const auto append = [&](std::string_view content, uint64_t alignment) {
        if (alignment > 1) out.resize((out.size() + alignment - 1) / alignment * alignment);
        const uint64_t at = out.size();
        out += content;
        return at;
    };
    for (size_t i = 0; i < sections.size(); ++i)
        if (sections[i].sh_type != SHT_NULL)
            sections[i].sh_offset = append(contents[i], sections[i].sh_addralign);
    Elf64_Ehdr header = header_;
    header.e_shoff = append(
        {reinterpret_cast<const char*>(sections.data()), sections.size() * sizeof(Elf64_Shdr)}, 8);
    header.e_shnum = static_cast<Elf64_Half>(sections.size());
    std::memcpy(out.data(), &header, sizeof header);
    std::ofstream file(path, std::ios::binary);
    file.write(out.data(), static_cast<std::streamsize>(out.size()));
    if (!file.flush()) die("cannot write " + path);
}

}  // namespace modpost
