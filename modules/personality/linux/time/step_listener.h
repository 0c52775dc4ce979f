// Hearing of steps of the wall clock: absolute timers on it are armed anew.
#pragma once

#include <tenon/sync/wait_queue.h>
#include <tenon/time/clock.h>

namespace tenon::personality {

class StepListener {
  public:
    StepListener() {
        entry_.callback = &stepped;
        entry_.owner = this;
    }
    TENON_NONCOPYABLE(StepListener);

  protected:
    ~StepListener() = default;
    // From now on. Nothing where it listens already.
    void listen() {
        if (entry_.queue == nullptr) time::realtime_step_queue().add(entry_);
    }
    // Before the destructor of what listens goes on.
    void stop_listening() { time::realtime_step_queue().remove(entry_); }
    // CLOCK_REALTIME was stepped. Any context, the step queue locked.
    virtual void clock_stepped() = 0;

  private:
    struct Entry : sync::WaitEntry {
        StepListener* owner = nullptr;
    };
    static bool stepped(sync::WaitEntry& entry, u32) {
        static_cast<Entry&>(entry).owner->clock_stepped();
        return false;
    }
    Entry entry_;
};

}  // namespace tenon::personality
