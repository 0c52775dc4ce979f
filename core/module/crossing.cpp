#include "core/module/crossing.h"

#include <tenon/arch/recovery.h>
#include <tenon/arch/smp.h>
#include <tenon/arch/time.h>
#include <tenon/boot/boot_info.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>
#include <tenon/trace/symbols.h>

#include <algorithm>

#include "core/mm/page_alloc.h"
#include "core/module/contain.h"
#include "core/module/module.h"
#include "core/module/text.h"

namespace tenon::arch {
u64 text_start();
u64 text_end();
}  // namespace tenon::arch

namespace tenon::module {

namespace {

// Preemption depth apart; softirq, hard irq and NMI depth.
constexpr u32 kIrqDepth = ~u32{0xff};

bool in_core_text(uptr ip) {
    return ip >= arch::text_start() && ip < arch::text_end();
}

// The gate of the module whose text holds `address`, or null. It stays while the caller's RCU
// section lasts, or while a call into that module is in flight.
Gate* gate_at(uptr address) {
    const Module* m = find_module_at(address);
    return m == nullptr ? nullptr : m->gate.get();
}

bool in_module_text(uptr address) {
    const sync::RcuGuard guard;
    return find_module_at(address) != nullptr;
}

bool in_failed_text(uptr address) {
    const sync::RcuGuard guard;
    const Gate* gate = gate_at(address);
    return gate != nullptr && gate->failed();
}

// `containment=off`: a module's fault ends the kernel, as a control.
bool contains_faults() {
    static constinit std::atomic<u8> known{0};
    u8 answer = known.load(std::memory_order_relaxed);
    if (answer == 0) {
        answer = boot::parameter("containment").value == "off" ? 2 : 1;
        known.store(answer, std::memory_order_relaxed);
    }
    return answer == 1;
}

// The watchdog's last look at this CPU.
struct Look {
    u64 at;  // in cycles
    u64 interrupts;
};
TENON_PERCPU(Look, g_last_look);

// When what does not end was cut last, in cycles: read in NMIs, where the clock may take a lock.
constinit std::atomic<u64> g_cut_at{0};

bool cuts_now() {
    constexpr u64 kValidMs = 100;
    const u64 at = g_cut_at.load(std::memory_order_relaxed);
    return at != 0 && arch::cycles() - at <= kValidMs * arch::counter_khz();
}

// A fault of containment itself is nobody's but the core's.
struct Depth {
    u32 depth;
};
TENON_PERCPU(Depth, g_containing);
class Containing {
  public:
    Containing() { ++g_containing.local().depth; }
    ~Containing() {
        if (!ended_) end();
    }
    bool first() const { return g_containing.local().depth == 1; }
    void end() {
        ended_ = true;
        --g_containing.local().depth;
    }

  private:
    bool ended_ = false;
};

u32 spins_since(const Task& task, const Crossing& c) {
    u32 n = 0;
    for (u32 i = c.held_locks; i < task.module_lock_count && i < kMaxModuleLocks; ++i)
        n += task.module_locks[i].kind == sync::HeldKind::spin && task.module_locks[i].lock ? 1 : 0;
    return n;
}

void let_go(const Task::ModuleLock& held) {
    // A mutex is noted before it is taken, so that it may be none.
    if (held.lock == nullptr || !arch::is_readable(reinterpret_cast<uptr>(held.lock))) return;
    switch (held.kind) {
        case sync::HeldKind::spin:
            static_cast<sync::SpinLock*>(held.lock)->unlock_raw();
            break;
        case sync::HeldKind::mutex:
            if (auto* mutex = static_cast<sync::Mutex*>(held.lock); mutex->is_held_by_current())
                mutex->unlock();
            else
                sync::rank_release(sync::LockRank::sleeping_leaf, mutex);
            break;
        case sync::HeldKind::read:
            static_cast<sync::RwMutex*>(held.lock)->unlock_read();
            break;
        case sync::HeldKind::write:
            static_cast<sync::RwMutex*>(held.lock)->unlock_write();
            break;
        case sync::HeldKind::write_wait:
            static_cast<sync::RwMutex*>(held.lock)->give_up_write();
            break;
    }
}

struct Range {
    uptr start, end;
    bool holds(uptr address) const { return address >= start && address < end; }
};

// Where the frames of a call lie.
Range frames_of(const Task& task, const Crossing& c) {
    if (c.stack.exists()) return {c.stack.start(), c.stack.end()};
    for (const Crossing* o = c.outer; o != nullptr; o = o->outer)
        if (o->stack.exists() && c.mark >= o->stack.start() && c.mark < o->stack.end())
            return {o->stack.start(), c.mark};
    return {task.kernel_stack, c.mark};
}

// arch::find_return_slot() from `frame` on, across the stacks of nested calls, in the frames of the
// call `last` and of those inside of it.
uptr* find_return_slot(const Task& task, uptr frame, const Crossing& last,
                       bool (*wanted)(uptr address)) {
    for (const Crossing* c = task.crossing; c != nullptr; c = c->outer) {
        if (const Range frames = frames_of(task, *c); frames.holds(frame)) {
            if (uptr* slot = arch::find_return_slot(frame, frames.end, wanted)) return slot;
            frame = arch::frame_of_mark(c->mark);
        }
        if (c == &last) break;
    }
    return nullptr;
}

// Undoes what the frames of the call `c` had taken. Irqs off; runs on a stack that does not
// overlap them, or below them.
void undo(Task& task, Crossing& c) {
    const Range frames = frames_of(task, c);
    const auto on_dead_frames = [&](const void* p) {
        return frames.holds(reinterpret_cast<uptr>(p));
    };
    // First: what is woken below is another task.
    task.state.store(TaskState::running, std::memory_order_relaxed);
    // Before the entries: a fault in the midst of a queue leaves its lock held. Letting go takes
    // and forgets locks as well, behind the one that is let go.
    while (task.module_lock_count > c.held_locks) {
        const u32 i = task.module_lock_count - 1;
        if (i < kMaxModuleLocks) {
            let_go(task.module_locks[i]);
            task.module_locks[i].lock = nullptr;
        }
        task.module_lock_count = i;
    }
    while (task.waits != nullptr && on_dead_frames(task.waits)) {
        sync::WaitEntry* entry = std::exchange(task.waits, task.waits->outer);
        if (entry->queue != nullptr) entry->queue->give_up(*entry);
    }
    task.faults_disabled = c.faults_disabled;
    const u32 now = arch::preempt_count();
    if (now > c.preempt_count) (void)arch::preempt_count_sub_and_test(now - c.preempt_count);
    if (now < c.preempt_count) arch::preempt_count_add(c.preempt_count - now);
}

// What a call that came back by itself left behind, or null.
const char* left_by(const Task& task, const Crossing& c) {
    if (arch::preempt_count() != c.preempt_count) return "returned with preemption counted wrong";
    if (arch::irqs_enabled() != c.irqs_on) return "returned with interrupts changed";
    if (task.module_lock_count != c.held_locks) return "returned with a lock changed";
    return nullptr;
}

// Whether the core's own work on behalf of the call may be cut off at `ip`: what it holds is noted,
// and what only keeps preemption off is undone with the count.
bool may_cut(const Task& task, const Crossing& c, uptr ip) {
    const u32 now = arch::preempt_count();
    if ((now & kIrqDepth) != (c.preempt_count & kIrqDepth)) return false;
    if (!in_core_text(ip) || arch::is_leaf_text(ip)) return true;
    return task.module_lock_count <= kMaxModuleLocks &&
           now >= c.preempt_count + spins_since(task, c);
}

// Whether `ip` is where the caller's text only passes the call on: it runs with what the module
// left in registers, or answered.
bool is_in_thunk(const Crossing& c, uptr ip) {
    char name[64];
    SymbolAt at;
    return find_symbol_at(ip, at, name) && ip - at.offset == c.thunk;
}

void log_fault(const Fault& fault, const Crossing& c, Gate& culprit) {
    char text[160];
    fmt::BufferSink at(text);
    const bool by_key = fault.what == kWroteCoreData;
    trace::describe_address(by_key ? writer_of(fault) : fault.ip, at);
    const std::string_view task = arch::current()->name;
    if (by_key) {
        char whose[80];
        fmt::BufferSink data(whose);
        mm::describe_data(fault.address, data);
        log::err("module {} wrote core data at {:#x} ({}) from {}, in task {}; the call is ended",
                 culprit.owner_name(), fault.address, data.text(), at.text(), task);
    } else {
        log::err("module {}: {} at {} (address {:#x}), in task {}; the call is ended",
                 culprit.owner_name(), fault.what, at.text(), fault.address, task);
    }
    uptr frame = fault.frame;
    const auto any = [](uptr) { return true; };
    for (u32 i = 0; i < 8; ++i) {
        const uptr* slot = find_return_slot(*arch::current(), frame, c, any);
        if (slot == nullptr) return;
        fmt::BufferSink line(text);
        const bool out = arch::keys_on() && reinterpret_cast<uptr>(slot) == c.out.slot;
        trace::describe_address(out ? c.out.address : *slot, line);
        log::err("module {}:   from {}", culprit.owner_name(), line.text());
        frame = slot[-1];
    }
}

// Innermost crossing of a failed module.
Crossing* failed_crossing(const Task& task) {
    Crossing* c = task.crossing;
    while (c != nullptr && !c->gate->failed()) c = c->outer;
    return c;
}

// Leaf text may have nothing to return for. Called by the module itself it is cut off at once;
// called by the core, it is the midst of the core's own work, which ends by itself unless it goes
// round in what the module gave it: then it is cut with the sleeps that do not end.
bool may_cut_leaf(const Fault& at, const Crossing& c) {
    if (c.uncut != 0 || !arch::is_leaf_text(at.ip)) return false;
    const uptr top = *reinterpret_cast<const uptr*>(at.stack);
    if (arch::is_copy_text(at.ip)) return in_failed_text(top) || cuts_now();  // it pushes nothing
    // At the first and last instruction of a function the frame is still its caller's.
    const uptr* slot = arch::find_return_slot(at.frame, at.frame + 1, [](uptr) { return true; });
    return (slot != nullptr && in_failed_text(*slot) && !in_core_text(top)) || cuts_now();
}

// Makes the call return to the landing rather than into the failed module.
void lead_out(const Task& task, uptr frame) {
    const Crossing* c = failed_crossing(task);
    if (c == nullptr) return;
    const auto leads_back = [](uptr at) { return arch::is_leaf_text(at) || in_failed_text(at); };
    uptr* slot = find_return_slot(task, frame, *c, leads_back);
    // Into leaf text: as may_cut_leaf().
    while (slot != nullptr && arch::is_leaf_text(*slot) && (c->uncut != 0 || !cuts_now())) {
        const uptr* next = find_return_slot(task, slot[-1], *c, [](uptr) { return true; });
        if (next != nullptr && in_failed_text(*next) && c->uncut == 0) break;
        slot = find_return_slot(task, slot[-1], *c, leads_back);
    }
    if (slot != nullptr) *slot = reinterpret_cast<uptr>(&arch::abandon_landing);
}

// Sleeps inside module calls.
constinit sync::SpinLock g_sleepers_lock{sync::LockRank::spin_outer};
using SleeperList = List<SleepScope, &SleepScope::hook>;
SleeperList& sleepers() {
    // Boost lists have no constexpr constructor: made at first use, never destroyed.
    alignas(SleeperList) static u8 storage[sizeof(SleeperList)];
    static constinit bool made = false;
    if (!made) {
        new (storage) SleeperList;
        made = true;
    }
    return *reinterpret_cast<SleeperList*>(storage);
}

}  // namespace

bool cross(Gate* gate, void (*function)(void*), void* argument, Entry entry) {
    if (!Gate::counts(gate)) {
        function(argument);
        return true;
    }
    Crossing c;
    c.is_call = entry == Entry::call;
    if (c.is_call ? !gate->enter(c.phase) : !gate->enter_resident()) return false;
    Task& task = *arch::current();
    c.outer = task.crossing;
    c.gate = gate;
    c.thunk = reinterpret_cast<uptr>(function);
    c.previous = task.gate;
    c.preempt_count = arch::preempt_count();
    c.faults_disabled = task.faults_disabled;
    c.held_locks = task.module_lock_count;
    c.irqs_on = arch::irqs_enabled();
    c.stack = CallStack::take();
    task.crossing = &c;
    task.gate = gate;
    arch::set_in_call(true);
    bool returned = arch::guarded_call(function, argument, &c.mark, c.stack.word());
    if (const char* left = returned ? left_by(task, c) : nullptr) [[unlikely]] {
        arch::irq_disable();
        undo(task, c);
        if (c.irqs_on) arch::irq_enable();
        log::err("module {}: a call {}; its answer is not used", gate->owner_name(), left);
        report_failure(*gate, left);
        returned = false;
    }
    task.crossing = c.outer;
    task.gate = c.previous;
    // The time of a call that was ended is not its caller's.
    if (!returned && c.outer != nullptr) c.outer->looks = c.outer->atomic_looks = 0;
    arch::set_in_call(c.outer != nullptr);
    c.stack.give_back();
    // The watchdog cannot wake the warden itself.
    if (gate->failed()) [[unlikely]]
        wake_warden();
    if (c.is_call)
        gate->leave(c.phase);
    else
        gate->leave_resident();
    return returned;
}

const char* name_of_guard(uptr address) {
    const Task* task = arch::current();
    if (task == nullptr) return nullptr;
    // A push that faults leaves the stack pointer above the guard page.
    const auto is_below = [address](uptr start) {
        return address - (start - kPageSize) < 2 * kPageSize;
    };
    for (const Crossing* c = task->crossing; c != nullptr; c = c->outer) {
        if (!c->stack.exists()) continue;
        if (is_below(c->stack.start())) return "kernel stack overflow";
        if (address - c->stack.end() < mm::kStackGuardBytes) return "kernel stack overrun";
    }
    return task->kernel_stack != 0 && is_below(task->kernel_stack) ? "kernel stack overflow"
                                                                   : nullptr;
}

void give_stacks_back(Task& task) {
    while (Crossing* c = std::exchange(task.crossing, nullptr)) {
        task.crossing = c->outer;
        c->stack.give_back();
    }
}

bool detail::is_sound(const void* object, const Gate* gate) {
    // An empty handle has no gate either, and is no answer.
    if (object == nullptr) return gate != nullptr;
    const uptr at = reinterpret_cast<uptr>(object);
    if (!arch::is_readable(at)) return false;
    return is_object_of(*static_cast<const u64*>(object), gate);
}

void detail::reject_answer(Gate& gate) {
    log::err("module {}: its answer is no object", gate.owner_name());
    report_failure(gate, "its answer is no object");
}

uptr writer_of(const Fault& fault) {
    return arch::is_copy_text(fault.ip) ? *reinterpret_cast<uptr*>(fault.stack) : fault.ip;
}

bool lend_rights(const Fault& fault) {
    const auto by_module = [](uptr at) {
        const Gate* gate = gate_at(at);
        return gate != nullptr && !gate->trusted();
    };
    const uptr writer = writer_of(fault);
    if ((!in_core_text(writer) && gate_at(writer) == nullptr) || by_module(writer)) return false;
    Crossing& c = *current()->crossing;
    if (uptr* slot = find_return_slot(*current(), fault.frame, c, by_module)) {
        c.out = {reinterpret_cast<uptr>(slot), *slot};
        *slot = find_module_at(*slot)->landing();
    }
    return true;
}

bool contain_fault(const Fault& fault, uptr& mark, bool& irqs_on) {
    Task* task = arch::current();
    if (task == nullptr || task->crossing == nullptr) return false;
    const Containing once;
    if (!once.first() || !contains_faults()) return false;
    Crossing& c = *task->crossing;
    if (c.intact != Crossing::kIntact) {
        log::err("a call's record is overwritten: what follows is not contained");
        return false;
    }
    // Irqs are off: as good as an RCU section.
    Gate* culprit = gate_at(fault.ip);
    if (culprit != c.gate && is_in_thunk(c, fault.ip)) culprit = nullptr;
    const bool contained = culprit != nullptr ? !culprit->trusted() : may_cut(*task, c, fault.ip);
    if (contained) {
        if (culprit == nullptr) culprit = c.gate;
        log_fault(fault, c, *culprit);
        report_failure(*culprit, fault.what);
        if (culprit != c.gate) report_failure(*c.gate, "its provider failed");
        undo(*task, c);
        mark = c.mark;
        irqs_on = c.irqs_on;
    }
    return contained;
}

void end_call_instead_of_panic(const char* message) {
    Task* task = arch::current();
    if (!contains_faults() || task == nullptr || task->crossing == nullptr) return;
    Crossing& c = *task->crossing;
    const uptr ip = reinterpret_cast<uptr>(__builtin_return_address(0));
    if (c.intact != Crossing::kIntact || !may_cut(*task, c, ip)) return;
    const arch::IrqState irqs = arch::irq_save();
    Containing once;
    if (!once.first()) {
        once.end();
        arch::irq_restore(irqs);
        return;
    }
    log_fault({message, ip, 0, reinterpret_cast<uptr>(__builtin_frame_address(0)), 0}, c, *c.gate);
    report_failure(*c.gate, message);
    undo(*task, c);
    once.end();
    if (c.irqs_on) arch::irq_enable();
    arch::abandon_call(c.mark);
}

namespace {

constexpr u64 kMs = 1'000'000;

// The innermost of the calls that the current task is inside of that has run for too long, or null.
// By looks, so by the time that the task had a CPU, whoever else had it between them; a module that
// goes round by way of others is found too, later. `since_last`: atomic all the time since the last
// look, and not only at both.
Crossing* overdue_call(const Task& task, bool atomic, bool since_last) {
    constexpr u32 kAtomicLooks = 3, kLooks = 12, kLooksOfOuter = 40;
    const u64 rests = task.sched.voluntary_switches + task.asked_for_death;
    for (Crossing* c = task.crossing; c != nullptr; c = c->outer) {
        if (c->looks == 0 || c->rests != rests) {
            c->looks = c->atomic_looks = 0;
            c->rests = rests;
        }
        ++c->looks;
        c->atomic_looks = !atomic ? 0 : since_last ? c->atomic_looks + 1 : 1;
    }
    for (Crossing* c = task.crossing; c != nullptr; c = c->outer) {
        const bool innermost = c == task.crossing;
        if ((innermost && c->atomic_looks >= kAtomicLooks) ||
            c->looks >= (innermost ? kLooks : kLooksOfOuter))
            return c;
    }
    return nullptr;
}

}  // namespace

u64 watch_period_ns() {
    constexpr u64 kUsualMs = 250, kLeastMs = 10, kMostMs = 10'000;
    static constinit std::atomic<u64> known{0};
    u64 ms = known.load(std::memory_order_relaxed);
    if (ms == 0) {
        const auto asked = parse_number(boot::parameter("watchdog").value);
        ms = asked && asked->magnitude != 0 ? std::clamp(asked->magnitude, kLeastMs, kMostMs)
                                            : kUsualMs;
        known.store(ms, std::memory_order_relaxed);
    }
    return ms * kMs;
}

bool watch_call(const Fault& at, bool irqs_were_on, uptr& mark, bool& irqs_on) {
    Task* task = arch::current();
    if (task == nullptr || task->crossing == nullptr || !contains_faults()) return false;
    // Containment itself is not cut off: it comes to its end.
    if (g_containing.local().depth != 0) return false;
    // A virtual CPU that stood still takes two looks at once, and had no time to go on between
    // them. By the cycle counter: the clock may be one that takes a lock.
    const u64 now = arch::cycles();
    Look& last = g_last_look.local();
    if (now - last.at < arch::counter_khz() * (watch_period_ns() / 2 / kMs)) return false;
    last.at = now;
    // Who had interrupts off at both looks may have let some in between: a device that answers
    // slowly, as an emulated one does while its host writes to a disk.
    const u64 taken = arch::interrupts_taken();
    const bool let_in = std::exchange(last.interrupts, taken) != taken;
    Crossing* c =
        overdue_call(*task, !irqs_were_on || arch::preempt_count() != 0, irqs_were_on || !let_in);
    if (c == nullptr) return false;
    // Elsewhere a lock of the log or of the scheduler may be held: told when the call ends.
    const bool in_module = in_module_text(at.ip) || arch::is_leaf_text(at.ip);
    // The core may be waiting for another CPU that stands still: that takes more patience.
    constexpr u32 kLooksInCore = 40;
    const bool is_patient = std::max(c->looks, 4 * c->atomic_looks) < kLooksInCore;
    if (!c->gate->failed()) {
        if (!in_module && is_patient) return false;
        if (in_module) log_fault({"ran for too long", at.ip, at.stack, at.frame, 0}, *c, *c->gate);
        report_failure(*c->gate, "ran for too long", in_module);
    }
    if (revoke_interrupted(at, mark, irqs_on)) return true;
    // The core goes round in what the module gave it, and does not come back by itself. Preemption
    // that no noted lock explains may be a lock that is just taken: another look meets another place.
    constexpr u32 kLooksAtPlace = kLooksInCore + 8;
    const bool is_between = arch::preempt_count() != c->preempt_count + spins_since(*task, *c) &&
                            std::max(c->looks, 4 * c->atomic_looks) < kLooksAtPlace;
    if (c != task->crossing || is_patient || is_between || c->uncut != 0 ||
        !may_cut(*task, *c, at.ip))
        return false;
    undo(*task, *c);
    mark = c->mark;
    irqs_on = c->irqs_on;
    return true;
}

void end_cut_sleep(Task& task) {
    Crossing* c = task.crossing;
    if (c == nullptr || !c->gate->failed()) [[likely]]
        return;
    if (!cuts_now() || c->uncut != 0 || !may_cut(task, *c, arch::text_start())) return;
    arch::irq_disable();
    undo(task, *c);
    if (c->irqs_on) arch::irq_enable();
    arch::abandon_call(c->mark);
}

bool is_revoked(const Task& task) {
    return failed_crossing(task) != nullptr;
}

bool revoke_interrupted(const Fault& at, uptr& mark, bool& irqs_on) {
    Task& task = *arch::current();
    Crossing& c = *task.crossing;
    if (c.gate->failed() && (in_failed_text(at.ip) || may_cut_leaf(at, c)) &&
        ((arch::preempt_count() ^ c.preempt_count) & kIrqDepth) == 0) {
        undo(task, c);
        mark = c.mark;
        irqs_on = c.irqs_on;
        return true;
    }
    lead_out(task, at.frame);
    return false;
}

void SleepScope::enter() {
    // As in schedule(), but before this hangs in the list: the call ends here.
    TENON_ASSERT(may_sleep());
    sync::IrqSpinGuard guard(g_sleepers_lock);
    sleepers().push_back(*this);
    entered_ = true;
}

void SleepScope::leave() {
    {
        sync::IrqSpinGuard guard(g_sleepers_lock);
        sleepers().erase(sleepers().iterator_to(*this));
    }
    if (is_revoked(task_)) lead_out(task_, reinterpret_cast<uptr>(__builtin_frame_address(0)));
}

void wake_revoked(bool cut) {
    if (cut) g_cut_at.store(arch::cycles(), std::memory_order_relaxed);
    {
        sync::IrqSpinGuard guard(g_sleepers_lock);
        for (SleepScope& s : sleepers()) sched::wake(s.task_);
    }
    const u64 others = arch::online_mask().bits();
    for (u64 left = others; left != 0; left &= left - 1)
        arch::send_reschedule(static_cast<u32>(__builtin_ctzll(left)));
}

}  // namespace tenon::module

// What a call that was led out comes to (arch::abandon_landing), on the stack below its frames.
extern "C" [[noreturn, gnu::visibility("hidden")]] void tenon_abandon_innermost() {
    using namespace tenon;
    arch::irq_disable();
    Task& task = *arch::current();
    module::Crossing& c = *task.crossing;
    module::undo(task, c);
    module::wake_warden();
    if (c.irqs_on) arch::irq_enable();
    arch::abandon_call(c.mark);
}
