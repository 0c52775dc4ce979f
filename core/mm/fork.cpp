// fork: the VMAs are copied, and of the tables what cannot (or had better not) fault in again.
#include <tenon/vfs/file.h>

#include "core/mm/counters.h"
#include "core/mm/page_walk.h"
#include "core/mm/space_editor.h"

namespace tenon::mm {

Result<Ref<AddressSpace>> AddressSpace::fork() {
    TRY_ASSIGN(Ref<AddressSpace> child, create());
    bool cow = false;
    Result<void> result;
    {
        // For writing: faults of other threads must not change entries between copy and flush.
        sync::WriteGuard guard(lock);
        child->layout = layout;
        child->limit_total = limit_total;
        child->limit_data = limit_data;
        child->limit_locked = limit_locked;
        child->search_from_ = search_from_;
        child->hole_bytes_ = hole_bytes_;
        for (Vma& vma : vmas_) {
            if (has(vma.flags, VmaFlags::dont_fork)) {
                // The copy has a hole here.
                child->search_from_ = 0;
                continue;
            }
            std::unique_ptr<Vma> copy = SpaceEditor::copy_of(vma, vma.range.start, vma.range.end);
            if (!copy) {
                result = Err(Error::nomem);
                break;
            }
            Vma& made = *copy.release();
            made.flags = made.flags & ~VmaFlags::locked;
            made.space = child.get();
            child->vmas_.insert(child->vmas_.end(), made);
            ++child->vma_count_;
            child->total_pages_ += made.pages();
            if (has(made.flags, VmaFlags::stack))
                child->stack_pages_ += made.pages();
            else if (has(made.prot, Prot::write) && !made.is_shared())
                child->data_pages_ += made.pages();
            else if (has(made.prot, Prot::exec))
                child->exec_pages_ += made.pages();
            if (is_accounted(made)) child->accounted_pages_ += made.pages();
            const bool wipe = has(vma.flags, VmaFlags::wipe_on_fork);
            if (made.mapping != nullptr) {
                // The mapping's lock keeps truncation off until it can find the copy.
                sync::SpinGuard mapping_guard(made.mapping->vma_lock());
                sync::SpinGuard table_guard(table_lock_);
                if (!wipe) result = PageWalk::copy_locked(*this, *child, vma, cow);
                made.mapping->add_vma_locked(made);
            } else if (!wipe) {
                sync::SpinGuard table_guard(table_lock_);
                result = PageWalk::copy_locked(*this, *child, vma, cow);
            }
            if (!result) break;
        }
        child->peak_total_ = child->total_pages_;
        committed_pages.fetch_add(static_cast<i64>(child->accounted_pages_),
                                  std::memory_order_relaxed);
        if (cow) arch::flush_tlb_user(table_.root(), active_cpus(), 0, arch::kUserLimit);
    }
    TRY(result);
    return child;
}

}  // namespace tenon::mm
