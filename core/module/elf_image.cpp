#include "core/module/elf_image.h"

#include <cstring>

namespace tenon::module {

namespace {

// [offset, offset + size) lies in a file of `limit` bytes.
bool in_file(u64 offset, u64 size, u64 limit) {
    return offset <= limit && size <= limit - offset;
}

template <typename... A>
Err refuse(fmt::Sink& why, std::string_view format, const A&... args) {
    fmt::print(why, format, args...);
    return Err(Error::noexec);
}

}  // namespace

bool ElfImage::is_short(std::span<const u8> table, u32 offset) {
    const usize room = table.size() - offset;
    return std::memchr(&table[offset], 0, room < kMaxNameBytes ? room : kMaxNameBytes) != nullptr;
}

std::string_view ElfImage::string_at(std::span<const u8> table, u32 offset) {
    // parse() made sure that the table ends with a NUL and that offsets are inside.
    return {reinterpret_cast<const char*>(table.data()) + offset};
}

std::span<const u8> ElfImage::bytes(u32 index) const {
    const Elf64_Shdr& s = sections_[index];
    // Section 0 stands for "none": what its header says is not read.
    if (index == 0) return {};
    if (s.sh_type == SHT_NOBITS || s.sh_type == SHT_NULL) return {};
    return file_.subspan(s.sh_offset, s.sh_size);
}

u32 ElfImage::find_section(std::string_view name) const {
    for (u32 i = 1; i < section_count(); ++i)
        if (section_name(i) == name) return i;
    return 0;
}

std::span<const Elf64_Rela> ElfImage::relocations(u32 index) const {
    const Elf64_Shdr& s = sections_[index];
    return {reinterpret_cast<const Elf64_Rela*>(file_.data() + s.sh_offset),
            s.sh_size / sizeof(Elf64_Rela)};
}

Result<ElfImage> ElfImage::parse(std::span<const u8> file, u16 machine, fmt::Sink& why) {
    ElfImage image;
    image.file_ = file;
    if (reinterpret_cast<uptr>(file.data()) % 8 != 0) return Err(Error::inval);
    if (file.size() < sizeof(Elf64_Ehdr))
        return refuse(why, "{} bytes are too few for an ELF file", file.size());
    const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(file.data());
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return refuse(why, "not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
        return refuse(why, "not a 64-bit little-endian ELF file");
    if (header.e_machine != machine)
        return refuse(why, "built for machine {} (ELF e_machine), this one is {}", header.e_machine,
                      machine);
    if (header.e_type != ET_REL)
        return refuse(why, "ELF type {} is not a relocatable file", header.e_type);
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0)
        return refuse(why, "no section headers, or of a foreign size");
    if (header.e_shnum > kMaxSections)
        return refuse(why, "{} sections; at most {} are read", header.e_shnum, kMaxSections);
    if (header.e_shoff % 8 != 0 ||
        !in_file(header.e_shoff, u64{header.e_shnum} * sizeof(Elf64_Shdr), file.size()))
        return refuse(why, "truncated: the section headers at {:#x} are outside {} bytes",
                      header.e_shoff, file.size());
    image.sections_ = {reinterpret_cast<const Elf64_Shdr*>(file.data() + header.e_shoff),
                       header.e_shnum};
    if (header.e_shstrndx == 0 || header.e_shstrndx >= header.e_shnum)
        return refuse(why, "no section names");
    const Elf64_Shdr& names = image.sections_[header.e_shstrndx];
    if (names.sh_type != SHT_STRTAB || names.sh_size == 0 ||
        !in_file(names.sh_offset, names.sh_size, file.size()) ||
        file[names.sh_offset + names.sh_size - 1] != 0)
        return refuse(why, "the section names are damaged");
    image.section_names_ = file.subspan(names.sh_offset, names.sh_size);

    for (u32 i = 1; i < header.e_shnum; ++i) TRY(image.check_section(i, header.e_shstrndx, why));
    if (image.symbol_section_ == 0) return refuse(why, "no symbol table");
    TRY(image.check_symbols(image.symbol_section_, why));
    for (u32 i = 1; i < header.e_shnum; ++i)
        if (image.sections_[i].sh_type == SHT_RELA) TRY(image.check_relocations(i, why));
    return image;
}

Result<void> ElfImage::check_section(u32 index, u32, fmt::Sink& why) {
    const Elf64_Shdr& s = sections_[index];
    if (s.sh_name >= section_names_.size()) return refuse(why, "section {} has no name", index);
    if (!is_short(section_names_, s.sh_name))
        return refuse(why, "section {}: its name is longer than {}", index, kMaxNameBytes);
    const std::string_view name = section_name(index);
    if (s.sh_type != SHT_NOBITS && s.sh_type != SHT_NULL &&
        !in_file(s.sh_offset, s.sh_size, file_.size()))
        return refuse(why, "truncated: section {} [{:#x}, +{:#x}) is outside {} bytes", name,
                      s.sh_offset, s.sh_size, file_.size());
    if (s.sh_flags & SHF_ALLOC) {
        if (s.sh_addralign > kPageSize || (s.sh_addralign & (s.sh_addralign - 1)) != 0)
            return refuse(why, "section {}: alignment {}", name, s.sh_addralign);
        if (s.sh_size > (u64{1} << 30)) return refuse(why, "section {}: {} bytes", name, s.sh_size);
        if (s.sh_flags & SHF_TLS) return refuse(why, "section {}: thread-local data", name);
        if ((s.sh_flags & SHF_WRITE) && (s.sh_flags & SHF_EXECINSTR))
            return refuse(why, "section {} is writable and executable", name);
        if (s.sh_flags & SHF_COMPRESSED) return refuse(why, "section {} is compressed", name);
        if (s.sh_type != SHT_PROGBITS && s.sh_type != SHT_NOBITS && s.sh_type != SHT_NOTE &&
            s.sh_type != SHT_X86_64_UNWIND && s.sh_size != 0)
            return refuse(why, "section {} of type {:#x} is not understood{}", name, s.sh_type,
                          s.sh_type == SHT_INIT_ARRAY ? " (global constructors are not run)" : "");
        if (s.sh_size != 0) {
            if (name.starts_with(".init_array") || name.starts_with(".ctors") ||
                name.starts_with(".preinit_array") || name.starts_with(".fini_array") ||
                name.starts_with(".dtors"))
                return refuse(why, "{}: global constructors and destructors are not run", name);
            if (name.starts_with(".percpu") || name.starts_with(".data..percpu"))
                return refuse(why, "{}: per-CPU objects of modules are PerCpuArray, not {}", name,
                              "TENON_PERCPU");
        }
    }
    if (s.sh_type == SHT_SYMTAB) {
        if (symbol_section_ != 0) return refuse(why, "two symbol tables");
        symbol_section_ = index;
    }
    if (s.sh_type == SHT_REL) return refuse(why, "section {}: REL relocations", name);
    return {};
}

Result<void> ElfImage::check_symbols(u32 index, fmt::Sink& why) {
    const Elf64_Shdr& s = sections_[index];
    if (s.sh_entsize != sizeof(Elf64_Sym) || s.sh_size % sizeof(Elf64_Sym) != 0 ||
        s.sh_offset % 8 != 0 || s.sh_size == 0)
        return refuse(why, "the symbol table is damaged");
    if (s.sh_link == 0 || s.sh_link >= section_count() ||
        sections_[s.sh_link].sh_type != SHT_STRTAB)
        return refuse(why, "the symbol table has no names");
    symbol_names_ = bytes(s.sh_link);
    if (symbol_names_.empty() || symbol_names_.back() != 0)
        return refuse(why, "the symbol names are damaged");
    symbols_ = {reinterpret_cast<const Elf64_Sym*>(file_.data() + s.sh_offset),
                s.sh_size / sizeof(Elf64_Sym)};
    if (symbols_.size() > kMaxSymbols)
        return refuse(why, "{} symbols; at most {} are read", symbols_.size(), kMaxSymbols);
    for (u32 i = 0; i < symbols_.size(); ++i) {
        const Elf64_Sym& symbol = symbols_[i];
        if (symbol.st_name >= symbol_names_.size())
            return refuse(why, "symbol {}: its name is outside the table", i);
        if (!is_short(symbol_names_, symbol.st_name))
            return refuse(why, "symbol {}: its name is longer than {}", i, kMaxNameBytes);
        const std::string_view name = symbol_name(symbol);
        if (symbol.st_shndx == SHN_COMMON)
            return refuse(why, "symbol {} is common: build with -fno-common", name);
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS) continue;
        if (symbol.st_shndx >= section_count())
            return refuse(why, "symbol {} is in section {} of {}", name, symbol.st_shndx,
                          section_count());
        // A symbol may stand at the end of its section (end markers), not behind it.
        const u64 size = sections_[symbol.st_shndx].sh_size;
        if (symbol.st_value > size || symbol.st_size > size - symbol.st_value)
            return refuse(why, "symbol {} [{:#x}, +{:#x}) is outside its section", name,
                          symbol.st_value, symbol.st_size);
    }
    return {};
}

Result<void> ElfImage::check_relocations(u32 index, fmt::Sink& why) {
    const Elf64_Shdr& s = sections_[index];
    const std::string_view name = section_name(index);
    if (s.sh_info == 0 || s.sh_info >= section_count())
        return refuse(why, "{}: relocates section {} of {}", name, s.sh_info, section_count());
    if (!is_alloc(s.sh_info)) return {};  // debug information: not applied, not read
    if (s.sh_entsize != sizeof(Elf64_Rela) || s.sh_size % sizeof(Elf64_Rela) != 0 ||
        s.sh_offset % 8 != 0)
        return refuse(why, "{} is damaged", name);
    if (s.sh_link != symbol_section_) return refuse(why, "{}: another symbol table", name);
    if (sections_[s.sh_info].sh_type == SHT_NOBITS && s.sh_size != 0)
        return refuse(why, "{}: relocates a section without contents", name);
    for (const Elf64_Rela& r : relocations(index))
        if (ELF64_R_SYM(r.r_info) >= symbols_.size())
            return refuse(why, "{}: symbol {} of {}", name, ELF64_R_SYM(r.r_info), symbols_.size());
    return {};
}

std::string_view Modinfo::get(std::string_view key) const {
    std::string_view rest = text_, value;
    return next(rest, key, value) ? value : std::string_view{};
}

bool Modinfo::next(std::string_view& rest, std::string_view key, std::string_view& value) {
    while (!rest.empty()) {
        const usize end = rest.find('\0');
        const std::string_view record = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (record.size() > key.size() && record[key.size()] == '=' && record.starts_with(key)) {
            value = record.substr(key.size() + 1);
            return true;
        }
    }
    return false;
}

}  // namespace tenon::module
