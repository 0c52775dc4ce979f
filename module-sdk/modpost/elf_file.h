// ELF64 files as the build sees them. Input is the linker's own output: damage is a fatal error.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modpost {

[[noreturn]] void die(const std::string& message);
std::vector<char> read_file(const std::string& path);
void write_file_if_changed(const std::string& path, std::string_view content);
std::string demangle(const std::string& name);

struct Symbol {
    std::string name;
    Elf64_Sym raw;
    bool undefined() const { return raw.st_shndx == SHN_UNDEF; }
    bool weak() const { return ELF64_ST_BIND(raw.st_info) == STB_WEAK; }
    // What TENON_API marks, defined here and once.
    bool exported() const {
        const int type = ELF64_ST_TYPE(raw.st_info);
        return !undefined() && raw.st_shndx != SHN_ABS &&
               // gcc makes vtables weak, though only the key function's file has one.
               (ELF64_ST_BIND(raw.st_info) == STB_GLOBAL ||
                (ELF64_ST_BIND(raw.st_info) == STB_WEAK && name.starts_with("_ZTV"))) &&
               ELF64_ST_VISIBILITY(raw.st_other) == STV_DEFAULT &&
               (type == STT_FUNC || type == STT_OBJECT);
    }
};

class ElfFile {
  public:
    explicit ElfFile(std::string path);
    const std::string& path() const { return path_; }
    const std::vector<Elf64_Shdr>& sections() const { return sections_; }
    std::string section_name(const Elf64_Shdr& s) const { return &names_[s.sh_name]; }
    const Elf64_Shdr* find(std::string_view name) const;
    std::string content(std::string_view name) const;  // empty when absent
    std::vector<Symbol> symbols() const;

    // A copy with these sections added, or replaced where the name is there.
    struct NewSection {
        std::string name, content;
        uint32_t alignment = 1;
    };
    void write_with(const std::string& path, const std::vector<NewSection>& added) const;

  private:
    std::string path_;
    std::vector<char> bytes_;
    Elf64_Ehdr header_;
    std::vector<Elf64_Shdr> sections_;
    std::string names_;
};

// FNV-1a, 64 bits: as the loader hashes names (core/module/text.h).
uint64_t hash64(std::string_view text, uint64_t seed = 0xcbf29ce484222325);

}  // namespace modpost
