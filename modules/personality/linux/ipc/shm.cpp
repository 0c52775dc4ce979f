// shmget, shmat, shmdt. Spec: man 2 shmop; Linux ipc/shm.c for the order of the checks.
#include "personality/linux/ipc/shm.h"

#include <tenon/lib/format.h>
#include <tenon/mm/slab.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/pipe.h>

#include <algorithm>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality::ipc {

namespace {

// One shmat: what its VMAs hold. It counts them into the segment, as Linux does (a hole in the
// middle makes two of one), and lives as long as one of them.
class Attachment final : public mm::VmaBacking {
  public:
    const Ref<Segment>& segment() const { return segment_; }
    Attachment(Ref<Segment> segment, Ref<vfs::File> memory)
        : segment_(std::move(segment)), memory_(std::move(memory)) {
        fmt::BufferSink sink(name_);
        fmt::print(sink, "/SYSV{:08x} (deleted)", static_cast<u32>(segment_->key));
        id_ = static_cast<u64>(segment_->id);
    }
    Result<Frame> fault(u64, bool) override { return Err(Error::io); }
    std::string_view name() const override { return name_; }
    mm::Mapping* mapping() override { return memory_->inode().mapping(); }
    std::atomic<u64>* size_bytes() override { return &memory_->inode().size_bytes; }
    u64 inode_number() const override { return id_; }

    const void* counter() const override { return &kOurs; }
    void vma_made() override {
        sync::SpinGuard guard(segment_->lock);
        segment_->attach_time = now_seconds();
        segment_->last_pid = own_pid();
        ++segment_->attached;
    }
    void vma_gone() override {
        {
            sync::SpinGuard guard(segment_->lock);
            segment_->detach_time = now_seconds();
            segment_->last_pid = own_pid();
        }
        let_go(segment_);
    }

    static constexpr char kOurs = 0;  // by its address counter() tells ours from others'

  private:
    Ref<Segment> segment_;
    Ref<vfs::File> memory_;
    char name_[32] = {};
    u64 id_;
};

}  // namespace

bool is_attachment(const mm::VmaBacking& backing) {
    return backing.counter() == &Attachment::kOurs;
}

Result<void> reattach(mm::MapRequest& request) {
    mm::AddressSpace& space = own_space();
    const Ref<Segment> segment = static_cast<Attachment&>(*request.backing).segment();
    TRY(space.unmap(request.address, request.length));
    {
        sync::SpinGuard guard(segment->lock);
        if (segment->removed) return Err(Error::inval);
        ++segment->attached;
    }
    auto at = space.map(request);
    let_go(segment);
    TRY(at);
    return {};
}

namespace {

// vm.mmap_min_addr, as whole pages.
u64 lowest_fixed() {
    return align_up(static_cast<u64>(setting(linux_settings::Setting::mmap_min_addr)), kPageSize);
}

bool is_attachment(const mm::Vma& vma) {
    return vma.backing && vma.backing->counter() == &Attachment::kOurs;
}

// As Linux answers without reserved huge pages: sizes that the machine has not are errors.
Result<void> check_huge(u64 size, u32 flags) {
    const u32 log = (flags >> SHM_HUGE_SHIFT) & SHM_HUGE_MASK;
    if (log != 0 && log != 21 && log != 30) return Err(Error::inval);
    const auto& limits = process::current_process().limits;
    if (!process::capable(process::Capability::ipc_lock) &&
        size > limits.value[process::Limits::memlock].soft)
        return Err(Error::perm);
    return Err(Error::nomem);
}

}  // namespace

Segment::Segment(i32 its_key, u32 flags, u64 size, Ref<vfs::File> its_memory)
    : Object(its_key, flags),
      size_bytes(size),
      memory(std::move(its_memory)),
      change_time(now_seconds()),
      creator_pid(own_pid()),
      creator_tid(current()->tid) {
    weight = align_up(size, kPageSize) >> kPageShift;
}

Result<Ref<Object>> Segment::make(i32 key, u64 size, u32 flags) {
    const Namespace& ns = current_namespace();
    if (size == 0 || size > ns.shm_max.load(std::memory_order_relaxed)) return Err(Error::inval);
    const u64 pages = align_up(size, kPageSize) >> kPageShift;
    if ((pages << kPageShift) < size) return Err(Error::nospc);
    if (pages > ns.shm_all.load(std::memory_order_relaxed)) return Err(Error::nospc);
    if (flags & SHM_HUGETLB) TRY(check_huge(size, flags));
    if (size > static_cast<u64>(INT64_MAX)) return Err(Error::inval);
    // What obviously cannot be is refused, unless the caller does not want to know.
    if (!(flags & SHM_NORESERVE) && pages > mm::memory_stats().total_pages)
        return Err(Error::nomem);
    TRY_ASSIGN(Ref<vfs::File> memory,
               vfs::make_memory_file("SYSV", size, vfs::kOpenRead | vfs::kOpenWrite));
    auto* segment = new (std::nothrow) Segment(key, flags, size, std::move(memory));
    if (segment == nullptr) return Err(Error::nomem);
    linux_task().made_segments = true;
    return adopt_ref<Object>(segment);
}

bool Segment::is_done() const {
    return attached == 0 && ((mode & kShmDest) || current_namespace().shm_rmid_forced.load() != 0);
}

namespace {

// The segment is gone for its users; the table's lock for writing is held.
Ref<Object> take_out(Namespace& ns, Segment& segment, Ref<vfs::File>& memory) {
    sync::SpinGuard guard(segment.lock);
    memory = std::move(segment.memory);
    return ns.shm.remove(segment);
}

}  // namespace

void let_go(Ref<Segment> segment) {
    {
        sync::SpinGuard guard(segment->lock);
        --segment->attached;
        if (segment->removed || !segment->is_done()) return;
    }
    Namespace& ns = current_namespace();
    Ref<Object> dead;
    Ref<vfs::File> memory;
    sync::WriteGuard guard(ns.shm.lock);
    // Under the table's lock nobody else destroys it; who attaches by its number may have come.
    {
        sync::SpinGuard own(segment->lock);
        if (segment->removed || !segment->is_done()) return;
    }
    dead = take_out(ns, *segment, memory);
}

void destroy_orphans(Namespace& ns) {
    for (;;) {
        Ref<Object> dead;
        Ref<vfs::File> memory;
        sync::WriteGuard guard(ns.shm.lock);
        Segment* found = nullptr;
        ns.shm.for_each([&](Object& o) {
            auto& s = static_cast<Segment&>(o);
            sync::SpinGuard own(s.lock);
            if (s.creator_tid == 0 && s.is_done()) found = &s;
        });
        if (found == nullptr) return;
        dead = take_out(ns, *found, memory);
    }
}

void creator_exits(i32 tid) {
    Namespace& ns = current_namespace();
    {
        sync::ReadGuard guard(ns.shm.lock);
        ns.shm.for_each([&](Object& o) {
            auto& s = static_cast<Segment&>(o);
            sync::SpinGuard own(s.lock);
            if (s.creator_tid == tid) s.creator_tid = 0;
        });
    }
    if (ns.shm_rmid_forced.load() != 0) destroy_orphans(ns);
}

}  // namespace tenon::personality::ipc

namespace tenon::personality {

using namespace ipc;

Result<i64> sys_shmget(i32 key, u64 size, i32 flags) {
    Namespace& ns = current_namespace();
    return get(
        ns.shm, key, flags, static_cast<u32>(ns.shm_mni.load()),
        [&](Object& o) -> Result<void> {
            if (static_cast<Segment&>(o).size_bytes < size) return Err(Error::inval);
            return {};
        },
        [&] { return Segment::make(key, size, static_cast<u32>(flags)); },
        [&](Object& o) -> Result<void> {
            const u64 total = ns.shm.weight() + o.weight;
            if (total < o.weight || total > ns.shm_all.load()) return Err(Error::nospc);
            return {};
        });
}

namespace {

Result<i64> attach(Segment& segment, Ref<vfs::File> memory, mm::MapRequest& request) {
    auto* attachment = new (std::nothrow) Attachment(Ref(&segment), std::move(memory));
    if (attachment == nullptr) return Err(Error::nomem);
    request.backing = adopt_ref<mm::VmaBacking>(attachment);
    mm::AddressSpace& space = own_space();
    refresh_limits(space);
    auto at = space.map(request);
    if (!at && at.error() == Error::exist) return Err(Error::inval);  // something is there
    TRY(at);
    return static_cast<i64>(*at);
}

}  // namespace

Result<i64> sys_shmat(i32 id, u64 address, i32 flags) {
    using mm::MapRequest;
    if (id < 0) return Err(Error::inval);
    MapRequest request;
    request.flags = mm::VmaFlags::shared;
    request.prot = mm::Prot::read;
    if (address != 0) {
        if (!page_aligned(address)) {
            if (!(flags & SHM_RND)) return Err(Error::inval);
            address = align_down(address, kPageSize);
            if (address == 0 && (flags & SHM_REMAP)) return Err(Error::inval);
        }
        request.place =
            flags & SHM_REMAP ? MapRequest::Place::fixed : MapRequest::Place::fixed_noreplace;
        request.address = address;
    } else if (flags & SHM_REMAP) {
        return Err(Error::inval);
    }
    u32 wanted = 0444;
    if (flags & SHM_RDONLY) {
        request.max_prot = mm::Prot::read | mm::Prot::exec;
    } else {
        request.prot = request.prot | mm::Prot::write;
        wanted |= 0222;
    }
    if (flags & SHM_EXEC) {
        request.prot = request.prot | mm::Prot::exec;
        wanted |= 0111;
    }
    Ref<vfs::File> memory;
    Ref<Segment> segment;
    {
        TRY_ASSIGN(auto locked, lock_object<Segment>(current_namespace().shm, id));
        TRY(locked->may(wanted));
        memory = locked->memory;
        segment = Ref(&*locked);
        ++segment->attached;
    }
    request.length = align_up(segment->size_bytes, kPageSize);
    Result<i64> at = Err(Error::inval);
    const bool low = address != 0 && address < lowest_fixed();
    if (low && !process::capable(process::Capability::sys_rawio))
        at = Err(Error::perm);
    else if ((flags & SHM_REMAP) || address + request.length >= address)
        at = attach(*segment, std::move(memory), request);
    let_go(std::move(segment));
    return at;
}

// Unmaps what is left of the attachment whose first byte is (or was) at `address`.
Result<i64> sys_shmdt(u64 address) {
    if (!page_aligned(address)) return Err(Error::inval);
    mm::AddressSpace& space = own_space();
    Ref<mm::VmaBacking> attachment;
    u64 end = ~u64{0}, from = address;
    for (;;) {
        UserRange range{};
        {
            sync::ReadGuard guard(space.lock);
            for (mm::Vma* vma = space.find(from); vma != nullptr && vma->range.end <= end;
                 vma = space.next(*vma)) {
                if (!is_attachment(*vma) || vma->range.start - address != vma->file_offset ||
                    (attachment && !(vma->backing == attachment)))
                    continue;
                range = vma->range;
                if (!attachment) {
                    attachment = vma->backing;
                    end = address + align_up(vma->file_size->load(), kPageSize);
                }
                break;
            }
        }
        if (range.size() == 0) break;
        (void)space.unmap(range.start, range.size());
        from = range.end;
    }
    if (!attachment) return Err(Error::inval);
    return 0;
}

}  // namespace tenon::personality
