#include "personality/linux/exec/vdso.h"

#include <tenon/arch/time.h>
#include <tenon/lib/random.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/file.h>

#include <cstring>

#include "personality/linux/exec/vdso_data.h"

namespace tenon::personality::vdso {

extern const unsigned char kImage[];
extern const unsigned long kImage_bytes;

namespace {

constexpr u32 kMaxPages = 4;
constinit mm::Page* g_data_page = nullptr;
constinit mm::Page* g_code_pages[kMaxPages] = {};
constinit u32 g_code_count = 0;

// Both mappings hand out the module's own pages.
class Backing final : public mm::VmaBacking {
  public:
    Backing(mm::Page** pages, u32 count, std::string_view name)
        : pages_(pages), count_(count), name_(name) {}
    Result<Frame> fault(u64 index, bool) override {
        if (index >= count_) return Err(Error::io);
        mm::page_ref(pages_[index]);
        return Frame{.page = pages_[index], .pfn = mm::pfn_of(pages_[index])};
    }
    std::string_view name() const override { return name_; }

  private:
    mm::Page** pages_;
    u32 count_;
    std::string_view name_;
};

constinit mm::VmaBacking* g_data = nullptr;
constinit mm::VmaBacking* g_code = nullptr;

// Called when the real-time clock was set, under the queue's lock: writers are one at a time.
bool clock_was_set(sync::WaitEntry&, u32) {
    update();
    return false;
}
constinit sync::WaitEntry g_clock_watch{};

Data& data() {
    return *static_cast<Data*>(mm::page_address(g_data_page));
}

Result<void> place(mm::AddressSpace& space, u64 at, u64 pages, mm::Prot prot,
                   mm::VmaBacking* backing) {
    mm::MapRequest request;
    request.address = at;
    request.length = pages * kPageSize;
    request.prot = prot;
    request.max_prot = prot;
    request.flags = mm::VmaFlags::special | mm::VmaFlags::dont_dump;
    request.place = mm::MapRequest::Place::fixed;
    request.backing = Ref(backing);
    TRY(space.map(request));
    return {};
}

}  // namespace

Result<void> init() {
    TRY_ASSIGN(g_data_page, mm::alloc_page(mm::Alloc::zero));
    g_code_count = static_cast<u32>((kImage_bytes + kPageSize - 1) / kPageSize);
    if (g_code_count > kMaxPages) return Err(Error::toobig);
    for (u32 i = 0; i < g_code_count; ++i) {
        TRY_ASSIGN(g_code_pages[i], mm::alloc_page(mm::Alloc::zero));
        const usize at = i * kPageSize;
        std::memcpy(mm::page_address(g_code_pages[i]), kImage + at,
                    std::min<usize>(kPageSize, kImage_bytes - at));
    }
    g_data = new (std::nothrow) Backing(&g_data_page, 1, "[vvar]");
    g_code = new (std::nothrow) Backing(g_code_pages, g_code_count, "[vdso]");
    if (g_data == nullptr || g_code == nullptr) return Err(Error::nomem);
    update();
    g_clock_watch.callback = clock_was_set;
    time::realtime_step_queue().add(g_clock_watch);
    return {};
}

void exit() {
    time::realtime_step_queue().remove(g_clock_watch);
    if (g_data != nullptr) g_data->unref();
    if (g_code != nullptr) g_code->unref();
    g_data = g_code = nullptr;
    for (u32 i = 0; i < g_code_count; ++i)
        if (g_code_pages[i] != nullptr) mm::page_unref(g_code_pages[i]);
    if (g_data_page != nullptr) mm::page_unref(g_data_page);
}

Result<void> map(mm::AddressSpace& space) {
    // Found first by a plain request of the whole size, then filled in.
    mm::MapRequest probe;
    probe.length = (1 + g_code_count) * kPageSize;
    probe.prot = mm::Prot::none;
    TRY_ASSIGN(const u64 at, space.map(probe));
    TRY(place(space, at, 1, mm::Prot::read, g_data));
    TRY(place(space, at + kPageSize, g_code_count, mm::Prot::read | mm::Prot::exec, g_code));
    space.layout.vdso = at + kPageSize;
    return {};
}

void update() {
    if (g_data_page == nullptr) return;
    const arch::UserClock clock = arch::user_clock();
    Data& d = data();
    const unsigned sequence = d.sequence;
    __atomic_store_n(&d.sequence, sequence + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    d.usable = clock.usable;
    d.base_cycles = clock.base_cycles;
    d.base_ns = clock.base_ns;
    d.mult = clock.mult;
    d.shift = clock.shift;
    d.realtime_offset_ns = time::realtime_offset_ns();
    __atomic_store_n(&d.sequence, sequence + 2, __ATOMIC_RELEASE);
}

}  // namespace tenon::personality::vdso
