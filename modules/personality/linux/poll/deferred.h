// What a wake-up asks for and cannot do itself: the queue is locked then, and interrupts are off.
//
// A thread does it soon after. Several wake-ups that come before are one.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::personality {

class Deferred {
  public:
    // Any context, any lock.
    void defer();
    // It is not due any more. Does not wait for run(), which may call it.
    void forget();
    // Likewise, and run() is over. May sleep; not from this object's run().
    void withdraw();

  protected:
    ~Deferred() = default;
    // In the thread; may sleep, and may delete the object.
    virtual void run() = 0;

  private:
    friend struct DeferredList;
    bool due_ = false;
    Deferred* next_ = nullptr;
};

// Before anything is deferred. Error::nomem. May sleep.
Result<void> start_deferring();
// What was deferred before this call is over. May sleep; not from a run().
void settle_deferred();
// Module unload: nothing is deferred any more.
void stop_deferring();

}  // namespace tenon::personality
