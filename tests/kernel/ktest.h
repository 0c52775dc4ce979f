// Tests that run inside the kernel; see README.md.
#pragma once

#include <tenon/module/module.h>
#include <tenon/sched/kthread.h>
#include <tenon/sched/scheduler.h>

#include <span>
#include <string_view>

namespace tenon::ktest {

class Run;

struct Test {
    const char* name;
    void (*body)(Run& t);
};

// One run of one test. Failures are counted from any thread.
class Run {
  public:
    explicit Run(module::Context& context) : context_(context) {}
    TENON_NONCOPYABLE(Run);
    module::Context& context() const { return context_; }
    void fail(const char* file, u32 line, const char* expression);
    u32 failures() const { return failures_.load(std::memory_order_relaxed); }
    // The machine lacks what is tested: the test's line says so, and it counts as skipped.
    void skip() { skipped_ = true; }
    bool skipped() const { return skipped_; }

    // Runs body(index) in `threads` kernel threads that start together, and waits for all.
    template <typename Body>
    void parallel(u32 threads, Body&& body) {
        run_threads(
            threads,
            [](void* b, u32 index) { (*static_cast<std::remove_cvref_t<Body>*>(b))(index); },
            &body);
    }

  private:
    void run_threads(u32 threads, void (*call)(void*, u32), void* body);
    module::Context& context_;
    std::atomic<u32> failures_{0};
    bool skipped_ = false;
};

Result<void> run_all(module::Context& context, std::span<const Test* const> tests);

// Interrupt lines that somebody holds.
u32 interrupt_lines();

// A small generator of its own state, so that threads do not share one.
class Random {
  public:
    explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }
    u64 below(u64 n) { return next() % n; }

  private:
    u64 state_;
};

}  // namespace tenon::ktest

#define KTEST(test_name)                                                            \
    static void test_name##_body(::tenon::ktest::Run& t);                           \
    static constexpr ::tenon::ktest::Test test_name{#test_name, &test_name##_body}; \
    static void test_name##_body([[maybe_unused]] ::tenon::ktest::Run& t)

#define EXPECT(condition)                                \
    do {                                                 \
        if (!(condition)) [[unlikely]]                   \
            t.fail(__FILE_NAME__, __LINE__, #condition); \
    } while (0)
// Ends the test, too.
#define REQUIRE(condition)                               \
    do {                                                 \
        if (!(condition)) [[unlikely]] {                 \
            t.fail(__FILE_NAME__, __LINE__, #condition); \
            return;                                      \
        }                                                \
    } while (0)

// Once in every ktest: its name, and pointers to its tests.
#define KTEST_MODULE(module_name, ...)                                                    \
    class KtestModule final : public ::tenon::module::Instance {                          \
      public:                                                                             \
        static ::tenon::Result<std::unique_ptr<KtestModule>> create(                      \
            ::tenon::module::Context& context) {                                          \
            static constexpr const ::tenon::ktest::Test* kTests[] = {__VA_ARGS__};        \
            TRY(::tenon::ktest::run_all(context, kTests));                                \
            std::unique_ptr<KtestModule> self(new (std::nothrow) KtestModule);            \
            if (!self) return ::tenon::Err(::tenon::Error::nomem);                        \
            return self;                                                                  \
        }                                                                                 \
    };                                                                                    \
    TENON_MODULE(KtestModule, {.name = module_name,                                       \
                               .description = "tests of the core",                        \
                               .imports = {"tenon::mm::testing", "tenon::arch::testing"}, \
                               .restart = ::tenon::module::Restart::never})
