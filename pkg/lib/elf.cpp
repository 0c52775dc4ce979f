#include "pkg/lib/elf.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace tenon::pkg {

namespace {

constexpr size_t kHeadersMax = 256, kTableMaxBytes = 16 << 20, kRecordsMax = 4096;

class Reader {
  public:
    Reader(Root& root, const std::string& path) : root_(root), path_(path) {}
    Result<ElfLibrary> read();

  private:
    std::unexpected<Error> bad(const char* why) const { return fail("%s %s", path_.c_str(), why); }
    template <typename T>
    Status get(uint64_t offset, T& out) const {
        return bytes(offset, &out, sizeof(out));
    }
    Status bytes(uint64_t offset, void* out, size_t len) const {
        if (offset > size_ || len > size_ - offset) return bad("is a damaged ELF file");
        if (pread(fd_.get(), out, len, static_cast<off_t>(offset)) != static_cast<ssize_t>(len))
            return bad("is a damaged ELF file");
        return {};
    }
    // An address in memory, as a place in the file.
    Result<uint64_t> at(uint64_t address) const {
        for (const Elf64_Phdr& p : loads_)
            if (address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
                return p.p_offset + (address - p.p_vaddr);
        return bad("is a damaged ELF file");
    }
    Result<std::string> string(uint64_t offset) const {
        if (offset >= strings_.size()) return bad("is a damaged ELF file");
        return std::string(strings_.c_str() + offset);
    }
    Status read_headers();
    Status read_dynamic();
    Status read_definitions();
    Status read_needs();

    Root& root_;
    const std::string& path_;
    Fd fd_;
    uint64_t size_ = 0;
    std::vector<Elf64_Phdr> loads_;
    std::optional<Elf64_Phdr> dynamic_;
    std::map<int64_t, uint64_t> tags_;
    std::vector<uint64_t> needed_;
    std::string strings_;
    ElfLibrary out_;
};

Status Reader::read_headers() {
    TRY_SET(fd_, root_.open_read_follow(path_));
    struct stat st;
    if (fstat(fd_.get(), &st) != 0) return fail_errno("%s", path_.c_str());
    if (!S_ISREG(st.st_mode)) return bad("is no plain file");
    size_ = static_cast<uint64_t>(st.st_size);
    Elf64_Ehdr head;
    if (size_ < sizeof(head)) return bad("is no ELF file");
    TRY(get(0, head));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return bad("is no ELF file");
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
        head.e_machine != EM_X86_64 || head.e_type != ET_DYN)
        return bad("is no shared library for x86-64");
    if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > kHeadersMax)
        return bad("is a damaged ELF file");
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr p;
        TRY(get(head.e_phoff + i * sizeof(p), p));
        if (p.p_type == PT_LOAD) loads_.push_back(p);
        if (p.p_type == PT_DYNAMIC) dynamic_ = p;
    }
    if (!dynamic_) return bad("is no shared library for x86-64");
    return {};
}

Status Reader::read_dynamic() {
    const size_t count = dynamic_->p_filesz / sizeof(Elf64_Dyn);
    if (count > kRecordsMax) return bad("is a damaged ELF file");
    for (size_t i = 0; i < count; i++) {
        Elf64_Dyn d;
        TRY(get(dynamic_->p_offset + i * sizeof(d), d));
        if (d.d_tag == DT_NULL) break;
        if (d.d_tag == DT_NEEDED)
            needed_.push_back(d.d_un.d_val);
        else
            tags_[d.d_tag] = d.d_un.d_val;
    }
    if (!tags_.contains(DT_STRTAB) || !tags_.contains(DT_STRSZ) || tags_[DT_STRSZ] > kTableMaxBytes)
        return bad("is a damaged ELF file");
    TRY_SET(uint64_t place, at(tags_[DT_STRTAB]));
    strings_.resize(tags_[DT_STRSZ]);
    TRY(bytes(place, strings_.data(), strings_.size()));
    if (tags_.contains(DT_SONAME)) {
        TRY_SET(out_.soname, string(tags_[DT_SONAME]));
    }
    for (uint64_t offset : needed_) {
        TRY_SET(std::string name, string(offset));
        out_.needs[name];
    }
    return {};
}

Status Reader::read_definitions() {
    if (!tags_.contains(DT_VERDEF)) return {};
    TRY_SET(uint64_t place, at(tags_[DT_VERDEF]));
    const uint64_t count = tags_[DT_VERDEFNUM];
    if (count > kRecordsMax) return bad("is a damaged ELF file");
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Verdef def;
        TRY(get(place, def));
        if (def.vd_version != VER_DEF_CURRENT || def.vd_cnt == 0)
            return bad("is a damaged ELF file");
        // The first name is the version's own, the others are those it follows from.
        Elf64_Verdaux name;
        TRY(get(place + def.vd_aux, name));
        if (!(def.vd_flags & VER_FLG_BASE)) {
            TRY_SET(std::string text, string(name.vda_name));
            out_.versions.insert(std::move(text));
        }
        if (!def.vd_next) break;
        place += def.vd_next;
    }
    return {};
}

Status Reader::read_needs() {
    if (!tags_.contains(DT_VERNEED)) return {};
    TRY_SET(uint64_t place, at(tags_[DT_VERNEED]));
    const uint64_t count = tags_[DT_VERNEEDNUM];
    size_t records = 0;
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Verneed need;
        TRY(get(place, need));
        if (need.vn_version != VER_NEED_CURRENT) return bad("is a damaged ELF file");
        TRY_SET(std::string file, string(need.vn_file));
        uint64_t next = place + need.vn_aux;
        for (unsigned k = 0; k < need.vn_cnt; k++) {
            Elf64_Vernaux aux;
            if (++records > kRecordsMax) return bad("is a damaged ELF file");
            TRY(get(next, aux));
            TRY_SET(std::string version, string(aux.vna_name));
            if (!(aux.vna_flags & VER_FLG_WEAK)) out_.needs[file].insert(std::move(version));
            if (!aux.vna_next) break;
            next += aux.vna_next;
        }
        if (++records > kRecordsMax) return bad("is a damaged ELF file");
        if (!need.vn_next) break;
        place += need.vn_next;
    }
    return {};
}

Result<ElfLibrary> Reader::read() {
    TRY(read_headers());
    TRY(read_dynamic());
    TRY(read_definitions());
    TRY(read_needs());
    return std::move(out_);
}

}  // namespace

Result<ElfLibrary> read_elf_library(Root& root, const std::string& path) {
    return Reader(root, path).read();
}

}  // namespace tenon::pkg
