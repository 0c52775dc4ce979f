// A relocatable ELF64 file, read as hostile bytes: every offset, size, index and name is checked
// once, in parse(); afterwards the accessors cannot leave the file. Pure code: also built on the
// host, for tests and the fuzzer.
#pragma once

#include <elf.h>
#include <tenon/lib/format.h>
#include <tenon/lib/result.h>

#include <memory>
#include <span>
#include <string_view>

namespace tenon::module {

class ElfImage {
  public:
    static constexpr u32 kMaxSections = 4096;
    // Many symbols may share one long name: reading it for each would take for ever.
    static constexpr usize kMaxNameBytes = 4096, kMaxSymbols = 1 << 17;

    // The span must stay valid and start at a multiple of 8. Error::noexec, with the reason written
    // to `why`; Error::nomem.
    static Result<ElfImage> parse(std::span<const u8> file, u16 machine, fmt::Sink& why);

    u32 section_count() const { return static_cast<u32>(sections_.size()); }
    const Elf64_Shdr& section(u32 index) const { return sections_[index]; }
    std::string_view section_name(u32 index) const {
        return string_at(section_names_, sections_[index].sh_name);
    }
    // The bytes in the file; empty for SHT_NOBITS.
    std::span<const u8> bytes(u32 index) const;
    // 0 when there is none.
    u32 find_section(std::string_view name) const;

    std::span<const Elf64_Sym> symbols() const { return symbols_; }
    std::string_view symbol_name(const Elf64_Sym& symbol) const {
        return string_at(symbol_names_, symbol.st_name);
    }
    // Of a SHT_RELA section; each symbol index is below symbols().size().
    std::span<const Elf64_Rela> relocations(u32 index) const;
    bool is_alloc(u32 index) const { return (sections_[index].sh_flags & SHF_ALLOC) != 0; }

  private:
    ElfImage() = default;
    Result<void> check_section(u32 index, u32 string_section, fmt::Sink& why);
    Result<void> check_symbols(u32 index, fmt::Sink& why);
    Result<void> check_relocations(u32 index, fmt::Sink& why);
    static std::string_view string_at(std::span<const u8> table, u32 offset);
    static bool is_short(std::span<const u8> table, u32 offset);

    std::span<const u8> file_;
    std::span<const Elf64_Shdr> sections_;
    std::span<const u8> section_names_, symbol_names_;
    std::span<const Elf64_Sym> symbols_;
    u32 symbol_section_ = 0;
};

// The "key=value" records of a .modinfo section.
class Modinfo {
  public:
    Modinfo() = default;
    explicit Modinfo(std::string_view text) : text_(text) {}
    // The first value of `key`, or empty.
    std::string_view get(std::string_view key) const;
    // Calls visit(value) for each record of `key`; stops when it answers false.
    template <typename Visit>
    void for_each(std::string_view key, Visit&& visit) const {
        std::string_view rest = text_, value;
        while (next(rest, key, value))
            if (!visit(value)) return;
    }

  private:
    static bool next(std::string_view& rest, std::string_view key, std::string_view& value);
    std::string_view text_;
};

}  // namespace tenon::module
