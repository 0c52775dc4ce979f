// Read-copy-update. Readers: RcuGuard (preemption off; nests; no sleep). Writers publish with
// rcu_assign and free after a grace period by rcu_call (asynchronous, any context) or
// rcu_synchronize (sleeps).
#pragma once

#include <tenon/arch/cpu.h>

#include <atomic>

namespace tenon::sync {

class RcuGuard {
  public:
    RcuGuard() { preempt_disable(); }
    ~RcuGuard() { preempt_enable(); }
    TENON_NONCOPYABLE(RcuGuard);
};

// Embedded in what is freed later. `function` runs in a kernel thread, may take mutexes but not
// wait for RCU.
struct RcuHead {
    RcuHead* next = nullptr;
    void (*function)(RcuHead*) = nullptr;
};
TENON_API void rcu_call(RcuHead& head, void (*function)(RcuHead*));
// Deletes an object a grace period from now; `kHead` is the offset of its RcuHead.
template <usize kHead, typename T>
void rcu_delete(T* object) {
    rcu_call(*reinterpret_cast<RcuHead*>(reinterpret_cast<u8*>(object) + kHead), [](RcuHead* head) {
        delete reinterpret_cast<T*>(reinterpret_cast<u8*>(head) - kHead);
    });
}
// Returns after every reader that was inside has left. May sleep.
TENON_API void rcu_synchronize();
// Waits until all callbacks queued before have run (module unload).
TENON_API void rcu_barrier();

// Pointer published to RCU readers: a release store pairs with the consume-as-acquire load.
template <typename T>
class RcuPtr {
  public:
    constexpr RcuPtr(T* p = nullptr) : p_(p) {}
    T* load() const { return p_.load(std::memory_order_acquire); }
    void assign(T* p) { p_.store(p, std::memory_order_release); }
    T* exchange(T* p) { return p_.exchange(p, std::memory_order_acq_rel); }

  private:
    std::atomic<T*> p_;
};

}  // namespace tenon::sync
