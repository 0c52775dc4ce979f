// Calls into modules that can be given up, and the faults that make it necessary.
//
// Theory. cross() leaves a Crossing on the stack, chained from the task: the recovery point. The
// call itself runs on a stack of its own (stacks.h), so that the record and the frames of the
// caller lie where the module does not come by accident. Nested calls make a chain of stacks: who
// walks frames goes from the end of one to the mark on the next. When module text faults, the
// innermost crossing of the task is given up: what the dead frames had taken (locks, wait entries,
// preemption, interrupts) is undone, and cross() answers false. A call that stands inside the core
// while its module dies goes on to its return there, which then leads to the landing instead of the
// module (the return address in the stack is replaced). A core function is cut in two only where it
// would not come back by itself: it faults on what the module gave it, goes round in that, or
// sleeps for good. Not under Uncut. Leaf text (copies, the spin of a lock) counts as its caller's.
#pragma once

#include <tenon/arch/keys.h>
#include <tenon/module/gate.h>
#include <tenon/process/task.h>

#include "core/module/stacks.h"

namespace tenon::module {

struct Crossing {
    static constexpr u64 kIntact = 0x7265'636f'7665'7279;
    u64 intact = kIntact;  // or its caller's frames are overwritten: no way back
    uptr mark = 0;         // arch::guarded_call's
    arch::CallOut out;     // behind the mark: guarded_call()'s, too
    CallStack stack;       // or none: then it runs on its caller's
    Crossing* outer = nullptr;
    Gate* gate = nullptr;
    Gate* previous = nullptr;
    uptr thunk = 0;  // of the caller's text: what calls into the module
    u32 phase = 0;
    u32 preempt_count = 0;
    u32 faults_disabled = 0;
    u32 held_locks = 0;  // of Task::module_locks
    // What the watchdog saw of it: looks at which it ran, and had neither slept nor asked whether
    // it is to end since the first of them (`rests`); how many of the last ones were with
    // interrupts or preemption off.
    u32 looks = 0, atomic_looks = 0;
    u64 rests;
    u32 uncut = 0;
    bool irqs_on = true;
    bool is_call = true;  // counts as a call in flight
};

// What the core does under one, on behalf of a module's call, ends before that call is cut off.
class Uncut {
  public:
    Uncut() : call_(current()->crossing) {
        if (call_ != nullptr) ++call_->uncut;
    }
    ~Uncut() {
        if (call_ != nullptr) --call_->uncut;
    }
    TENON_NONCOPYABLE(Uncut);

  private:
    Crossing* call_;
};

// Where a function of the core that returns to `returns_to` was called: behind an import stub, the
// module's own place.
inline uptr call_site(uptr returns_to) {
    const Task* task = arch::keys_on() ? current() : nullptr;
    const Crossing* c = task == nullptr ? nullptr : task->crossing;
    if (c == nullptr || c->out.slot == 0 || *reinterpret_cast<uptr*>(c->out.slot) != returns_to)
        return returns_to;
    return c->out.address;
}

// What went wrong, as the trap entry tells it.
struct Fault {
    const char* what;
    uptr ip = 0, stack = 0, frame = 0;
    uptr address = 0;
};

// What to call a fault at `address`, next to the end of a stack of the current task; null: it is
// not there.
const char* name_of_guard(uptr address);
// Of a task that ended inside calls: their stacks, which nobody runs on any more.
void give_stacks_back(Task& task);

// `what` of a write that a protection key forbade.
inline constexpr char kWroteCoreData[] = "wrote core data";

// [irqs off] With protection keys, a write to core data from text that may: of the core or of a
// trusted module, called by a module past its stubs (a virtual function), or by the gate itself. It
// has the core's rights then, until it returns into the module.
bool lend_rights(const Fault& fault);
// The place that wrote: of a memory copy, whom it returns to.
uptr writer_of(const Fault& fault);

// Ends the innermost call of the current task into a restartable module, if the fault may be
// laid at the module's door. True: continue at `mark` with irqs as `irqs_on` says (the caller
// loads them). Any context, irqs off.
bool contain_fault(const Fault& fault, uptr& mark, bool& irqs_on);

// In place of a panic that a module's call ran into, when what is held for it is noted: does not
// come back then.
void end_call_instead_of_panic(const char* message);

// Between the watchdog's looks: 250 ms, or as `watchdog=MS` says. 12 of them end a call that does
// not sleep.
u64 watch_period_ns();
// [NMI] A look at what runs on this CPU, once in that time: a call that has run for too long
// without a sleep, or has kept interrupts or preemption off, fails its module. As contain_fault().
bool watch_call(const Fault& at, bool irqs_were_on, uptr& mark, bool& irqs_on);

// True while a module that the current task is inside of has failed: sleeps end, the call is given
// up at its next return into the module.
bool is_revoked(const Task& task);
// [irq] The current task was interrupted inside a failed module, or at its return address: as
// contain_fault(). False: nothing to do yet, the return was made to lead out.
bool revoke_interrupted(const Fault& at, uptr& mark, bool& irqs_on);

// A sleep inside a module call, which a failing module must be able to end. Made where tasks sleep.
class SleepScope {
  public:
    explicit SleepScope(Task& task) : task_(task) {
        if (task.crossing != nullptr) [[unlikely]]
            enter();
    }
    ~SleepScope() {
        if (entered_) [[unlikely]]
            leave();
    }
    TENON_NONCOPYABLE(SleepScope);
    // Error::nodev when the sleep must not begin or go on.
    bool revoked() const { return entered_ && is_revoked(task_); }

    ListHook hook;

  private:
    friend void wake_revoked(bool cut);
    void enter();
    void leave();
    Task& task_;
    bool entered_ = false;
};
// Ends the sleeps and interrupts the loops of all calls into failed modules. With `cut` also the
// sleeps that would not end: who waits for a lock in a failed module's memory waits for ever.
// Any context.
void wake_revoked(bool cut = false);
// Behind a sleep: does not come back when it was cut.
void end_cut_sleep(Task& task);

}  // namespace tenon::module
