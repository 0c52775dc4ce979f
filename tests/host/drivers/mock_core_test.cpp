// The mock core itself: that it finds what it is there to find. The module below does, on request,
// what a module must not.
#include <gtest/gtest-spi.h>
#include <tenon/device/device.h>
#include <tenon/mock/mock.h>
#include <tenon/sync/mutex.h>
#include <tenon/time/clock.h>

using namespace tenon;

namespace {

TENON_PARAMETER(u32, sin, {.value = 0, .max = 9});
TENON_PARAMETER(bool, flag, {.value = false});

struct State {
    u32 timer_runs = 0, work_runs = 0, thread_runs = 0, irq_thread_runs = 0;
    bool stop_seen = false;
};
State state;

void* leaked_memory;

class Sinner final : public module::Instance {
  public:
    static Result<std::unique_ptr<Sinner>> create(module::Context& context) {
        std::unique_ptr<Sinner> self(new (std::nothrow) Sinner);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(self->timer_, context.make_timer<&Sinner::on_timer>(self.get()));
        TRY_ASSIGN(self->work_, context.make_work<&Sinner::on_work>(self.get()));
        TRY_ASSIGN(self->thread_, context.start_thread("sinner", &Sinner::main, self.get()));
        TRY_ASSIGN(self->irq_, context.request_isa_irq(
                                   5, nullptr, [](void*) { ++state.irq_thread_runs; }, nullptr));
        self->timer_.arm_at(time::monotonic_ns() + 1'000'000);
        if (sin == 1) {  // a grant that nobody gives back
            TRY_ASSIGN(auto lost, context.hold(
                                      "lost", [](void*) {}, nullptr));
            static module::Held* kept = new module::Held;
            new (kept) module::Held(std::move(lost));
        }
        if (sin == 2) leaked_memory = new (std::nothrow) u8[100];
        if (sin == 3) {
            sync::SpinGuard guard(spin);
            (void)self->queue_.wait([] { return false; }, sync::WaitMode::uninterruptible,
                                    sync::Deadline::after_ns(1000));
        }
        if (sin == 4) {
            sync::MutexGuard inner(inner_lock);
            sync::MutexGuard outer(outer_lock);
        }
        if (sin == 5)
            (void)self->queue_.wait([] { return false; }, sync::WaitMode::uninterruptible);
        return self;
    }

  private:
    void on_timer() {
        ++state.timer_runs;
        work_.queue();
    }
    void on_work() {
        sync::MutexGuard guard(outer_lock);
        ++state.work_runs;
        queue_.wake_all();
    }
    static void main(void* object) {
        auto& self = *static_cast<Sinner*>(object);
        while (self.queue_.wait([] { return state.work_runs > state.thread_runs; }))
            ++state.thread_runs;
        state.stop_seen = true;
    }
    static inline sync::SpinLock spin{sync::LockRank::spin_leaf};
    static inline sync::Mutex outer_lock{sync::LockRank::pipe},
        inner_lock{sync::LockRank::sleeping_leaf};
    sync::WaitQueue queue_;
    module::TimerHandle timer_;
    module::WorkHandle work_;
    module::Held thread_, irq_;
};

class MockCore : public mock::ModuleTest {
  protected:
    MockCore() { state = {}; }
};

TEST_F(MockCore, runs_timers_work_and_threads_in_the_clock_that_the_test_moves) {
    ASSERT_TRUE(mock::load());
    EXPECT_EQ(state.timer_runs, 0u);
    mock::advance(500'000);
    EXPECT_EQ(state.timer_runs, 0u);
    mock::advance(1'000'000);
    EXPECT_EQ(state.timer_runs, 1u);
    EXPECT_EQ(state.work_runs, 1u);
    EXPECT_EQ(state.thread_runs, 1u);
    mock::unload();
    EXPECT_TRUE(state.stop_seen);
}

TEST_F(MockCore, gives_back_a_load_that_fails_at_any_step) {
    EXPECT_EQ(
        mock::at_every_failure([] { return mock::load().has_value(); }, [] { mock::unload(); }),
        5u);
}

TEST_F(MockCore, names_a_leaked_grant_and_its_place) {
    ASSERT_TRUE(mock::load("sin=1"));
    const auto lines = mock::ledger();
    EXPECT_NE(lines.back().find("mock_core_test.cpp"), std::string::npos) << lines.back();
    ::testing::TestPartResultArray found;
    {
        ::testing::ScopedFakeTestPartResultReporter reporter(
            ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &found);
        EXPECT_FALSE(mock::unload());
    }
    ASSERT_GE(found.size(), 1);
    EXPECT_NE(std::string(found.GetTestPartResult(0).message()).find("leaked other lost"),
              std::string::npos)
        << found.GetTestPartResult(0).message();
}

TEST_F(MockCore, names_leaked_memory_and_its_place) {
    ASSERT_TRUE(mock::load("sin=2"));
    ::testing::TestPartResultArray found;
    {
        ::testing::ScopedFakeTestPartResultReporter reporter(
            ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &found);
        EXPECT_FALSE(mock::unload());
    }
    ASSERT_EQ(found.size(), 1);
    EXPECT_NE(
        std::string(found.GetTestPartResult(0).message()).find("100 bytes, mock_core_test.cpp"),
        std::string::npos)
        << found.GetTestPartResult(0).message();
    delete[] static_cast<u8*>(std::exchange(leaked_memory, nullptr));
}

TEST_F(MockCore, finds_a_sleep_under_a_spin_lock) {
    EXPECT_NONFATAL_FAILURE((void)mock::load("sin=3"), "under a spin lock");
}

TEST_F(MockCore, finds_locks_out_of_order) {
    EXPECT_NONFATAL_FAILURE((void)mock::load("sin=4"), "lock order");
}

TEST_F(MockCore, finds_a_wait_that_nobody_ends) {
    EXPECT_NONFATAL_FAILURE_ON_ALL_THREADS((void)mock::load("sin=5"), "sleeps for ever");
}

TEST_F(MockCore, checks_parameters_and_starts_each_test_with_their_defaults) {
    EXPECT_EQ(mock::load("sin=10").error(), Error::inval);
    ASSERT_TRUE(mock::load("flag"));
    EXPECT_TRUE(flag);
    EXPECT_EQ(sin, 0u);
    mock::unload();
    ASSERT_TRUE(mock::load());
    EXPECT_FALSE(flag);
}

TEST_F(MockCore, dies_of_an_access_to_registers_that_are_not_mapped) {
    mock::PciDevice device({.vendor = 1, .device = 2});
    device.add_bar(0, 4096, [](usize, usize) { return 7; }, {});
    volatile u32* raw = reinterpret_cast<volatile u32*>(device.function().bar(0).address.value);
    EXPECT_DEATH((void)*raw, "mapping was given back");
}

}  // namespace

TENON_MODULE(Sinner, {.name = "sinner"});
