// Intrusive shared ownership: Ref<T> over a T that derives from RefCounted<T>.
//
// The last drop calls T::on_last_ref(), by default `delete static_cast<T*>(this)`, so the drop of a
// possibly last reference may sleep and never happens under a spin lock.
#pragma once

#include <tenon/lib/types.h>

#include <atomic>
#include <utility>

namespace tenon {

// Reference counts may lie in memory that only the core writes (<tenon/arch/keys.h>): the build of
// modules that can fail has them changed out of line. Any context.
namespace detail {
TENON_API void ref_for_module(std::atomic<u32>& refs);
TENON_API bool try_ref_for_module(std::atomic<u32>& refs);
TENON_API u32 unref_for_module(std::atomic<u32>& refs);  // what was there
#ifdef TENON_TRACKS_LOCKS
inline constexpr bool kRefsOutOfLine = true;
#else
inline constexpr bool kRefsOutOfLine = false;
#endif
}  // namespace detail

template <typename T>
class RefCounted {
  public:
    TENON_NONCOPYABLE(RefCounted);

    void ref() const {
        if constexpr (detail::kRefsOutOfLine) return detail::ref_for_module(refs_);
        refs_.fetch_add(1, std::memory_order_relaxed);
    }

    // Takes a reference unless the object is already dying. For lookups under RCU.
    // Pairs with the acq_rel decrement in unref().
    [[nodiscard]] bool try_ref() const {
        if constexpr (detail::kRefsOutOfLine) return detail::try_ref_for_module(refs_);
        u32 n = refs_.load(std::memory_order_relaxed);
        while (n != 0) {
            if (refs_.compare_exchange_weak(n, n + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed))
                return true;
        }
        return false;
    }

    void unref() const {
        if ((detail::kRefsOutOfLine ? detail::unref_for_module(refs_)
                                    : refs_.fetch_sub(1, std::memory_order_acq_rel)) == 1)
            const_cast<T*>(static_cast<const T*>(this))->on_last_ref();
    }

    // Kills the object if the caller's is the only reference; then nobody can take one any more and
    // the caller disposes of it. For caches that hold a reference of their own.
    [[nodiscard]] bool freeze_if_unique() const {
        u32 one = 1;
        return refs_.compare_exchange_strong(one, 0, std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }

    u32 ref_count() const { return refs_.load(std::memory_order_relaxed); }

    void on_last_ref() { delete static_cast<T*>(this); }

  protected:
    RefCounted() = default;
    ~RefCounted() = default;

  private:
    mutable std::atomic<u32> refs_{1};
};

struct AdoptRef {};
inline constexpr AdoptRef kAdoptRef{};

template <typename T>
class Ref {
  public:
    constexpr Ref() = default;
    constexpr Ref(std::nullptr_t) {}
    explicit Ref(T* object) : object_(object) {
        if (object_) object_->ref();
    }
    Ref(T* object, AdoptRef) : object_(object) {}
    Ref(const Ref& other) : Ref(other.object_) {}
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <typename U>
    requires(std::is_convertible_v<U*, T*>) Ref(Ref<U> other) : object_(other.release()) {}
    ~Ref() {
        if (object_) object_->unref();
    }
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }

    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    bool operator==(const Ref& other) const { return object_ == other.object_; }

    // Gives the reference away; the caller owns it.
    [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }
    void reset() { Ref().swap(*this); }
    void swap(Ref& other) { std::swap(object_, other.object_); }

  private:
    T* object_ = nullptr;
};

template <typename T>
Ref<T> adopt_ref(T* object) {
    return Ref<T>(object, kAdoptRef);
}

}  // namespace tenon
