// Work queues, timers, kernel threads.
#include <tenon/arch/lose.h>
#include <tenon/arch/smp.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include "ktest.h"

using namespace tenon;

namespace {

struct Job {
    sched::Work work{&run};
    std::atomic<u32> runs{0};
    std::atomic<u32> inside{0};
    std::atomic<bool> overlapped{false};
    u64 sleep_ns = 0;
    static void run(sched::Work& w) {
        auto& self = *container_of_offset<Job>(&w, offsetof(Job, work));
        if (self.inside.fetch_add(1) != 0) self.overlapped = true;
        if (self.sleep_ns != 0) sched::sleep_ns(self.sleep_ns);
        self.runs.fetch_add(1);
        self.inside.fetch_sub(1);
    }
};

KTEST(work_runs_once_for_each_time_it_was_queued) {
    auto made = sched::WorkQueue::create("ktest");
    REQUIRE(made.has_value());
    sched::WorkQueue& queue = **made;
    Job job;
    job.sleep_ns = 1'000'000;
    EXPECT(queue.queue(job.work));
    queue.flush(job.work);
    EXPECT(job.runs.load() == 1);
    static std::atomic<u32> accepted;
    accepted = 0;
    Job busy;
    t.parallel(4, [&](u32) {
        for (u32 i = 0; i < 500; ++i) {
            if (queue.queue(busy.work)) accepted.fetch_add(1);
            if (i % 64 == 0) sched::yield();
        }
    });
    queue.drain();
    EXPECT(busy.runs.load() == accepted.load());
    EXPECT(busy.runs.load() > 0);
    sched::WorkQueue::destroy(&queue);
}

KTEST(destroying_a_work_queue_finishes_its_work) {
    constexpr u32 kJobs = 40;
    static Job jobs[kJobs];
    auto queue = sched::WorkQueue::create("ktest");
    REQUIRE(queue.has_value());
    u32 before = 0, after = 0;
    for (Job& job : jobs) before += job.runs.load();
    for (Job& job : jobs) EXPECT((*queue)->queue(job.work));
    sched::WorkQueue::destroy(*queue);
    for (Job& job : jobs) after += job.runs.load();
    EXPECT(after - before == kJobs);
}

struct Alarm {
    time::Timer timer{&fire};
    std::atomic<u32> fired{0};
    u64 at_ns = 0;
    u32 again = 0;  // how often it arms itself once more
    static void fire(time::Timer& timer) {
        auto& self = *container_of_offset<Alarm>(&timer, offsetof(Alarm, timer));
        self.at_ns = time::monotonic_ns();
        self.fired.fetch_add(1);
        if (self.again != 0) {
            --self.again;
            timer.arm_at(self.at_ns + 500'000);
        }
    }
};

bool comes_true(auto&& condition) {
    for (u32 i = 0; i < 5000 && !condition(); ++i) sched::sleep_ns(1'000'000);
    return condition();
}

KTEST(a_timer_fires_once_and_not_early) {
    Alarm alarm;
    const u64 due = time::monotonic_ns() + 3'000'000;
    alarm.timer.arm_at(due);
    EXPECT(alarm.timer.armed());
    EXPECT(comes_true([&] { return alarm.fired.load() != 0; }));
    EXPECT(alarm.at_ns >= due);
    sched::sleep_ns(3'000'000);
    EXPECT(alarm.fired.load() == 1);
    EXPECT(!alarm.timer.armed() && !alarm.timer.cancel());
}

KTEST(a_timer_can_arm_itself_and_be_armed_anew) {
    Alarm alarm;
    alarm.again = 5;
    alarm.timer.arm_at(time::monotonic_ns());
    EXPECT(comes_true([&] { return alarm.fired.load() == 6; }));
    const u64 far = time::monotonic_ns() + 3'600'000'000'000;
    alarm.timer.arm_at(far);
    EXPECT(alarm.timer.deadline_ns() == far);
    alarm.timer.arm_at(time::monotonic_ns() + 1'000'000);  // earlier
    EXPECT(comes_true([&] { return alarm.fired.load() == 7; }));
    alarm.timer.arm_at(far);
    EXPECT(alarm.timer.cancel_sync());
    EXPECT(!alarm.timer.armed());
    sched::sleep_ns(2'000'000);
    EXPECT(alarm.fired.load() == 7);
}

// It would keep its CPU in the interrupt for good.
KTEST(a_timer_that_arms_itself_for_the_past_leaves_the_cpu_to_others) {
    struct Restless {
        time::Timer timer{&fire};
        std::atomic<bool> over{false};
        std::atomic<u32> fired{0};
        static void fire(time::Timer& timer) {
            auto& r = *reinterpret_cast<Restless*>(reinterpret_cast<u8*>(&timer) -
                                                   offsetof(Restless, timer));
            r.fired.fetch_add(1);
            if (!r.over.load()) timer.arm_at(1);
        }
    };
    t.parallel(arch::online_cpus(), [&](u32) {
        Restless restless;
        restless.timer.arm_at(time::monotonic_ns());
        EXPECT(comes_true([&] { return restless.fired.load() >= 20; }));
        restless.over = true;
        (void)restless.timer.cancel_sync();
    });
}

KTEST(timers_are_armed_and_cancelled_on_all_cpus_at_once) {
    Alarm alarms[16];
    t.parallel(6, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 3000; ++i) {
            Alarm& alarm = alarms[random.below(16)];
            switch (random.below(3)) {
                case 0:
                    alarm.timer.arm_at(time::monotonic_ns() + random.below(400'000));
                    break;
                case 1:
                    (void)alarm.timer.cancel();
                    break;
                default:
                    (void)alarm.timer.cancel_sync();
                    break;
            }
            if (i % 32 == 0) sched::yield();
        }
    });
    // On a busy machine every one of them may have been cancelled in time.
    alarms[0].timer.arm_at(time::monotonic_ns() + 100'000);
    EXPECT(comes_true([&] { return alarms[0].fired.load() != 0; }));
    u32 fired = 0;
    for (Alarm& alarm : alarms) {
        (void)alarm.timer.cancel_sync();
        fired += alarm.fired.load();
    }
    sched::sleep_ns(2'000'000);
    for (Alarm& alarm : alarms) fired -= alarm.fired.load();
    EXPECT(fired == 0);  // nothing fires after cancel_sync()
}

KTEST(a_sleep_lasts_as_long_as_asked) {
    for (u64 ns : {100'000ull, 1'000'000ull, 10'000'000ull}) {
        const u64 began = time::monotonic_ns();
        sched::sleep_ns(ns);
        EXPECT(time::monotonic_ns() - began >= ns);
    }
    EXPECT(sched::sleep_until({time::monotonic_ns()}).has_value());
}

struct Worker {
    std::atomic<u32> turns{0};
    std::atomic<bool> interrupted{false};
    sync::WaitQueue queue;
    static void main(void* self_pointer) {
        auto& self = *static_cast<Worker*>(self_pointer);
        while (!sched::KThread::should_stop()) {
            self.turns.fetch_add(1);
            auto woken = self.queue.wait([] { return false; }, sync::WaitMode::interruptible);
            if (!woken && woken.error() == Error::restart) self.interrupted = true;
        }
    }
};

KTEST(stopping_a_thread_ends_its_sleep) {
    for (u32 i = 0; i < 20; ++i) {
        Worker worker;
        auto thread = sched::KThread::start("ktest-worker", &Worker::main, &worker);
        REQUIRE(thread.has_value());
        // Stopped before, while and after it goes to sleep.
        if (i % 3 == 1) EXPECT(comes_true([&] { return worker.turns.load() != 0; }));
        if (i % 3 == 2) sched::sleep_ns(2'000'000);
        sched::KThread::stop(*thread);
        if (i % 3 == 2) EXPECT(worker.interrupted.load());
    }
    EXPECT(!sched::KThread::should_stop());
}

KTEST(a_thread_runs_where_its_affinity_says) {
    t.parallel(4, [&](u32 me) {
        const u32 cpu = me % arch::online_cpus();
        REQUIRE(sched::set_affinity(*arch::current(), CpuMask::of(cpu)).has_value());
        for (u32 i = 0; i < 200; ++i) {
            {
                PreemptGuard guard;
                EXPECT(arch::cpu_id() == cpu);
            }
            sched::yield();
        }
        EXPECT(sched::affinity(*arch::current()) == CpuMask::of(cpu));
    });
    auto none = sched::set_affinity(*arch::current(), CpuMask(u64{1} << 63));
    EXPECT(!none && none.error() == Error::inval);
}

KTEST(interrupts_that_get_lost_hold_nobody_up) {
    std::atomic<u32> called{0};
    const auto call_all = [&] {
        called = 0;
        arch::call_on(
            arch::online_mask(), [](void* n) { static_cast<std::atomic<u32>*>(n)->fetch_add(1); },
            &called);
        EXPECT(called.load() == arch::online_cpus());
    };
    for (u32 i = 0; i < 20; ++i) {
        arch::testing::lose_interrupts(1 + i % 3, 0);
        call_all();
        auto area = mm::vmalloc(kPageSize);  // with a shootdown when it goes
        REQUIRE(area.has_value());
        arch::testing::lose_interrupts(1 + i % 3, 0);
        mm::vfree(*area);
    }
    for (u32 i = 0; i < 20; ++i) {
        arch::testing::lose_interrupts(0, 1 + i % 3);  // of calls, of timers
        sched::sleep_ns(1'000'000);
        call_all();
        t.parallel(4, [](u32) { sched::sleep_ns(2'000'000); });
    }
    arch::testing::lose_interrupts(0, 0);
}

KTEST(many_threads_come_and_go) {
    static std::atomic<u32> ran;
    ran = 0;
    for (u32 i = 0; i < 10; ++i) t.parallel(16, [&](u32) { ran.fetch_add(1); });
    EXPECT(ran.load() == 160);
}

}  // namespace

KTEST_MODULE("ktest_sched", &work_runs_once_for_each_time_it_was_queued,
             &destroying_a_work_queue_finishes_its_work, &a_timer_fires_once_and_not_early,
             &a_timer_can_arm_itself_and_be_armed_anew,
             &a_timer_that_arms_itself_for_the_past_leaves_the_cpu_to_others,
             &timers_are_armed_and_cancelled_on_all_cpus_at_once, &a_sleep_lasts_as_long_as_asked,
             &stopping_a_thread_ends_its_sleep, &a_thread_runs_where_its_affinity_says,
             &interrupts_that_get_lost_hold_nobody_up, &many_threads_come_and_go);
