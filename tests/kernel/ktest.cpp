// Part of every ktest module.
#include "ktest.h"

#include <tenon/arch/context.h>
#include <tenon/irq/irq.h>
#include <tenon/mm/slab.h>
#include <tenon/module/loader.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/clock.h>

#include <algorithm>

namespace tenon::ktest {

namespace {

constexpr u32 kMaxThreads = 32;
constexpr u32 kTries = 4;

// What a test must leave as it found it.
struct Counts {
    static constexpr u32 kKinds = 6;
    i64 value[kKinds];
    static constexpr const char* kNames[kKinds] = {"pages",   "objects", "interrupts",
                                                   "threads", "grants",  "pins"};
};

u64 live_objects() {
    u64 sum = 0;
    mm::for_each_cache([](const mm::SlabCache::Info& info,
                          void* total) { *static_cast<u64*>(total) += info.active_objects; },
                       &sum);
    return sum;
}

Counts count(module::Context& context) {
    // What is given back later: by RCU, by work, by threads that end.
    sync::rcu_barrier();
    sched::WorkQueue::system().drain();
    sched::sleep_ns(2'000'000);
    sync::rcu_barrier();
    const mm::MemoryStats m = mm::memory_stats();
    Counts c{};
    // Slabs and cached stacks are counted by what is in them.
    c.value[0] =
        static_cast<i64>(m.total_pages - m.free_pages - m.slab_pages - m.kernel_stack_pages);
    // Each kernel stack, cached ones too, has an object that says where it lies.
    c.value[1] = static_cast<i64>(live_objects() -
                                  m.kernel_stack_pages * kPageSize / arch::kKernelStackSize);
    c.value[2] = interrupt_lines();
    c.value[3] = sched::load_averages().total;
    module::with_module(
        context.name(),
        [](module::Module&, const module::ModuleInfo& info, void* grants) {
            *static_cast<i64*>(grants) = info.grants;
        },
        &c.value[4]);
    c.value[5] = context.gate().pins();
    return c;
}

// Objects in use, cache by cache, to say which one grew.
struct Caches {
    u64 active[96] = {};
    u32 count = 0;
    static void visit(const mm::SlabCache::Info& info, void* self_pointer) {
        auto& self = *static_cast<Caches*>(self_pointer);
        if (self.count < std::size(self.active)) self.active[self.count++] = info.active_objects;
    }
    struct Report {
        const Caches* before;
        std::string_view module;
        u32 index = 0;
    };
    static void report(const mm::SlabCache::Info& info, void* report_pointer) {
        auto& r = *static_cast<Report*>(report_pointer);
        const u32 i = r.index++;
        if (i < r.before->count && info.active_objects > r.before->active[i])
            log::info("{}: # {} grew by {}", r.module, info.name,
                      info.active_objects - r.before->active[i]);
    }
};

// The least that a run left, kind by kind: what all runs leave is a leak.
void run_one(module::Context& context, u32 number, const Test& test) {
    i64 least[Counts::kKinds];
    std::fill_n(least, Counts::kKinds, std::numeric_limits<i64>::max());
    const u64 began = time::monotonic_ns();
    u32 failures = 0;
    bool leaks = true, skipped = false;
    Counts before = count(context);
    static Caches caches;
    for (u32 i = 0; i < kTries && leaks && failures == 0; ++i) {
        Run run(context);
        caches.count = 0;
        mm::for_each_cache(&Caches::visit, &caches);
        test.body(run);
        failures = run.failures();
        skipped = run.skipped();
        const Counts after = count(context);
        leaks = false;
        for (u32 k = 0; k < Counts::kKinds; ++k) {
            least[k] = std::min(least[k], after.value[k] - before.value[k]);
            leaks |= least[k] > 0;
        }
        before = after;
    }
    for (u32 k = 0; k < Counts::kKinds && leaks && failures == 0; ++k)
        if (least[k] > 0)
            log::info("{}: # each run of {} keeps {} {}", context.name(), test.name, least[k],
                      Counts::kNames[k]);
    if (leaks && failures == 0 && least[1] > 0) {
        Caches::Report report{.before = &caches, .module = context.name()};
        mm::for_each_cache(&Caches::report, &report);
    }
    log::info("{}: {}ok {} - {} # {}{} ms", context.name(), failures == 0 && !leaks ? "" : "not ",
              number, test.name, skipped ? "SKIP " : "",
              (time::monotonic_ns() - began) / 1'000'000);
}

struct Threads {
    void (*call)(void*, u32);
    void* body;
    std::atomic<u32> ready{0};
    u32 wanted;
};
struct ThreadArgument {
    Threads* all;
    u32 index;
    sync::Completion done;
};

void thread_main(void* argument) {
    auto& self = *static_cast<ThreadArgument*>(argument);
    Threads& all = *self.all;
    all.ready.fetch_add(1);
    while (all.ready.load() < all.wanted) sched::yield();
    all.call(all.body, self.index);
    self.done.complete();
}

}  // namespace

u32 interrupt_lines() {
    u32 lines = 0;
    irq::for_each([](const irq::LineInfo&, void* n) { ++*static_cast<u32*>(n); }, &lines);
    return lines;
}

void Run::fail(const char* file, u32 line, const char* expression) {
    // The first few say it; a loop would fill the log.
    if (failures_.fetch_add(1) < 5)
        log::info("{}: # {}:{}: expected {}", context_.name(), file, line, expression);
}

void Run::run_threads(u32 threads, void (*call)(void*, u32), void* body) {
    TENON_ASSERT(threads <= kMaxThreads);
    Threads all{.call = call, .body = body, .wanted = threads};
    std::unique_ptr<ThreadArgument[]> arguments(new (std::nothrow) ThreadArgument[threads]);
    sched::KThread* handles[kMaxThreads] = {};
    if (!arguments) return fail(__FILE_NAME__, __LINE__, "memory for the threads");
    for (u32 i = 0; i < threads; ++i) {
        arguments[i].all = &all;
        arguments[i].index = i;
        auto made = sched::KThread::start("ktest", &thread_main, &arguments[i]);
        if (made) {
            handles[i] = *made;
            continue;
        }
        fail(__FILE_NAME__, __LINE__, "a kernel thread");
        all.ready.fetch_add(1);
        arguments[i].done.complete();
    }
    for (u32 i = 0; i < threads; ++i) (void)arguments[i].done.wait();
    for (sched::KThread* handle : handles)
        if (handle != nullptr) sched::KThread::stop(handle);
}

// Each CPU has a magazine for each size, made at its first use: made now, they count for no test.
static void fill_magazines() {
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) {
        if (!sched::set_affinity(*arch::current(), CpuMask::of(cpu))) continue;
        for (usize size = 8; size <= 8192; size += size < 256 ? 8 : size / 4)
            mm::kfree(mm::kmalloc(size));
    }
    (void)sched::set_affinity(*arch::current(), CpuMask::all());
}

Result<void> run_all(module::Context& context, std::span<const Test* const> tests) {
    log::info("{}: TAP version 13", context.name());
    log::info("{}: 1..{}", context.name(), tests.size());
    fill_magazines();
    u32 number = 0;
    for (const Test* test : tests) run_one(context, ++number, *test);
    return {};
}

}  // namespace tenon::ktest
