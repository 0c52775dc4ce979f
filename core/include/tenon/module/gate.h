// The gate between core and modules, as callers see it.
//
// The core (and one module of another) holds an object that a module implements only as Gated<T>. A
// call through it
//   (a) counts the call in flight in the owner's Gate, so that unload can wait for quiescence
//   (tasks sleep and migrate: SRCU-like
//       per-CPU counters in two phases),
//   (b) makes the owner the task's current module, to whose ledger memory and handles are charged,
//   (c) records a recovery point: a fault in the module ends the call,
// and answers Error::nodev once the owner is going or gone. Objects of the core itself and of
// trusted modules (the Linux personality) have a null or trusted gate and cost a test and a branch.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>

#include <memory>
#include <new>
#include <type_traits>

namespace tenon::sync {
struct WaitEntry;
}

namespace tenon::module {

class Module;

// How a call enters a module.
enum class Entry : u8 {
    call,      // counted in flight; refused once the gate is closed
    resident,  // not counted: the module's own threads, and its destruction
};
// One per module instance; outlives it while handles remain.
class Gate : public RefCounted<Gate> {
  public:
    // False once closed. `phase` must be given back to leave(). Any thread context; also irq (does
    // not sleep).
    TENON_API bool enter(u32& phase);
    TENON_API void leave(u32 phase);
    // Threads and the destruction come in through a gate that is closed, but not once it failed:
    // nobody would end what they do then. Not for irq.
    bool enter_resident();
    void leave_resident() { residents_.fetch_sub(1, std::memory_order_seq_cst); }
    TENON_API u32 owner_tag() const;  // ledger tag, also Page::owner
    TENON_API std::string_view owner_name() const;
    bool trusted() const { return trusted_; }
    // Whether calls through `gate` are counted and can be ended: not for objects of the core and of
    // trusted modules.
    static bool counts(const Gate* gate) { return gate != nullptr && !gate->trusted(); }
    bool closed() const { return closed_.load(std::memory_order_acquire); }
    // The module faulted, or one that it stands on: its calls are being ended.
    bool failed() const { return failed_.load(std::memory_order_acquire); }
    // True while the module goes in order to come again (a restart after a fault, an update): what
    // it served may be held for the next instance, a short while.
    bool successor_expected() const { return successor_.load(std::memory_order_acquire); }

    // What keeps the module from being unloaded without force: open files, mounts.
    void pin() { pins_.fetch_add(1, std::memory_order_relaxed); }
    void unpin() { pins_.fetch_sub(1, std::memory_order_relaxed); }
    u32 pins() const { return pins_.load(std::memory_order_relaxed); }

    // [module] Closes for new calls; then waits for those in flight. Error::timedout after the
    // deadline.
    void close();
    Result<void> quiesce(u64 deadline_ns);
    void open();
    u64 in_flight() const;
    // Closed for good, calls inside are to be ended. False when it was so before. Any context.
    // `what` is a literal.
    bool fail(const char* what);
    const char* failure() const { return failure_; }
    // [device] A device that it drove could not be kept from memory, and is forgotten.
    std::atomic<bool> left_unsilenced{false};
    // Threads of the module, and its destruction.
    u32 residents() const { return residents_.load(std::memory_order_seq_cst); }
    void expect_successor(bool expected) { successor_.store(expected, std::memory_order_release); }
    // [sync] Registrations to be woken that were hung up during calls into the module.
    static void watch(sync::WaitEntry& entry);
    static void unwatch(sync::WaitEntry& entry);
    // [module] Takes them all off. Their queues must stay for a grace period after.
    void end_watches();
    TENON_API void on_last_ref();
    static Result<Ref<Gate>> create(std::string_view name, u32 tag, bool trusted);

  private:
    Gate() = default;
    bool trusted_ = false;
    std::atomic<bool> closed_{false}, failed_{false}, successor_{false};
    std::atomic<u32> phase_{0};
    struct Counters;
    u64 count(u32 phase) const;
    Counters* counters_ = nullptr;  // per CPU: entries and exits, two phases
    std::atomic<u32> residents_{0};
    const char* failure_ = "";
    std::atomic<u32> pins_{0};
    u32 tag_ = 0;
    char name_[56] = {};
};

// Runs function(argument) inside the module behind `gate`. False when the gate was closed, or when
// the call was ended by a fault in the module: then nothing of it is left on the stack, but what it
// did before remains done. Calls of the core and of trusted modules (null or trusted gate) are
// plain calls. Any context.
TENON_API bool cross(Gate* gate, void (*function)(void*), void* argument,
                     Entry entry = Entry::call);
template <typename F>
bool cross(Gate* gate, F&& function, Entry entry = Entry::call) {
    using Function = std::remove_reference_t<F>;
    return cross(
        gate, [](void* f) { (*static_cast<Function*>(f))(); }, &function, entry);
}

// Charges what the current task does to a module without counting it as a call in flight: for
// threads and for the module's own destruction. [module]
class GateAttribution {
  public:
    explicit GateAttribution(Gate* gate) : previous_(exchange_current(gate)) {}
    ~GateAttribution() { exchange_current(previous_); }
    TENON_NONCOPYABLE(GateAttribution);

  private:
    TENON_API static Gate* exchange_current(Gate* gate);
    Gate* previous_;
};

// The gate of the module on whose behalf the current task runs; null in the core.
TENON_API Gate* current_gate();

template <typename T>
class Gated;

namespace detail {
template <typename R>
struct DeadAnswer {
    static R value() { return R{}; }
};
template <typename T>
struct DeadAnswer<Result<T>> {
    static Result<T> value() { return Err(Error::nodev); }
};
template <>
struct DeadAnswer<void> {
    static void value() {}
};
// What a module hands to the core is looked at first: an object has a vtable of the module whose
// gate it comes with. Null is fine.
TENON_API bool is_sound(const void* object, const Gate* gate);
TENON_API void reject_answer(Gate& gate);
template <typename R>
bool sound(const R&, const Gate*) {
    return true;
}
template <typename T>
bool sound(const std::unique_ptr<T>& object, const Gate* gate) {
    return !std::is_polymorphic_v<T> || is_sound(object.get(), gate);
}
template <typename T>
bool sound(const Gated<T>& handle, const Gate*) {
    return !std::is_polymorphic_v<T> || is_sound(handle.object(), handle.gate());
}
template <typename T>
bool sound(const Result<T>& answer, const Gate* gate) {
    if constexpr (std::is_void_v<T>)
        return true;
    else
        return answer ? sound(*answer, gate) : answer.error() != Error::none;
}
}  // namespace detail

// A handle on an object behind a gate. Owning handles destroy the object (through the gate) when
// dropped; if the module died before, its memory went with the ledger and nothing is called.
template <typename T>
class Gated {
  public:
    constexpr Gated() = default;
    // The object outlives the handle (static or member of the module's own structures).
    static Gated borrow(T* object, Gate* gate = current_gate()) {
        return Gated(object, Ref<Gate>(gate), false);
    }
    static Gated own(std::unique_ptr<T> object, Gate* gate = current_gate()) {
        return Gated(object.release(), Ref<Gate>(gate), true);
    }
    Gated(Gated&& o) noexcept
        : object_(std::exchange(o.object_, nullptr)), gate_(std::move(o.gate_)), owned_(o.owned_) {}
    Gated& operator=(Gated&& o) noexcept {
        if (this != &o) {
            reset();
            object_ = std::exchange(o.object_, nullptr);
            gate_ = std::move(o.gate_);
            owned_ = o.owned_;
        }
        return *this;
    }
    ~Gated() { reset(); }
    // Another handle on the same object that does not own it.
    Gated alias() const { return Gated(object_, gate_, false); }

    explicit operator bool() const { return object_ != nullptr; }
    T* object() const { return object_; }
    Gate* gate() const { return gate_.get(); }

    // ops.call(&FileOps::read, file, buffer, position). A dead owner answers Error::nodev, or a
    // zero value.
    template <typename R, typename C, typename... P, typename... A>
    requires(std::is_base_of_v<C, T>) R call(R (C::*method)(P...), A&&... args)
    const {
        auto& object = static_cast<C&>(*object_);
        if (!Gate::counts(gate_.get())) [[likely]]
            return (object.*method)(std::forward<A>(args)...);
        return call_counted<R>(object, method, std::forward<A>(args)...);
    }
    template <typename R, typename C, typename... P, typename... A>
    requires(std::is_base_of_v<C, T>) R call(R (C::*method)(P...) const, A&&... args)
    const {
        auto& object = static_cast<const C&>(*object_);
        if (!Gate::counts(gate_.get())) [[likely]]
            return (object.*method)(std::forward<A>(args)...);
        return call_counted<R>(object, method, std::forward<A>(args)...);
    }

    void reset() {
        if (object_ != nullptr && owned_) {
            T* object = object_;
            (void)cross(gate_.get(), [object] { delete object; });
        }
        object_ = nullptr;
        gate_ = nullptr;
    }

  private:
    // Apart, so that the common case needs none of its registers.
    template <typename R, typename O, typename M, typename... A>
    [[gnu::noinline]] R call_counted(O& object, M method, A&&... args) const {
        if constexpr (std::is_void_v<R>) {
            (void)cross(gate_.get(), [&] { (object.*method)(std::forward<A>(args)...); });
        } else {
            // Made in place, on zeros: a method that loses its way leaves no old answer behind.
            alignas(R) u8 room[sizeof(R)] = {};
            const bool returned = cross(
                gate_.get(), [&] { new (room) R((object.*method)(std::forward<A>(args)...)); });
            if (!returned) [[unlikely]]
                return detail::DeadAnswer<R>::value();
            R& answer = *std::launder(reinterpret_cast<R*>(room));
            if (!detail::sound(answer, gate_.get())) [[unlikely]] {
                detail::reject_answer(*gate_);
                return detail::DeadAnswer<R>::value();
            }
            R out(std::move(answer));
            answer.~R();
            return out;
        }
    }
    Gated(T* object, Ref<Gate> gate, bool owned)
        : object_(object), gate_(std::move(gate)), owned_(owned) {}
    T* object_ = nullptr;
    Ref<Gate> gate_;
    bool owned_ = false;
};

}  // namespace tenon::module
