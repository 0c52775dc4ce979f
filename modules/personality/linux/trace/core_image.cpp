// The ELF file: headers, notes, then the memory that the filter chooses. Spec: System V ABI, "Core
// files"; man 5 core, coredump_filter; Linux fs/coredump.c, vma_dump_size().
#include <tenon/mm/address_space.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/trace/core_dump.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

enum Filter : u32 {
    kAnonPrivate = 1 << 0,
    kAnonShared = 1 << 1,
    kFilePrivate = 1 << 2,
    kFileShared = 1 << 3,
    kElfHeaders = 1 << 4,
};

struct Segment {
    u64 start, end, dumped;
    u32 flags;
};

bool starts_with_elf(mm::AddressSpace& space, u64 address) {
    char magic[SELFMAG];
    auto got = space.access(address, magic, sizeof(magic), false, true);
    return got && *got == sizeof(magic) && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

bool has_own_pages(mm::AddressSpace& space, mm::Vma& vma) {
    bool found = false;
    space.visit_entries(
        vma.range.start, vma.range.end,
        [](u64, arch::Pte entry, mm::Page* page, void* context) {
            if (page != nullptr && page->kind != mm::Page::Kind::file)
                *static_cast<bool*>(context) = true;
            return entry;
        },
        &found);
    return found;
}

// Bytes of a mapping that go into the file; ~0: a page if an ELF header lies there. Lock held.
u64 dumped_bytes(mm::AddressSpace& space, mm::Vma& vma, u32 filter) {
    using mm::VmaFlags;
    const u64 whole = vma.range.size();
    if (has(vma.flags, VmaFlags::special)) return vma.backing ? whole : 0;
    if (has(vma.flags, VmaFlags::io) || has(vma.flags, VmaFlags::dont_dump)) return 0;
    if (vma.is_shared()) {
        const bool anonymous = !vma.file || vma.file->inode().nlink == 0;
        return (filter & (anonymous ? kAnonShared : kFileShared)) ? whole : 0;
    }
    if ((filter & kAnonPrivate) && has_own_pages(space, vma)) return whole;
    if (!vma.file) return 0;
    if (filter & kFilePrivate) return whole;
    if ((filter & kElfHeaders) && vma.file_offset == 0 && mm::has(vma.prot, mm::Prot::read))
        return (vma.file->inode().mode & 0111) != 0 ? kPageSize : ~u64{0};
    return 0;
}

struct Segments {
    std::unique_ptr<Segment[]> list;
    usize count = 0;
};

Result<Segments> choose(mm::AddressSpace& space, u32 filter) {
    Segments out;
    usize room = 0;
    {
        sync::ReadGuard guard(space.lock);
        for (mm::Vma* vma = space.first(); vma != nullptr; vma = space.next(*vma)) ++room;
    }
    // Every other thread stands still: only another process with the same memory could add to them.
    room += 16;
    out.list.reset(new (std::nothrow) Segment[room]);
    if (!out.list) return Err(Error::nomem);
    {
        sync::ReadGuard guard(space.lock);
        for (mm::Vma* vma = space.first(); vma != nullptr && out.count < room;
             vma = space.next(*vma)) {
            const u32 flags = (mm::has(vma->prot, mm::Prot::read) ? PF_R : 0) |
                              (mm::has(vma->prot, mm::Prot::write) ? PF_W : 0) |
                              (mm::has(vma->prot, mm::Prot::exec) ? PF_X : 0);
            out.list[out.count++] = {vma->range.start, vma->range.end,
                                     dumped_bytes(space, *vma, filter), flags};
        }
    }
    for (usize i = 0; i < out.count; ++i) {
        Segment& s = out.list[i];
        if (s.dumped == ~u64{0}) s.dumped = starts_with_elf(space, s.start) ? kPageSize : 0;
    }
    return out;
}

bool all_zero(const u8* page) {
    u64 any = 0;
    for (usize i = 0; i < kPageSize; i += 8) {
        u64 word;
        std::memcpy(&word, page + i, 8);
        any |= word;
    }
    return any == 0;
}

Result<void> write_memory(CoreFile& out, mm::AddressSpace& space, const Segments& segments) {
    std::unique_ptr<u8[]> page(new (std::nothrow) u8[kPageSize]);
    if (!page) return Err(Error::nomem);
    for (usize i = 0; i < segments.count; ++i) {
        const Segment& s = segments.list[i];
        for (u64 at = 0; at < s.dumped; at += kPageSize) {
            if (fatal_signal_pending()) return Err(Error::intr);
            auto got = space.access(s.start + at, page.get(), kPageSize, false, true);
            if (!got || *got != kPageSize || all_zero(page.get()))
                out.skip(kPageSize);
            else
                TRY(out.write(page.get(), kPageSize));
        }
    }
    return {};
}

uapi::Elf64_Ehdr file_header(usize headers) {
    uapi::Elf64_Ehdr h{};
    std::memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    h.e_type = ET_CORE;
    h.e_machine = kElfMachine;
    h.e_version = EV_CURRENT;
    h.e_phoff = sizeof(h);
    h.e_ehsize = sizeof(h);
    h.e_phentsize = sizeof(uapi::Elf64_Phdr);
    h.e_phnum = static_cast<u16>(headers);
    return h;
}

}  // namespace

Result<void> CoreFile::write_stream(const void* bytes, usize length) {
    auto buffer = vfs::IoBuffer::kernel(bytes, length);
    TRY_ASSIGN(const usize done, file_.write(buffer));
    if (done != length) return Err(Error::intr);
    streamed_ += length;
    return {};
}

Result<void> CoreFile::fill_stream() {
    if (streamed_ == at_) return {};
    std::unique_ptr<u8[]> zeros(new (std::nothrow) u8[kPageSize]());
    if (!zeros) return Err(Error::nomem);
    while (streamed_ < at_)
        TRY(write_stream(zeros.get(), std::min<u64>(kPageSize, at_ - streamed_)));
    return {};
}

Result<void> CoreFile::finish() {
    if (file_.is_stream()) return fill_stream();
    return vfs::truncate_inode(file_.inode(), at_, process::current_credentials());
}

Result<void> CoreFile::write(const void* bytes, usize length) {
    if (at_ + length > limit_) return Err(Error::fbig);
    if (file_.is_stream()) {
        TRY(fill_stream());
        TRY(write_stream(bytes, length));
        at_ += length;
        return {};
    }
    auto buffer = vfs::IoBuffer::kernel(bytes, length);
    TRY_ASSIGN(const usize done, file_.write_at(buffer, at_));
    if (done != length) return Err(Error::nospc);
    at_ += length;
    return {};
}

Result<void> CoreFile::pad_to(u64 offset) {
    if (offset < at_) return Err(Error::inval);
    at_ = offset;
    return {};
}

Result<void> write_core(CoreFile& out, const SignalInfo& info) {
    Ref<mm::AddressSpace> space = current()->space;
    TRY_ASSIGN(Segments segments, choose(*space, current_process().core_filter));
    NoteBuffer notes;
    TRY(add_notes(notes, info));
    if (notes.failed()) return Err(Error::nomem);
    const usize headers = segments.count + 1;
    if (headers >= PN_XNUM) return Err(Error::toobig);

    {
        // From here on nothing but SIGKILL concerns it: what is pending must not end its writes.
        SignalLock lock(current_process());
        Task& self = *current();
        self.blocked = ~SignalSet() & ~kUnblockable;
        if (!self.pending.set.has(kSigKill)) self.clear_work(kWorkSignal);
    }
    const auto head = file_header(headers);
    TRY(out.write(&head, sizeof(head)));
    u64 at = sizeof(head) + headers * sizeof(uapi::Elf64_Phdr);
    uapi::Elf64_Phdr h{};
    h.p_type = PT_NOTE;
    h.p_offset = at;
    h.p_filesz = notes.bytes().size();
    TRY(out.write(&h, sizeof(h)));
    at = align_up(at + notes.bytes().size(), kPageSize);
    for (usize i = 0; i < segments.count; ++i) {
        const Segment& s = segments.list[i];
        h = {};
        h.p_type = PT_LOAD;
        h.p_flags = s.flags;
        h.p_offset = at;
        h.p_vaddr = s.start;
        h.p_filesz = s.dumped;
        h.p_memsz = s.end - s.start;
        h.p_align = kPageSize;
        TRY(out.write(&h, sizeof(h)));
        at += s.dumped;
    }
    TRY(out.write(notes.bytes().data(), notes.bytes().size()));
    TRY(out.pad_to(align_up(out.position(), kPageSize)));
    return write_memory(out, *space, segments);
}

}  // namespace tenon::personality::trace
