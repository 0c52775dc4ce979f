// Theory: README.md in this folder.
#include <tenon/arch/smp.h>
#include <tenon/irq/irq.h>
#include <tenon/mm/slab.h>
#include <tenon/sched/kthread.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/trace/log.h>

#include <cstring>

namespace tenon::irq {

namespace {

constexpr u32 kVectors = 256;
constexpr u32 kUnclaimedLimit = 100;
// After the line controller's inputs, as /proc/interrupts shows them.
constexpr u32 kFirstMessageNumber = 24;

struct Source {
    bool message = false;
    bool level = false;
    const char* kind = "MSI";
    u32 gsi = 0;     // not for messages
    u32 number = 0;  // as shown
    u32 vector = 0;  // its own
    sync::RcuPtr<Line> lines;
    std::atomic<u32> threads_busy{0};   // that must finish before a level line is unmasked
    std::atomic<bool> disabled{false};  // nobody claimed it
    u32 unclaimed = 0;
    ~Source() {
        if (vector != 0) arch::free_vector(vector);
    }
};

}  // namespace

struct Line {
    Source* source = nullptr;
    Handler handler = nullptr;
    ThreadHandler thread_handler = nullptr;
    void* context = nullptr;
    char owner[24] = {};
    sync::RcuPtr<Line> next;
    sched::KThread* thread = nullptr;
    sync::WaitQueue wanted;
    std::atomic<bool> pending{false};
    std::atomic<bool> blocks_source{false};  // counts in threads_busy
    u64 counts[arch::kMaxCpus] = {};         // each written by its CPU only
};

namespace {

constinit sync::Mutex g_mutex{sync::LockRank::sleeping_leaf};
constinit Source* g_sources[kVectors] = {};  // read by dispatch(); freed after a grace period
constinit u64 g_message_numbers = 0;         // bitmap

Source* load_source(u32 vector) {
    return __atomic_load_n(&g_sources[vector], __ATOMIC_ACQUIRE);
}

void update_mask(Source& source) {
    if (!source.message)
        arch::mask_gsi(source.gsi, source.threads_busy.load() != 0 || source.disabled.load());
}

void wake_thread(Line& line) {
    if (line.source->level && !line.blocks_source.exchange(true)) {
        line.source->threads_busy.fetch_add(1);
        update_mask(*line.source);
    }
    line.pending.store(true, std::memory_order_seq_cst);
    line.wanted.wake_one();
}

void thread_main(void* context) {
    Line& line = *static_cast<Line*>(context);
    for (;;) {
        (void)line.wanted.wait([&] { return line.pending.exchange(false); });
        if (sched::KThread::should_stop()) return;
        line.thread_handler(line.context);
        if (line.blocks_source.exchange(false)) {
            line.source->threads_busy.fetch_sub(1);
            const IrqGuard irqs;
            update_mask(*line.source);
        }
    }
}

// Masks what screams and nobody serves.
void unclaimed(Source& source) {
    if (++source.unclaimed < kUnclaimedLimit) return;
    if (source.unclaimed == kUnclaimedLimit) {
        log::err("irq {}: nobody claims it: masked", source.number);
        source.disabled = true;
        update_mask(source);
    }
}

// With a vector of its own.
Result<std::unique_ptr<Source>> make_source() {
    auto source = mm::make<Source>();
    if (!source) return Err(Error::nomem);
    TRY_ASSIGN(source->vector, arch::alloc_vector());
    return source;
}

Result<std::unique_ptr<Line>> make_line(Handler handler, ThreadHandler thread, void* context,
                                        const char* owner) {
    if (handler == nullptr && thread == nullptr) return Err(Error::inval);
    auto line = mm::make<Line>();
    if (!line) return Err(Error::nomem);
    line->handler = handler;
    line->thread_handler = thread;
    line->context = context;
    const usize n = std::min(std::strlen(owner), sizeof(line->owner) - 1);
    std::memcpy(line->owner, owner, n);
    return line;
}

// After the line has its source: its thread may use it.
Result<void> start_thread(Line& line) {
    if (line.thread_handler == nullptr) return {};
    fmt::Line<32> name("irq/{}-{}", line.source->number, static_cast<const char*>(line.owner));
    TRY_ASSIGN(line.thread, sched::KThread::start(name.view(), thread_main, &line));
    return {};
}

void append(Source& source, Line& line) {
    line.source = &source;
    sync::RcuPtr<Line>* at = &source.lines;
    while (Line* l = at->load()) at = &l->next;
    at->assign(&line);
}

void publish(Source& source) {
    __atomic_store_n(&g_sources[source.vector], &source, __ATOMIC_RELEASE);
}

Source* source_of_gsi(u32 gsi) {
    for (Source* s : g_sources)
        if (s != nullptr && !s->message && s->gsi == gsi) return s;
    return nullptr;
}

Result<void> attach_gsi(u32 gsi, arch::IrqTrigger trigger, const char* kind, Line& line) {
    sync::MutexGuard guard(g_mutex);
    if (Source* shared = source_of_gsi(gsi); shared != nullptr) {
        if (!shared->level) return Err(Error::busy);  // an edge has one owner
        line.source = shared;
        TRY(start_thread(line));
        append(*shared, line);
        return {};
    }
    TRY_ASSIGN(auto source, make_source());
    source->gsi = source->number = gsi;
    source->kind = kind;
    source->level =
        trigger == arch::IrqTrigger::level_high || trigger == arch::IrqTrigger::level_low;
    line.source = source.get();
    TRY(arch::route_gsi(gsi, source->vector, 0, trigger));
    TRY(start_thread(line));
    append(*source, line);
    publish(*source);
    const IrqGuard irqs;
    update_mask(*source.release());
    return {};
}

}  // namespace

Result<Line*> request_isa(u32 isa_irq, Handler handler, ThreadHandler thread, void* context,
                          const char* owner) {
    arch::IrqTrigger trigger = arch::IrqTrigger::bus_default;
    TRY_ASSIGN(const u32 gsi, arch::isa_to_gsi(isa_irq, trigger));
    return request_gsi(gsi, trigger, handler, thread, context, owner);
}

Result<Line*> request_gsi(u32 gsi, arch::IrqTrigger trigger, Handler handler, ThreadHandler thread,
                          void* context, const char* owner) {
    TRY_ASSIGN(auto line, make_line(handler, thread, context, owner));
    TRY(attach_gsi(gsi, trigger, "GSI", *line));
    return line.release();
}

Result<Line*> request_msi(Handler handler, ThreadHandler thread, void* context, const char* owner,
                          arch::MsiMessage& message) {
    TRY_ASSIGN(auto line, make_line(handler, thread, context, owner));
    sync::MutexGuard guard(g_mutex);
    if (g_message_numbers == ~u64{0}) return Err(Error::nospc);
    TRY_ASSIGN(auto source, make_source());
    const u32 index = static_cast<u32>(__builtin_ctzll(~g_message_numbers));
    source->number = kFirstMessageNumber + index;
    source->message = true;
    line->source = source.get();
    TRY(start_thread(*line));
    g_message_numbers |= u64{1} << index;
    append(*source, *line);
    message = arch::compose_msi(source->vector, 0);
    publish(*source.release());
    return line.release();
}

void release(Line* line) {
    if (line == nullptr) return;
    Source* source = line->source;
    bool last;
    {
        sync::MutexGuard guard(g_mutex);
        sync::RcuPtr<Line>* at = &source->lines;
        while (at->load() != line) at = &at->load()->next;
        at->assign(line->next.load());
        last = source->lines.load() == nullptr;
        if (last) {
            if (!source->message) {
                const IrqGuard irqs;
                arch::mask_gsi(source->gsi, true);
            }
            __atomic_store_n(&g_sources[source->vector], nullptr, __ATOMIC_RELEASE);
        }
    }
    // No handler of it runs after this, on any CPU.
    sync::rcu_synchronize();
    if (line->thread != nullptr) sched::KThread::stop(line->thread);
    if (!last && line->blocks_source.exchange(false)) {
        source->threads_busy.fetch_sub(1);
        const IrqGuard irqs;
        update_mask(*source);
    }
    if (last) {
        sync::MutexGuard guard(g_mutex);
        if (source->message)
            g_message_numbers &= ~(u64{1} << (source->number - kFirstMessageNumber));
        delete source;  // and its vector
    }
    delete line;
}

void dispatch(u32 vector) {
    Source* source = load_source(vector);
    if (source == nullptr) {
        arch::end_of_interrupt(vector);
        return;
    }
    const u32 cpu = arch::cpu_id();
    bool claimed = false;
    for (Line* line = source->lines.load(); line != nullptr; line = line->next.load()) {
        Handled answer = Handled::wake_thread;
        if (line->handler != nullptr) answer = line->handler(line->context);
        if (answer == Handled::no) continue;
        claimed = true;
        ++line->counts[cpu];
        if (answer == Handled::wake_thread && line->thread != nullptr) wake_thread(*line);
    }
    if (claimed)
        source->unclaimed = 0;
    else
        unclaimed(*source);
    arch::end_of_interrupt(vector);
}

void for_each(void (*visit)(const LineInfo&, void*), void* context) {
    const sync::RcuGuard rcu;
    for (u32 vector = 0; vector < kVectors; ++vector) {
        Source* source = load_source(vector);
        if (source == nullptr) continue;
        for (Line* line = source->lines.load(); line != nullptr; line = line->next.load()) {
            LineInfo info{source->number, source->kind, line->owner, {}};
            std::memcpy(info.counts, line->counts, sizeof(info.counts));
            visit(info, context);
        }
    }
}

}  // namespace tenon::irq
