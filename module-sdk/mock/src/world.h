// What the parts of the mock core share: the one CPU, its tasks and its clock; the module's ledger.
//
// Theory. Nothing runs by itself. Every task is a host thread, but only the one that holds the
// baton runs; it gives the baton away where a kernel task may sleep. When all sleep, the clock
// jumps to the next timer or deadline. So a run is the same each time, a wait of ten seconds costs
// nothing, and a wait that nobody ends is found and reported.
#pragma once

#include <gtest/gtest.h>
#include <tenon/device/device.h>
#include <tenon/mock/mock.h>
#include <tenon/module/module.h>
#include <tenon/sync/lock_rank.h>
#include <tenon/time/timer.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tenon::mock {

struct SimTask {
    // First, for current() points here.
    alignas(64) u8 identity[64] = {};
    std::thread thread;
    std::condition_variable turn;
    std::function<void()> body;
    bool runnable = true, timed_out = false, finished = false, stop = false, hung = false;
    u64 wake_ns = ~u64{0};
    u32 preempt_count = 0;
    bool irqs_on = true;
    struct HeldLock {
        const void* lock;
        sync::LockRank rank;
    };
    std::vector<HeldLock> locks;
    module::Gate* gate = nullptr;
};

struct World {
    std::mutex mutex;  // the baton's
    SimTask boot;      // the test itself
    SimTask* running = &boot;
    std::vector<std::unique_ptr<SimTask>> tasks;
    u64 now_ns = 1'000'000'000;
    std::multimap<u64, time::Timer*> timers;
    std::deque<std::function<void()>> interrupts;  // raised while they were off
    bool signal = false;
    std::vector<std::string> log;
    std::unique_ptr<SimTask> dead;
};
World& world();

// Starts a task; it runs when somebody sleeps.
SimTask& spawn(std::function<void()> body);
// Asks it to stop and waits until it returned.
void join(SimTask& task);
// Gives the baton away until somebody makes this task runnable, or `deadline_ns`.
void block(u64 deadline_ns);
// Runs the others until all of them sleep.
void run_others();
void fire_timers();
u64 next_event_ns();
// As an interrupt of the CPU: at once, or when they are on again.
void interrupt(std::function<void()> handler);

// "file.cpp:12 in function" of an address in the program.
std::string describe(const void* pc);

// Whether this step is the one to fail (see fail_step).
bool step_fails(const void* pc);

// --- Memory of devices
// Page-granular memory below `limit`, not accessible where `trap`.
void* low_memory(usize size_bytes, u64 limit, bool trap);
void low_memory_free(void* p, usize size_bytes);
// Where a register access goes; `write` when it is one.
using RegisterAccess = std::function<u64(usize offset, usize width, bool write, u64 value)>;
void watch_registers(u8* base, usize size_bytes, RegisterAccess access);
void unwatch_registers(u8* base);
// A mapping of registers by the module: what is not mapped may not be touched.
void count_mapping(u8* at, usize size_bytes, int change);

// Reset of the parts between tests.
void reset_devices();
void reset_files();
void reset_pci();
void reset_memory();
// What the module took with new and kmalloc and did not give back, with the places.
std::vector<std::string> live_memory();

device::Device* find_device(std::string_view name);

}  // namespace tenon::mock

namespace tenon::module {

// The module under test.
class Module {
  public:
    Ref<Gate> gate;
    std::vector<Grant*> grants;  // oldest first
    std::string name = "module";
};

struct Grant {
    Module& owner;
    GrantKind kind;
    std::string what;
    const void* site;
    std::function<void()> release;
};

}  // namespace tenon::module
