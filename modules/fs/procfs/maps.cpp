// maps, smaps, smaps_rollup.
#include <tenon/mm/address_space.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>
#include <tenon/vfs/super_block.h>

#include <memory>

#include "files.h"
#include "pages.h"

namespace tenon::procfs {

namespace {

constexpr usize kPathBytes = 4096;
constexpr usize kNameColumn = 73;

// The name in brackets of a mapping without a file; empty: none.
std::string_view special_name(const mm::AddressSpace& space, const mm::Vma& vma) {
    if (vma.backing) return vma.backing->name();
    if (mm::has(vma.flags, mm::VmaFlags::heap)) return "[heap]";
    const u64 top = space.layout.stack_top;
    if (vma.range.start <= top && vma.range.end >= top && top != 0) return "[stack]";
    return {};
}

void write_line(Text& out, mm::AddressSpace& space, const mm::Vma& vma, const vfs::Path& root,
                char* buffer) {
    const usize start = out.size();
    vfs::DeviceNumber device;
    u64 ino = 0;
    if (vma.file) {
        vfs::Inode& inode = vma.file->inode();
        device = inode.super().device;
        ino = inode.ino();
    } else if (vma.backing && vma.backing->mapping() != nullptr) {
        device = {0, 1};
        ino = vma.backing->inode_number();
    }
    const u64 offset = vma.file || vma.backing ? vma.file_offset : 0;
    out.print("{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", vma.range.start, vma.range.end,
              mm::has(vma.prot, mm::Prot::read) ? 'r' : '-',
              mm::has(vma.prot, mm::Prot::write) ? 'w' : '-',
              mm::has(vma.prot, mm::Prot::exec) ? 'x' : '-', vma.is_shared() ? 's' : 'p', offset,
              device.major, device.minor, ino);
    std::string_view name;
    if (vma.file) {
        if (auto text = vfs::path_text(vma.file->path(), root, {buffer, kPathBytes})) name = *text;
    } else {
        name = special_name(space, vma);
    }
    if (!name.empty()) {
        const usize used = out.size() - start;
        if (used < kNameColumn) out.pad(' ', kNameColumn - used);
        write_escaped(out, name, "\n");
    }
    out.write("\n");
}

void write_numa_line(Text& out, mm::AddressSpace& space, mm::Vma& vma, const vfs::Path& root,
                     char* buffer) {
    out.print("{:08x} default", vma.range.start);
    if (vma.file) {
        out.write(" file=");
        if (auto text = vfs::path_text(vma.file->path(), root, {buffer, kPathBytes}))
            write_escaped(out, *text, "\n\t= ");
    } else if (const std::string_view name = special_name(space, vma); name == "[heap]") {
        out.write(" heap");
    } else if (name == "[stack]") {
        out.write(" stack");
    }
    PageSums sums;
    sums.add(space, vma);
    if (const u64 resident = sums.resident >> kPageShift; resident != 0) {
        const u64 anon = sums.anon >> kPageShift,
                  dirty = (sums.shared_dirty + sums.private_dirty) >> kPageShift;
        if (anon != 0) out.print(" anon={}", anon);
        if (dirty != 0) out.print(" dirty={}", dirty);
        if (resident != anon) out.print(" mapped={}", resident);
        out.print(" N0={} kernelpagesize_kB=4", resident);
    }
    out.write("\n");
}

// Of one mapping, or the sum of all.
enum class Of : u8 { one, all };
void write_smaps(Text& out, const PageSums& sums, u64 size_bytes, Of what) {
    const auto line = [&](std::string_view name, u64 bytes) {
        out.print("{:<16}{:8} kB\n", name, bytes >> 10);
    };
    const auto share = [&](std::string_view name, u64 fine) {
        line(name, fine >> PageSums::kShareBits);
    };
    if (what == Of::one) {
        line("Size:", size_bytes);
        out.print("KernelPageSize:        4 kB\nMMUPageSize:           4 kB\n");
    }
    line("Rss:", sums.resident);
    share("Pss:", sums.share);
    share("Pss_Dirty:", sums.share_dirty);
    if (what == Of::all) {
        share("Pss_Anon:", sums.share_anon);
        share("Pss_File:", sums.share_file);
        share("Pss_Shmem:", sums.share_shmem);
    }
    line("Shared_Clean:", sums.shared_clean);
    line("Shared_Dirty:", sums.shared_dirty);
    line("Private_Clean:", sums.private_clean);
    line("Private_Dirty:", sums.private_dirty);
    line("Referenced:", sums.referenced);
    line("Anonymous:", sums.anon);
    for (const std::string_view none :
         {"LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:",
          "Private_Hugetlb:", "Swap:", "SwapPss:"})
        line(none, 0);
    share("Locked:", sums.share_locked);
}

void write_vm_flags(Text& out, const mm::Vma& vma) {
    out.write("THPeligible:    0\nVmFlags: ");
    const auto flag = [&](bool on, std::string_view name) {
        if (on) out.write(name);
    };
    using mm::Prot;
    using mm::VmaFlags;
    flag(mm::has(vma.prot, Prot::read), "rd ");
    flag(mm::has(vma.prot, Prot::write), "wr ");
    flag(mm::has(vma.prot, Prot::exec), "ex ");
    flag(vma.is_shared(), "sh ");
    flag(mm::has(vma.max_prot, Prot::read), "mr ");
    flag(mm::has(vma.max_prot, Prot::write), "mw ");
    flag(mm::has(vma.max_prot, Prot::exec), "me ");
    flag(vma.is_shared(), "ms ");
    flag(mm::has(vma.flags, VmaFlags::stack), "gd ");
    flag(mm::has(vma.flags, VmaFlags::locked), "lo ");
    flag(mm::has(vma.flags, VmaFlags::io), "io ");
    flag(mm::has(vma.flags, VmaFlags::sequential), "sr ");
    flag(mm::has(vma.flags, VmaFlags::random), "rr ");
    flag(mm::has(vma.flags, VmaFlags::dont_fork), "dc ");
    flag(mm::is_accounted(vma), "ac ");
    flag(mm::has(vma.flags, VmaFlags::no_reserve), "nr ");
    flag(mm::has(vma.flags, VmaFlags::wipe_on_fork), "wf ");
    flag(mm::has(vma.flags, VmaFlags::dont_dump), "dd ");
    flag(!mm::has(vma.flags, VmaFlags::tracked), "sd ");
    flag(mm::has(vma.flags, VmaFlags::huge), "hg ");
    flag(mm::has(vma.flags, VmaFlags::no_huge), "nh ");
    out.write("\n");
}

// What a text about a space's mappings takes.
struct Source {
    Ref<mm::AddressSpace> space;  // null: it has none, or none any more
    vfs::Path root;
    std::unique_ptr<char[]> buffer;
};
Result<Source> source_of(const Subject& about) {
    Source source{.space = process::space_of(*about.task)};
    if (Ref<process::FsContext> fs = process::fs_of(*current())) source.root = fs->root();
    source.buffer.reset(new (std::nothrow) char[kPathBytes]);
    if (!source.buffer) return Err(Error::nomem);
    return source;
}

enum class Style : u8 { maps, smaps, numa };

// The cursor is the end of the last mapping that was shown: those before it may change meanwhile.
Result<void> show(Text& out, const Subject& about, u64& cursor, usize wanted, Style style) {
    TRY_ASSIGN(Source source, source_of(about));
    mm::AddressSpace* const space = source.space.get();
    const u64 from = std::exchange(cursor, kNoMore);
    if (space == nullptr) return {};
    sync::ReadGuard guard(space->lock);
    u64 shown = from;
    for (mm::Vma* vma = space->find(from); vma != nullptr; vma = space->next(*vma)) {
        const usize before = out.size();
        if (style == Style::numa)
            write_numa_line(out, *space, *vma, source.root, source.buffer.get());
        else
            write_line(out, *space, *vma, source.root, source.buffer.get());
        if (style == Style::smaps) {
            PageSums sums;
            sums.add(*space, *vma);
            write_smaps(out, sums, vma->range.size(), Of::one);
            write_vm_flags(out, *vma);
        }
        const bool fits = out.size() < kPageSize || before == 0;
        if (!fits) out.shorten(before);
        if (fits) shown = vma->range.end;
        if (!fits || out.size() >= wanted) {
            cursor = shown;
            break;
        }
    }
    return {};
}

}  // namespace

Result<void> show_maps(Text& out, const Subject& about, u64& cursor, usize wanted) {
    return show(out, about, cursor, wanted, Style::maps);
}
Result<void> show_smaps(Text& out, const Subject& about, u64& cursor, usize wanted) {
    return show(out, about, cursor, wanted, Style::smaps);
}
// Where the pages of each mapping are: there is one node. Spec: man 7 numa; Linux
// fs/proc/task_mmu.c, show_numa_map().
Result<void> show_numa_maps(Text& out, const Subject& about, u64& cursor, usize wanted) {
    return show(out, about, cursor, wanted, Style::numa);
}
Result<void> show_smaps_rollup(Text& out, const Subject& about) {
    Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return Err(Error::srch);
    PageSums sums;
    u64 first = 0, last = 0;
    {
        sync::ReadGuard guard(space->lock);
        for (mm::Vma* vma = space->first(); vma != nullptr; vma = space->next(*vma)) {
            if (first == 0) first = vma->range.start;
            last = vma->range.end;
            sums.add(*space, *vma);
        }
    }
    if (last == 0) return {};
    const usize start = out.size();
    out.print("{:08x}-{:08x} ---p 00000000 00:00 0 ", first, last);
    out.pad(' ', kNameColumn - (out.size() - start));
    out.write("[rollup]\n");
    write_smaps(out, sums, 0, Of::all);
    return {};
}

}  // namespace tenon::procfs
