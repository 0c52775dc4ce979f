// Ends the use of something that goes: counts the calls in flight on it, refuses new ones.
#pragma once

#include <tenon/sync/wait_queue.h>

namespace tenon::sync {

// One counter: for devices, not for what every system call passes. When revoke() returned, the
// object may be freed, unless somebody may still enter().
class Revocation {
  public:
    TENON_API bool enter();   // false once revoked. Any context
    TENON_API void leave();   // once for each enter() that said yes
    TENON_API void revoke();  // refuses new calls, waits for those in flight: sleeps
    // In a frame of the core: a module's may be given up, and does not leave then.
    class Call {
      public:
        explicit Call(Revocation& of) : of_(of), entered_(of.enter()) {}
        ~Call() {
            if (entered_) of_.leave();
        }
        TENON_NONCOPYABLE(Call);
        explicit operator bool() const { return entered_; }

      private:
        Revocation& of_;
        bool entered_;
    };

  private:
    static constexpr u32 kRevoked = 1, kCall = 2;
    std::atomic<u32> state_{0};
    WaitQueue drained_;
};

}  // namespace tenon::sync
