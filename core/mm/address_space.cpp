// Life of an address space, the set of CPUs that use it, and the questions that /proc asks.
#include <tenon/arch/smp.h>
#include <tenon/vfs/file.h>

#include <algorithm>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"
#include "core/mm/space_editor.h"

namespace tenon::mm {

namespace {
// The space whose tables this CPU has loaded, perhaps lazily. No reference: the destructor throws
// the space out of every CPU that still has it here.
TENON_PERCPU(AddressSpace*, active_space);
}  // namespace

Result<Ref<AddressSpace>> AddressSpace::create() {
    auto space = adopt_ref(new (std::nothrow) AddressSpace);
    if (!space) return Err(Error::nomem);
    TRY_ASSIGN(space->table_, arch::PageTable::create());
    space->layout.mmap_base = arch::kUserLimit - (u64{1} << 30);
    return space;
}

AddressSpace::~AddressSpace() {
    delete extension.load(std::memory_order_acquire);
    // Kernel threads on other CPUs may have kept the tables loaded.
    {
        PreemptGuard guard;
        if (active_space.local() == this) activate_kernel();
    }
    if (const CpuMask cpus = active_cpus(); !cpus.empty()) {
        arch::call_on(
            cpus,
            [](void* space) {
                if (active_space.local() == space) activate_kernel();
            },
            this);
    }
    for (Vma& vma : vmas_)
        if (vma.mapping) vma.mapping->remove_vma(vma);
    PageWalk::clear(*this);
    committed_pages.fetch_sub(static_cast<i64>(accounted_pages_), std::memory_order_relaxed);
    vmas_.clear_and_dispose([](Vma* vma) { delete vma; });
}

void AddressSpace::activate() {
    AddressSpace*& active = active_space.local();
    if (active == this) return;
    AddressSpace* const before = active;
    const u64 bit = u64{1} << arch::cpu_id();
    // In the set before the tables are loaded, and out of the other's set after: a shootdown that
    // is sent in between comes once too often, never once too few.
    active_.fetch_or(bit, std::memory_order_acq_rel);
    active = this;
    table_.activate();
    if (before != nullptr) before->active_.fetch_and(~bit, std::memory_order_acq_rel);
}

void AddressSpace::activate_kernel() {
    AddressSpace*& active = active_space.local();
    AddressSpace* const before = active;
    if (before == nullptr) return;
    arch::PageTable::activate_kernel();
    active = nullptr;
    before->active_.fetch_and(~(u64{1} << arch::cpu_id()), std::memory_order_acq_rel);
}

// --- The tree -----------------------------------------------------------------------------------

Vma* AddressSpace::find(u64 address) {
    auto it = vmas_.upper_bound(address);
    if (it != vmas_.begin()) {
        auto before = std::prev(it);
        if (before->range.end > address) return &*before;
    }
    return it == vmas_.end() ? nullptr : &*it;
}

Vma* AddressSpace::next(Vma& vma) {
    auto it = std::next(vmas_.iterator_to(vma));
    return it == vmas_.end() ? nullptr : &*it;
}

Vma* AddressSpace::previous(Vma& vma) {
    auto it = vmas_.iterator_to(vma);
    return it == vmas_.begin() ? nullptr : &*std::prev(it);
}

Vma* AddressSpace::first() {
    return vmas_.empty() ? nullptr : &*vmas_.begin();
}

u64 AddressSpace::resident_pages() const {
    const i64 sum = resident_anon_.load(std::memory_order_relaxed) +
                    resident_file_.load(std::memory_order_relaxed) +
                    resident_shmem_.load(std::memory_order_relaxed);
    return static_cast<u64>(std::max<i64>(sum, 0));
}

AddressSpace::Footprint AddressSpace::footprint() const {
    const auto positive = [](const std::atomic<i64>& n) {
        return static_cast<u64>(std::max<i64>(0, n.load(std::memory_order_relaxed)));
    };
    Footprint f{};
    f.total_pages = total_pages_;
    f.resident_anon = positive(resident_anon_);
    f.resident_file = positive(resident_file_);
    f.resident_shmem = positive(resident_shmem_);
    f.stack_pages = stack_pages_;
    f.data_pages = data_pages_;
    f.exec_pages = exec_pages_;
    f.locked_pages = locked_pages_;
    // An estimate from below: the root and its branches, and one leaf table per 2 MiB in use.
    f.page_table_pages = 4 + (resident_pages() + 511) / 512 + vma_count_ / 8;
    f.peak_total = peak_total_;
    f.peak_resident = std::max(peak_resident_.load(std::memory_order_relaxed), resident_pages());
    return f;
}

void AddressSpace::reset_peak_resident() {
    peak_resident_.store(0, std::memory_order_relaxed);
}

void AddressSpace::visit_entries(u64 start, u64 end, EntryVisit visit, void* context) {
    while (start < end) {
        sync::SpinGuard guard(table_lock_);
        TlbBatch batch(*this);
        start = table_.for_each_of_one(start, end, [&](u64 va, arch::Pte& slot) {
            const arch::Pte old = slot.load();
            if (old.is_none()) return;
            mm::Page* const page = holds_page(old) ? &page_in(old) : nullptr;
            const arch::Pte fresh = visit(va, old, page, context);
            if (fresh == old) return;
            slot.add_marks(slot.exchange(fresh), old);  // a CPU may have set some since
            batch.add(va, nullptr);
        });
        batch.finish();
    }
}

// fork: the VMAs are copied, and of the tables what cannot (or had better not) fault in again.

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
            if (is_accounted(*copy) && !(result = may_commit(copy->pages()))) break;
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
            if (is_accounted(made)) {
                child->accounted_pages_ += made.pages();
                committed_pages.fetch_add(static_cast<i64>(made.pages()),
                                          std::memory_order_relaxed);
            }
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
        if (cow) arch::flush_tlb_user(table_.root(), active_cpus(), 0, arch::kUserLimit);
    }
    TRY(result);
    return child;
}

}  // namespace tenon::mm
