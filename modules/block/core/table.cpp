// The disks by index, and what drivers call.
#include <tenon/trace/log.h>

#include "disk.h"

namespace tenon::block {

namespace {

struct Table {
    sync::Mutex lock{sync::LockRank::sleeping_leaf};
    // Each holds a reference. Read under RCU by completions.
    std::atomic<Disk*> disks[kMaxDisks] = {};
    module::Context* core = nullptr;
};
constinit Table g_table;

Ref<Disk> find_by_name(std::string_view name) {
    for (auto& place : g_table.disks) {
        Disk* disk = place.load(std::memory_order_acquire);
        if (disk != nullptr && disk->name() == name) return Ref<Disk>(disk);
    }
    return {};
}

bool valid(const DiskOptions& o) {
    const auto block_ok = [](u32 n) {
        return n >= kSectorBytes && n <= kPageSize && (n & (n - 1)) == 0;
    };
    return !o.name.empty() && o.name.size() < 32 && o.name.find('/') == o.name.npos &&
           o.sectors != 0 && o.sectors < (u64{1} << 50) && block_ok(o.logical_block_bytes) &&
           block_ok(o.physical_block_bytes) && o.queues >= 1 && o.queues <= kMaxQueues &&
           o.queue_depth >= 1 && o.queue_depth <= 256 &&
           o.sectors % (o.logical_block_bytes / kSectorBytes) == 0;
}

// A fresh disk in a free place.
Result<Ref<Disk>> add_disk(const DiskOptions& options, std::string_view module_name) {
    sync::MutexGuard guard(g_table.lock);
    if (find_by_name(options.name)) return Err(Error::exist);
    for (u32 i = 0; i < kMaxDisks; ++i) {
        if (g_table.disks[i].load(std::memory_order_relaxed) != nullptr) continue;
        TRY_ASSIGN(Ref<Disk> disk, Disk::create(*g_table.core, options, i, module_name));
        disk->ref();
        g_table.disks[i].store(disk.get(), std::memory_order_release);
        return disk;
    }
    return Err(Error::nospc);
}

void let_go(void* context) {
    const Ref<Disk> disk(static_cast<Disk*>(context), kAdoptRef);
    disk->detach();
}

}  // namespace

Ref<Disk> find_disk(u32 index) {
    sync::MutexGuard guard(g_table.lock);
    return index < kMaxDisks ? Ref<Disk>(g_table.disks[index].load(std::memory_order_acquire))
                             : Ref<Disk>();
}

void forget_disk(Disk& disk) {
    {
        sync::MutexGuard guard(g_table.lock);
        auto& place = g_table.disks[disk.index()];
        if (place.load(std::memory_order_relaxed) != &disk) return;
        place.store(nullptr, std::memory_order_release);
    }
    disk.unref();
}

Result<module::Held> register_disk(module::Context& context, const DiskOptions& options,
                                   std::unique_ptr<DiskOps> ops) {
    if (!ops) return Err(Error::nomem);
    if (!valid(options)) return Err(Error::inval);
    // What is made here is the block layer's, not the driver's.
    module::GateAttribution attribution(&g_table.core->gate());
    Ref<Disk> disk;
    {
        sync::MutexGuard guard(g_table.lock);
        disk = find_by_name(options.name);
    }
    if (disk && disk->module_name() == context.name()) {
        if (disk->same_medium(options) && disk->claim()) {
            disk->ref();
            auto held = context.hold("disk", &let_go, disk.get());
            if (!held) {
                disk->unclaim();
                disk->unref();
                return Err(held.error());
            }
            disk->attach(std::move(ops), context.gate());
            return held;
        }
        if (!disk->same_medium(options) && disk->give_up())
            log::err("{}: {} comes back with another size or shape: the disk is gone", options.name,
                     context.name());
    }
    TRY_ASSIGN(disk, add_disk(options, context.name()));
    disk->ref();
    auto held = context.hold("disk", &let_go, disk.get());
    if (!held) {
        disk->unref();
        forget_disk(*disk);
        return Err(held.error());
    }
    disk->attach(std::move(ops), context.gate());
    // From here on the handle takes it away again.
    TRY(disk->publish(*g_table.core));
    log::info("{}: {} MiB, {} queues of {} requests, by {}", disk->name(), disk->size_bytes() >> 20,
              options.queues, options.queue_depth, context.name());
    return held;
}

bool complete(RequestHandle handle, Error status) {
    sync::RcuGuard guard;
    Disk* disk = g_table.disks[handle.value % kMaxDisks].load(std::memory_order_acquire);
    return disk != nullptr &&
           disk->complete((handle.value >> 8) & 0xffff, handle.value >> 24, status);
}

void start(module::Context& core) {
    g_table.core = &core;
}

// No driver is left; held disks may be.
void stop() {
    for (u32 i = 0; i < kMaxDisks; ++i)
        if (Ref<Disk> disk = find_disk(i)) disk->kill();
    sync::rcu_barrier();
}

}  // namespace tenon::block
