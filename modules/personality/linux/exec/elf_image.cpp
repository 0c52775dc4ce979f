// Reading ELF headers without believing them, and mapping segments. Spec: man 5 elf; System V ABI,
// chapter 5 (program loading).
#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/exec/elf.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality::elf {

namespace {

constexpr usize kMaxTableBytes = 65536;  // as Linux

Result<void> read_exactly(vfs::File& file, void* to, usize length, u64 offset) {
    auto buffer = vfs::IoBuffer::kernel(to, length);
    TRY_ASSIGN(const usize done, file.read_at(buffer, offset));
    if (done != length) return Err(Error::noexec);
    return {};
}

mm::Prot protection(u32 flags) {
    mm::Prot prot = mm::Prot::none;
    if (flags & PF_R) prot = prot | mm::Prot::read;
    if (flags & PF_W) prot = prot | mm::Prot::write;
    if (flags & PF_X) prot = prot | mm::Prot::exec;
    return prot;
}

// The pages of one PT_LOAD that come from the file. The first of a dynamic image claims `total`
// bytes, so that the others have their place.
Result<u64> map_file_part(mm::AddressSpace& space, const Ref<vfs::File>& file,
                          const uapi::Elf64_Phdr& segment, u64 address, mm::MapRequest::Place place,
                          u64 total) {
    const u64 skew = segment.p_vaddr & (kPageSize - 1);
    mm::MapRequest request;
    request.address = align_down(address, kPageSize);
    request.length = align_up(segment.p_filesz + skew, kPageSize);
    if (total > request.length) request.length = total;
    request.prot = protection(segment.p_flags);
    request.place = place;
    request.file = file;
    request.file_offset = segment.p_offset - skew;
    TRY_ASSIGN(const u64 at, space.map(request));
    return at;
}

// From the end of the file's bytes to the end of the segment: zeros.
Result<void> map_zero_part(mm::AddressSpace& space, const uapi::Elf64_Phdr& segment, u64 bias) {
    if (segment.p_memsz <= segment.p_filesz) return {};
    const u64 zero_start = segment.p_vaddr + bias + segment.p_filesz;
    const u64 zero_end = segment.p_vaddr + bias + segment.p_memsz;
    const u64 file_end = align_up(zero_start, kPageSize);
    if (segment.p_filesz != 0 && zero_start < file_end && (segment.p_flags & PF_W)) {
        const u64 tail = std::min(file_end, align_up(zero_end, kPageSize)) - zero_start;
        TRY(mm::clear_user(UserAddr{zero_start}, tail));
    }
    const u64 start = segment.p_filesz != 0 ? file_end : align_down(zero_start, kPageSize);
    if (align_up(zero_end, kPageSize) <= start) return {};
    mm::MapRequest request;
    request.address = start;
    request.length = align_up(zero_end, kPageSize) - start;
    request.prot = protection(segment.p_flags);
    request.place = mm::MapRequest::Place::fixed;
    TRY(space.map(request));
    return {};
}

void note_segment(Placement& out, const uapi::Elf64_Phdr& segment, const Image& image) {
    const u64 start = segment.p_vaddr + out.bias;
    if (image.header.e_phoff >= segment.p_offset &&
        image.header.e_phoff + image.header.e_phnum * sizeof(uapi::Elf64_Phdr) <=
            segment.p_offset + segment.p_filesz &&
        out.phdr == 0)
        out.phdr = image.header.e_phoff - segment.p_offset + start;
    if ((segment.p_flags & PF_X) && start < out.code_start) out.code_start = start;
    if (start > out.data_start) out.data_start = start;
    const u64 file_end = start + segment.p_filesz;
    if ((segment.p_flags & PF_X) && file_end > out.code_end) out.code_end = file_end;
    if (file_end > out.data_end) out.data_end = file_end;
    out.end = std::max<u64>(out.end, start + segment.p_memsz);
}

}  // namespace

const uapi::Elf64_Phdr* Image::find(u32 type) const {
    for (const auto& segment : segments())
        if (segment.p_type == type) return &segment;
    return nullptr;
}

Result<void> Image::read(vfs::File& file, std::span<const u8> head, Image& out) {
    static_assert(sizeof(uapi::Elf64_Ehdr) <= 256);
    std::memcpy(&out.header, head.data(), sizeof(out.header));
    const uapi::Elf64_Ehdr& h = out.header;
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        h.e_machine != kElfMachine || (h.e_type != ET_EXEC && h.e_type != ET_DYN) ||
        h.e_phentsize != sizeof(uapi::Elf64_Phdr))
        return Err(Error::noexec);
    const usize bytes = h.e_phnum * sizeof(uapi::Elf64_Phdr);
    if (bytes == 0 || bytes > kMaxTableBytes) return Err(Error::noexec);
    out.table.reset(new (std::nothrow) uapi::Elf64_Phdr[h.e_phnum]);
    if (!out.table) return Err(Error::nomem);
    if (h.e_phoff <= head.size() && bytes <= head.size() - h.e_phoff)
        std::memcpy(out.table.get(), head.data() + h.e_phoff, bytes);
    else
        TRY(read_exactly(file, out.table.get(), bytes, h.e_phoff));

    bool any = false;
    for (const auto& segment : out.segments()) {
        if (segment.p_type != PT_LOAD) continue;
        const u64 end = segment.p_vaddr + segment.p_memsz;
        if (segment.p_filesz > segment.p_memsz || end < segment.p_vaddr || end > arch::kUserLimit ||
            segment.p_offset + segment.p_filesz < segment.p_offset ||
            ((segment.p_vaddr ^ segment.p_offset) & (kPageSize - 1)) != 0)
            return Err(Error::noexec);
        if (!any) out.low = align_down(segment.p_vaddr, kPageSize);
        any = true;
        out.low = std::min(out.low, align_down(segment.p_vaddr, kPageSize));
        out.high = std::max(out.high, align_up(end, kPageSize));
        if (std::has_single_bit(segment.p_align) && segment.p_align > out.alignment)
            out.alignment = segment.p_align;
    }
    if (!any || out.high <= out.low) return Err(Error::noexec);
    return {};
}

Result<Placement> map_image(mm::AddressSpace& space, Ref<vfs::File> file, const Image& image,
                            u64 base) {
    using Place = mm::MapRequest::Place;
    Placement out;
    bool first = true;
    for (const auto& segment : image.segments()) {
        if (segment.p_type != PT_LOAD) continue;
        u64 address = segment.p_vaddr + out.bias;
        Place place = Place::fixed;
        u64 total = 0;
        if (first && image.is_dynamic()) {
            total = image.high - image.low;
            address = base != 0 ? align_down(base, image.alignment) : 0;
            place = base != 0 ? Place::fixed_noreplace : Place::hint;
        } else if (first) {
            place = Place::fixed_noreplace;
        }
        if (segment.p_filesz != 0) {
            TRY_ASSIGN(const u64 at, map_file_part(space, file, segment, address, place, total));
            if (first && image.is_dynamic()) {
                out.bias = at - align_down(segment.p_vaddr, kPageSize);
                const u64 own =
                    align_up(segment.p_filesz + (segment.p_vaddr & (kPageSize - 1)), kPageSize);
                if (total > own) TRY(space.unmap(at + own, total - own));
            }
        } else if (first && image.is_dynamic()) {
            return Err(Error::noexec);
        }
        TRY(map_zero_part(space, segment, out.bias));
        note_segment(out, segment, image);
        first = false;
    }
    out.entry = image.header.e_entry + out.bias;
    if (out.entry >= arch::kUserLimit) return Err(Error::inval);
    return out;
}

}  // namespace tenon::personality::elf
