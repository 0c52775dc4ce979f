// Pages of a process: sums of them, and clear_refs.
#include <utility>

#include "files.h"
#include "pages.h"

namespace tenon::procfs {

void PageSums::add(arch::Pte entry, const mm::Page& page, bool locked) {
    const u64 times = mapped_times(page);
    const bool written = was_written(entry, page);
    const u64 part = (kPageSize << kShareBits) / times;
    resident += kPageSize;
    if (was_used(entry)) referenced += kPageSize;
    share += part;
    if (page.kind != mm::Page::Kind::file) {
        anon += kPageSize;
        share_anon += part;
    } else {
        file += kPageSize;
        (page.test(mm::Page::kShmem) ? share_shmem : share_file) += part;
    }
    if (locked) share_locked += part;
    if (written) share_dirty += part;
    u64& sum = times > 1 ? (written ? shared_dirty : shared_clean)
                         : (written ? private_dirty : private_clean);
    sum += kPageSize;
}

void PageSums::add(mm::AddressSpace& space, const mm::Vma& vma) {
    const bool locked = mm::has(vma.flags, mm::VmaFlags::locked);
    each_entry(space, vma.range.start, vma.range.end,
               [&](u64, arch::Pte entry, const mm::Page* page) {
                   if (page != nullptr) add(entry, *page, locked);
                   return entry;
               });
}

namespace {

// Calls fn(vma) for each mapping, the space locked for reading meanwhile; `done` runs unlocked
// after each.
template <typename Fn, typename Done>
void each_mapping(mm::AddressSpace& space, Fn&& fn, Done&& done) {
    for (u64 at = 0;;) {
        UserRange range;
        {
            sync::ReadGuard guard(space.lock);
            const mm::Vma* vma = space.find(at);
            if (vma == nullptr) return;
            range = vma->range;
            fn(*vma);
        }
        done(range);
        at = range.end;
    }
}

// What was used or written is to be seen afresh. A page's own mark keeps what the entry forgets.
enum class Forget : u8 { used, written };
void forget(mm::AddressSpace& space, const mm::Vma& vma, Forget what) {
    each_entry(space, vma.range.start, vma.range.end, [&](u64, arch::Pte entry, mm::Page* page) {
        if (!entry.present() || page == nullptr) return entry;
        if (what == Forget::used) return entry.with_old();
        if (entry.dirty() && page->kind != mm::Page::Kind::file) page->set(mm::Page::kDirty);
        return entry.with_clean();
    });
}

}  // namespace

Result<void> show_io_error(Text&, const Subject&) {
    return Err(Error::io);
}
Result<void> show_unreadable(Text&, const Subject&) {
    return Err(Error::inval);
}

// 1 to 3: of all mappings, of anonymous ones, of those of files, which pages were used; 4: which
// were written (pagemap's bit 55); 5: the highest resident set. Spec: man 5 proc; Linux
// fs/proc/task_mmu.c, clear_refs_write().
Result<void> store_clear_refs(const Subject& about, std::string_view text) {
    TRY_ASSIGN(const i64 what, parse_number(text));
    if (what < 1 || what > 5) return Err(Error::inval);
    const Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return {};
    if (what == 5) {
        space->reset_peak_resident();
        return {};
    }
    const auto nothing = [](UserRange) {};
    if (what == 4) {
        // First the mark, or a mapping's pages would be clean and not looked at.
        each_mapping(
            *space, [](const mm::Vma&) {},
            [&](UserRange range) {
                (void)space->set_flags(range.start, range.end, mm::VmaFlags::tracked,
                                       mm::VmaFlags::none);
            });
        each_mapping(
            *space,
            [&](const mm::Vma& vma) {
                if (mm::has(vma.flags, mm::VmaFlags::tracked)) forget(*space, vma, Forget::written);
            },
            nothing);
        return {};
    }
    each_mapping(
        *space,
        [&](const mm::Vma& vma) {
            const bool of_file = vma.file || vma.backing;
            if (what == 1 || of_file == (what == 3)) forget(*space, vma, Forget::used);
        },
        nothing);
    return {};
}

}  // namespace tenon::procfs
