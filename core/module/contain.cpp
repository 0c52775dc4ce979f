#include "core/module/contain.h"

#include <tenon/sched/kthread.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>
#include <tenon/trace/metrics.h>

#include <cstring>

#include "core/module/crossing.h"
#include "core/module/text.h"

namespace tenon::module {

namespace {

constexpr u64 kMs = 1'000'000;
constexpr u64 kEndCallsNs = 2000 * kMs;
constexpr u64 kWindowNs = 60'000 * kMs;
constexpr u64 kFirstPauseNs = 10 * kMs, kLongestPauseNs = 5000 * kMs;
constexpr u32 kMaxRestarts = 5;                     // in one window
constexpr const char* kAsked = "asked to restart";  // by its address: no fault

constinit metrics::Metric g_faults(metrics::Kind::counter, "tenon_module_faults_total",
                                   "Calls into modules that a fault ended");
constinit metrics::Metric g_restarts(metrics::Kind::counter, "tenon_module_restarts_total",
                                     "Modules started again after a fault");
constinit metrics::Metric g_quarantines(metrics::Kind::counter, "tenon_module_quarantines_total",
                                        "Modules left out after too many faults");

constinit History* g_histories = nullptr;  // the loader's mutex
constinit std::atomic<bool> g_work{false};
constinit sync::WaitQueue g_wanted;

History* find_history(std::string_view name) {
    for (History* h = g_histories; h != nullptr; h = h->next)
        if (same_name(h->name, name)) return h;
    return nullptr;
}

History* history_of(std::string_view name) {
    if (History* h = find_history(name)) return h;
    auto* made = new (std::nothrow) History;
    if (made == nullptr) return nullptr;
    std::memcpy(made->name, name.data(), std::min(name.size(), sizeof(made->name) - 1));
    made->next = std::exchange(g_histories, made);
    return made;
}

// A module and all that stand on it, those first that nobody stands on. Loader's mutex held.
struct Fall {
    static constexpr u32 kMax = 64;
    Module* modules[kMax];
    u32 count = 0;
    bool whole = true;  // nothing in it that cannot be taken down

    bool has(const Module* m) const {
        for (u32 i = 0; i < count; ++i)
            if (modules[i] == m) return true;
        return false;
    }
    void add(Module& m) {
        if (has(&m)) return;
        for (Module& other : *registry().modules)
            for (u32 i = 0; i < other.provider_count; ++i)
                if (other.providers[i] == &m) add(other);
        if (m.gate->trusted() || m.state != State::live || count == kMax)
            whole = false;
        else
            modules[count++] = &m;
    }
};

void remember_fault(Module& m, History& h, u64 now) {
    ++h.faults;
    h.last_fault_ns = now;
    std::memset(h.last_fault, 0, sizeof h.last_fault);
    fmt::BufferSink text(std::span(h.last_fault, sizeof h.last_fault - 1));
    text.write(m.gate->failure());
}

// When the next instance may start, not before `earliest_ns`, or quarantine. Loader's mutex held.
void plan_restart(Module& m, History& h, u64 now, u64 earliest_ns, bool is_culprit) {
    if (is_culprit && m.gate->failure() != kAsked) {
        remember_fault(m, h, now);
        if (now - h.window_ns > kWindowNs) {
            h.window_ns = now;
            h.recent = 0;
        }
        ++h.recent;
    }
    h.went_ns = now;
    h.image = std::move(m.image);
    h.parameters = std::move(m.parameter_text);
    h.saved = std::move(m.checkpoint);
    if (m.modinfo.get("restart") == "never") {
        log::err("module {}: not restarted: its manifest says so", m.name());
        h.quarantined = true;
    } else if (h.recent > kMaxRestarts) {
        log::err("module {}: {} faults within {} s: left out until somebody loads it (quarantine)",
                 m.name(), h.recent, kWindowNs / 1'000'000'000);
        h.quarantined = true;
        g_quarantines.add();
    } else {
        const u64 pause = h.recent <= 1 ? 0 : kFirstPauseNs << (h.recent - 2);
        h.restart_at_ns = std::max(now + std::min(pause, kLongestPauseNs) + 1, earliest_ns);
    }
    m.gate->expect_successor(!h.quarantined);
}

// What to take down for `failed`: itself, or what it stands on, when two restarts did not help.
// Loader's mutex held.
void gather(Fall& fall, Module& failed) {
    constexpr u32 kEnough = 2;
    const History* h = find_history(failed.name());
    if (failed.modinfo.get("restart") == "with_providers" && failed.gate->failure() != kAsked &&
        h != nullptr && h->recent == kEnough && time::monotonic_ns() - h->window_ns <= kWindowNs) {
        for (u32 i = 0; i < failed.provider_count; ++i)
            if (Module* p = failed.providers[i]; !p->gate->trusted()) fall.add(*p);
        if (fall.whole && fall.has(&failed)) {
            log::notice("module {}: fails again: what it stands on is restarted with it",
                        failed.name());
            return;
        }
        fall = {};
    }
    fall.add(failed);
}

void take_down(Module& failed) {
    Fall fall;
    {
        sync::MutexGuard guard(registry().mutex);
        gather(fall, failed);
        if (!fall.whole) {
            log::err("module {}: cannot be restarted: a module that stays stands on it",
                     failed.name());
            failed.state = State::failed;
            return;
        }
        const u64 now = time::monotonic_ns();
        // Who stands on another comes back after it.
        u64 earliest_ns = 0;
        for (u32 i = fall.count; i-- != 0;) {
            Module& m = *fall.modules[i];
            const bool is_culprit = &m == &failed;
            m.state = State::going;
            (void)m.gate->fail("a module that it needs failed");
            log::notice("module {}: taken down: {}", m.name(), m.gate->failure());
            History* const h = history_of(m.name());
            if (h == nullptr) continue;
            plan_restart(m, *h, now, earliest_ns, is_culprit);
            earliest_ns = std::max(earliest_ns, h->restart_at_ns) + 1;
        }
    }
    for (u32 i = 0; i < fall.count; ++i) {
        Module& m = *fall.modules[i];
        if (end_calls(m)) {
            dispose_failed(&m);
            continue;
        }
        log::err("module {}: {} calls do not end; its memory is given up", m.name(),
                 m.gate->in_flight() + m.gate->residents());
        sync::MutexGuard guard(registry().mutex);
        m.state = State::failed;
        if (History* h = find_history(m.name())) {
            h->restart_at_ns = 0;
            h->quarantined = true;
        }
        // Its providers stay as well: it holds them.
        for (u32 k = i + 1; k < fall.count; ++k) fall.modules[k]->state = State::failed;
        return;
    }
}

Module* next_failed() {
    sync::MutexGuard guard(registry().mutex);
    for (Module& m : *registry().modules)
        if (m.state == State::live && m.gate->failed()) return &m;
    return nullptr;
}

// What is due next; null: nothing. `when` its time.
History* next_due(u64& when) {
    sync::MutexGuard guard(registry().mutex);
    History* best = nullptr;
    for (History* h = g_histories; h != nullptr; h = h->next)
        if (h->restart_at_ns != 0 && (best == nullptr || h->restart_at_ns <= best->restart_at_ns))
            best = h;
    if (best != nullptr) when = best->restart_at_ns;
    return best;
}

void restart(History& h) {
    Image image;
    std::unique_ptr<char[]> parameters;
    Saved saved;
    {
        sync::MutexGuard guard(registry().mutex);
        h.restart_at_ns = 0;
        image = std::move(h.image);
        parameters = std::move(h.parameters);
        saved = std::move(h.saved);
        if (Module* there = registry().find(h.name); there != nullptr || image.data == nullptr)
            return;  // somebody was quicker
    }
    auto started = load_saved(image.bytes(), parameters.get(), 0, &saved);
    sync::MutexGuard guard(registry().mutex);
    if (started) {
        ++h.restarts;
        g_restarts.add();
        log::notice("module {}: restarted, {} ms after it went", std::string_view(h.name),
                    (time::monotonic_ns() - h.went_ns) / kMs);
        if (Module* m = registry().find(h.name)) m->checkpoint = std::move(saved);
        return;
    }
    if (started.error() == Error::exist) return;
    // As a fault: later, or not at all.
    h.image = std::move(image);
    h.parameters = std::move(parameters);
    if (++h.recent > kMaxRestarts) {
        h.quarantined = true;
        g_quarantines.add();
        log::err("module {}: does not start: quarantine", std::string_view(h.name));
    } else {
        h.restart_at_ns =
            time::monotonic_ns() + std::min(kFirstPauseNs << h.recent, kLongestPauseNs);
    }
}

void warden(void*) {
    for (;;) {
        u64 when = ~u64{0};
        History* due = next_due(when);
        (void)g_wanted.wait([] { return g_work.exchange(false); }, sync::WaitMode::uninterruptible,
                            sync::Deadline{when});
        while (Module* m = next_failed()) take_down(*m);
        due = next_due(when);
        if (due != nullptr && when <= time::monotonic_ns()) {
            restart(*due);
            g_work = true;
        }
    }
}

}  // namespace

bool end_calls(Module& m) {
    const u64 until = time::monotonic_ns() + kEndCallsNs;
    while (m.gate->in_flight() != 0 || m.gate->residents() != 0) {
        const u64 now = time::monotonic_ns();
        if (now >= until) return false;
        wake_revoked(until - now < kEndCallsNs / 2);
        sched::sleep_ns(kMs / 4);
    }
    return true;
}

void report_failure(Gate& gate, const char* what, bool wake) {
    g_faults.add();
    (void)gate.fail(what);
    // Even when it had failed before: that may have been told where nobody could be woken.
    if (wake) wake_warden();
}

void wake_warden() {
    g_work.store(true, std::memory_order_release);
    g_wanted.wake_all();
}

void note_fault(Module& module) {
    sync::MutexGuard guard(registry().mutex);
    if (History* h = history_of(module.name())) remember_fault(module, *h, time::monotonic_ns());
}

void start_warden() {
    for (auto* metric : {&g_faults, &g_restarts, &g_quarantines}) metrics::add_metric(*metric);
    if (!sched::KThread::start("kwarden", warden, nullptr)) panic("no memory for the warden");
    CallStack::provide();
}

Result<void> restart_module(std::string_view name) {
    sync::MutexGuard guard(registry().mutex);
    Module* m = registry().find(name);
    if (m == nullptr) return Err(Error::noent);
    if (m->gate->trusted()) return Err(Error::opnotsupp);
    if (m->state != State::live) return Err(Error::busy);
    // Counted as no fault.
    (void)m->gate->fail(kAsked);
    wake_warden();
    return {};
}

Result<void> release_module(std::string_view name) {
    sync::MutexGuard guard(registry().mutex);
    History* h = find_history(name);
    if (h == nullptr || !h->quarantined) return Err(Error::noent);
    h->quarantined = false;
    h->recent = 0;
    if (h->image.data == nullptr) return {};
    h->restart_at_ns = time::monotonic_ns();
    wake_warden();
    return {};
}

void write_health(fmt::Sink& out) {
    sync::MutexGuard guard(registry().mutex);
    for (const History* h = g_histories; h != nullptr; h = h->next) {
        const Module* m = registry().find(h->name);
        const char* state = m != nullptr && m->state == State::live ? "live"
                            : h->quarantined                        ? "quarantined"
                            : h->restart_at_ns != 0                 ? "waiting"
                                                                    : "down";
        fmt::print(out, "{} {} faults={} restarts={} at={}.{:03} last={}\n",
                   std::string_view(h->name), state, h->faults, h->restarts,
                   h->last_fault_ns / 1'000'000'000, h->last_fault_ns / kMs % 1000,
                   std::string_view(h->last_fault));
    }
}

}  // namespace tenon::module
