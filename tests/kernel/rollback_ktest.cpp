// A load that fails at any step leaves everything as it was. A chain of modules is loaded by name
// again and again, and in round k the kth thing that can fail does: an allocation of the resolver,
// of the linker or of a module's create(), or a step of create() itself.
#include <tenon/device/device.h>
#include <tenon/mm/fail.h>
#include <tenon/mm/slab.h>
#include <tenon/module/loader.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/timer.h>
#include <tenon/vfs/char_device.h>

#include "chain.h"
#include "ktest.h"

using namespace tenon;

namespace {

u64 mix(u64 hash, u64 value) {
    return (hash ^ value) * 0x100000001b3 + (hash >> 29);
}
u64 mix(u64 hash, std::string_view text) {
    for (char c : text) hash = mix(hash, static_cast<u64>(c));
    return hash;
}

// The sums are over what is in a table, in whatever order.
struct State {
    enum : u32 {
        exports,
        modules,
        holds,
        pages,
        mappings,
        interrupts,
        timers,
        nodes,
        numbers,
        objects,
        first_cache,
        kinds = first_cache + 96
    };
    u64 value[kinds] = {};
    const char* name[kinds] = {"exports",    "modules", "holds", "pages",   "vmalloc",
                               "interrupts", "timers",  "nodes", "numbers", "caches"};
};

void settle() {
    sync::rcu_barrier();
    sched::WorkQueue::system().drain();
    sched::sleep_ns(1'000'000);  // who ended on another CPU
    sync::rcu_barrier();
}

State look() {
    settle();
    State s;
    module::for_each_export(
        [](const module::ExportInfo& e, void* sum) {
            u64 h = mix(mix(mix(1, e.name), e.module), e.type_checksum);
            *static_cast<u64*>(sum) += mix(h, e.address);
        },
        &s.value[State::exports]);
    module::for_each_module(
        [](module::Module&, const module::ModuleInfo& m, void* state) {
            auto& out = *static_cast<State*>(state);
            out.value[State::modules] += mix(mix(mix(2, m.name), m.base_address), m.size_bytes);
            out.value[State::holds] += mix(mix(mix(3, m.name), m.references), m.grants);
        },
        &s);
    const mm::MemoryStats m = mm::memory_stats();
    // What caches of objects and of stacks hold is counted by their contents.
    s.value[State::pages] = m.total_pages - m.free_pages - m.slab_pages - m.kernel_stack_pages;
    s.value[State::mappings] = m.vmalloc_pages;
    s.value[State::interrupts] = ktest::interrupt_lines();
    s.value[State::timers] = time::armed_timers();
    device::for_each_device(
        [](device::Device& d, void* sum) { *static_cast<u64*>(sum) += mix(4, d.name()); },
        &s.value[State::nodes]);
    vfs::for_each_char_device(
        [](u32 major, std::string_view name, void* sum) {
            *static_cast<u64*>(sum) += mix(mix(5, name), major);
        },
        &s.value[State::numbers]);
    mm::for_each_cache(
        [](const mm::SlabCache::Info& info, void* state) {
            auto& out = *static_cast<State*>(state);
            const u64 at = out.value[State::objects]++;
            if (State::first_cache + at >= State::kinds) return;
            out.value[State::first_cache + at] = info.active_objects;
            out.name[State::first_cache + at] = info.name;
        },
        &s);
    return s;
}

// Loads with step `nth` failing (0: none). Unloads what came of it; whether the step was reached.
bool round(ktest::Run& t, u32 nth, bool& loaded) {
    if (nth != 0) (void)mm::testing::fail_step(nth);
    const auto result = module::load_by_name(ktest::kChainTop, {});
    const bool failed = mm::testing::fail_step(0);
    loaded = result.has_value();
    EXPECT(loaded || failed);
    if (!loaded) return failed;
    for (std::string_view name :
         {ktest::kChain[3], ktest::kChain[0], ktest::kChain[1], ktest::kChain[2]}) {
        auto gone = module::unload(name, 0);
        // The soft one may be the one that failed.
        EXPECT(gone.has_value() || (failed && name == ktest::kChain[3]));
    }
    return failed;
}

void report(u32 nth, const State& before, const State& after) {
    for (u32 i = 0; i < State::kinds; ++i) {
        if (before.value[i] == after.value[i]) continue;
        log::info("ktest_rollback: # step {} changes {}: {:#x} to {:#x}", nth, before.name[i],
                  before.value[i], after.value[i]);
    }
}

bool same(const State& a, const State& b) {
    return std::equal(std::begin(a.value), std::end(a.value), std::begin(b.value));
}

// All but memory, which caches take from.
bool same_names(const State& a, const State& b) {
    for (u32 i = 0; i < State::kinds; ++i)
        if (i != State::pages && i < State::objects && a.value[i] != b.value[i]) return false;
    return true;
}

KTEST(a_load_that_fails_at_any_step_leaves_no_trace) {
    bool loaded = false;
    // Fills what stays: dentries, page cache, indexes of /lib/modules.
    for (u32 i = 0; i < 3; ++i) EXPECT(!round(t, 0, loaded) && loaded);
    u32 steps = 0, tolerated = 0;
    for (u32 nth = 1; t.failures() == 0; ++nth) {
        bool reached = true;
        State before, after;
        // Others (the agent, a timer that is due) may move a count: what is ours comes each time.
        for (u32 tries = 0; tries < 5; ++tries) {
            before = look();
            reached = round(t, nth, loaded);
            after = look();
            EXPECT(same_names(before, after));
            if (same(before, after)) break;
            // A name looked up and not found is remembered, or forgotten: until the next good load.
            bool good = false;
            EXPECT(!round(t, 0, good) && good);
            after = look();
            if (same(before, after)) break;
        }
        EXPECT(same(before, after));
        if (!same(before, after)) report(nth, before, after);
        if (!reached) break;
        ++steps;
        if (loaded) ++tolerated;
    }
    log::info("ktest_rollback: # {} steps failed one by one; {} of them the load could do without",
              steps, tolerated);
    EXPECT(steps > 100);
    EXPECT(tolerated < steps / 2);
    EXPECT(!round(t, 0, loaded) && loaded);
}

KTEST(plans_that_share_modules_do_not_mix) {
    static std::atomic<u32> loads, unloads, others;
    loads = unloads = others = 0;
    const State before = look();
    t.parallel(4, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 60; ++i) {
            const std::string_view name = ktest::kChain[random.below(4)];
            if (random.below(2) == 0) {
                auto r = module::load_by_name(name, {});
                if (r)
                    loads.fetch_add(1);
                else if (r.error() == Error::busy || r.error() == Error::noent)
                    others.fetch_add(1);  // somebody unloaded what this plan counted on
                else
                    EXPECT(!"loads, or says that others were faster");
            } else {
                auto r = module::unload(name, 0);
                if (r)
                    unloads.fetch_add(1);
                else
                    EXPECT(r.error() == Error::noent || r.error() == Error::again ||
                           r.error() == Error::busy);
            }
        }
    });
    for (u32 i = 0; i < 2; ++i)
        for (std::string_view name : ktest::kChain) (void)module::unload(name, 0);
    log::info("ktest_rollback: # {} loads, {} unloads, {} loads lost a race", loads.load(),
              unloads.load(), others.load());
    EXPECT(loads.load() > 0 && unloads.load() > 0);
    EXPECT(same_names(before, look()));
    bool loaded = false;
    EXPECT(!round(t, 0, loaded) && loaded);
}

}  // namespace

KTEST_MODULE("ktest_rollback", &a_load_that_fails_at_any_step_leaves_no_trace,
             &plans_that_share_modules_do_not_mix);
