#include "kinds.h"

#include <tenon/device/device.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/slab.h>
#include <tenon/process/task.h>
#include <tenon/sched/scheduler.h>
#include <tenon/sync/mutex.h>
#include <tenon/time/clock.h>

#include <cstring>
#include <span>

namespace tenon::fault_lab {

namespace {

module::Context* g_context = nullptr;
volatile u64 g_sink;
volatile u64 g_zero = 0;
constinit sync::SpinLock g_spin{sync::LockRank::none};
constinit sync::Mutex g_mutex{sync::LockRank::none};
constinit sync::WaitQueue g_never;

template <typename T>
T* pointer_to(u64 address) {
    asm("" : "+r"(address));
    return reinterpret_cast<T*>(address);
}

void null_read() {
    g_sink = *pointer_to<volatile u64>(8);
}
void null_write() {
    *pointer_to<volatile u64>(16) = 1;
}
void null_call() {
    pointer_to<void()>(0)();
}
void wild_read() {
    g_sink = *pointer_to<volatile u64>(0xffff'b000'0000'0000 + g_zero);
}
void wild_write() {
    *pointer_to<volatile u64>(0xffff'b000'0000'0000 + g_zero) = 1;
}
void wild_call() {
    pointer_to<void()>(0xffff'b000'0000'0000 + g_zero)();
}
void noncanonical() {
    *pointer_to<volatile u64>(0x4141'4141'4141'4141 + g_zero) = 1;
}
void user_memory() {
    g_sink = *pointer_to<volatile u64>(0x400000 + g_zero);
}
void text_write() {
    *reinterpret_cast<volatile u8*>(reinterpret_cast<u64>(&null_read) + g_zero) = 0x90;
}
void constant_write() {
    const_cast<volatile char*>("constant")[g_zero] = 8;
}
void data_call() {
    static u8 code[16] = {0xc3};
    reinterpret_cast<void (*)()>(reinterpret_cast<u64>(code) + g_zero)();
}
void bad_opcode() {
    __builtin_trap();
}
void divide() {
    g_sink = (g_sink + 5) / g_zero;
}
void assertion() {
    TENON_ASSERT(g_zero == 1);
}
void bad_copy() {
    std::memcpy(pointer_to<void>(32), "0123456789abcdef", 16);
}
[[gnu::noinline]] u64 recurse(u64 n) {
    volatile u8 room[512];
    room[n & 511] = static_cast<u8>(n);
    return n == ~u64{0} ? 0 : recurse(n + 1) + room[(n + 1) & 511];
}
void stack_overflow() {
    g_sink = recurse(0);
}
void smash_stack() {
    volatile u64 words[2] = {};
    for (u32 i = 0; i < 24; ++i) const_cast<volatile u64*>(words)[i + g_zero] = 0x4242;
}
// Past the frames of whoever called into the module.
void stack_overrun() {
    volatile u64 words[2] = {};
    std::memset(pointer_to<void>(reinterpret_cast<u64>(words) + g_zero), 0x42, 64 << 10);
    g_sink = words[0];
}
[[gnu::noinline]] void move_frame_of_caller(uptr distance) {
    auto* frame = static_cast<volatile uptr*>(__builtin_frame_address(0));
    frame[0] = frame[0] + distance;
}
// Takes its stack pointer from the frame pointer at the end, as it has room of unknown size.
[[gnu::noinline]] void lose_frame(uptr distance) {
    auto* room = static_cast<volatile u8*>(__builtin_alloca(64 + g_zero));
    room[0] = 1;
    move_frame_of_caller(distance);
    g_sink = room[0];
}
void frame_moved() {
    lose_frame(512);
}
void frame_moved_far() {
    lose_frame(18 << 10);
}
// As a frame of its own, in the one that its caller was given.
[[gnu::noinline]] void fill_frames_below(u32 levels) {
    auto* frame = static_cast<uptr*>(__builtin_frame_address(0));
    for (u32 i = 0; i < levels; ++i) frame = reinterpret_cast<uptr*>(*frame);
    std::memset(frame - 64 + g_zero, 0x42, 64 * sizeof(uptr));
}
void frame_of_caller() {
    fill_frames_below(2);
}
void loop() {
    while (g_zero == 0) {
    }
}
void loop_in_core() {
    while (g_zero == 0) g_sink = time::monotonic_ns();
}
void loop_no_preemption() {
    PreemptGuard guard;
    loop();
}
void loop_no_interrupts() {
    IrqGuard guard;
    loop();
}
void spin_deadlock() {
    g_spin.lock();
    g_spin.lock();
}
void spin_deadlock_no_interrupts() {
    IrqGuard guard;
    g_spin.lock();
    g_spin.lock();
}
void fault_under_spin_lock() {
    sync::IrqSpinGuard guard(g_spin);
    null_write();
}
void fault_under_mutex() {
    sync::MutexGuard guard(g_mutex);
    null_write();
}
// These come back by themselves, and leave something behind.
void keep_preemption_off() {
    arch::preempt_count_add(1);
}
void turn_interrupts() {
    if (arch::irqs_enabled())
        arch::irq_disable();
    else
        arch::irq_enable();
}
void keep_spin_lock() {
    g_spin.lock();
}
void keep_mutex() {
    g_mutex.lock();
}
void sleep_for_ever() {
    (void)g_never.wait([] { return false; }, sync::WaitMode::uninterruptible);
}
void mutex_deadlock() {
    g_mutex.lock();
    g_mutex.lock();
}
void bad_free() {
    mm::kfree(pointer_to<void>(0x1234 + g_zero));
}
void free_of_data() {
    static u64 data[4];
    mm::kfree(&data[g_zero + 1]);
}
void double_free() {
    void* p = mm::kmalloc(96);
    mm::kfree(p);
    mm::kfree(p);
}
void use_after_free() {
    auto** p = static_cast<u64 volatile**>(mm::kmalloc(128));
    mm::kfree(p);
    for (u32 i = 0; i < 16; ++i) p[i] = pointer_to<volatile u64>(0x5555);
    null_write();
}
void heap_overrun() {
    auto* p = static_cast<u8*>(mm::kmalloc(64));
    std::memset(p, 0x5a, 128 + g_zero);
    null_write();
}
void runaway_memory() {
    for (;;) {
        auto* p = static_cast<volatile u64*>(mm::kmalloc(1024));
        *p = 1;
    }
}
void runaway_pages() {
    for (;;) {
        auto page = mm::alloc_pages(4);
        *static_cast<volatile u64*>(page ? mm::page_address(*page) : pointer_to<void>(8)) = 1;
    }
}
void wild_wake() {
    pointer_to<sync::WaitQueue>(reinterpret_cast<u64>(&null_read) + g_zero)->wake_all();
    null_write();
}
void wild_device() {
    (void)device::unbind(*pointer_to<device::Device>(reinterpret_cast<u64>(&null_read) + g_zero));
    null_write();
}
void wild_task() {
    std::memset(static_cast<void*>(current()), 0x5a, sizeof(Task));
    null_write();
}
void leak() {
    // All of it belongs to whoever forgets it.
    static u8 nowhere[4][sizeof(module::TimerHandle)];
    if (auto timer = g_context->make_timer([](void*) {}, nullptr)) {
        timer->arm_at(time::monotonic_ns() + 1'000'000'000);
        new (nowhere[0]) module::TimerHandle(std::move(*timer));
    }
    if (auto work = g_context->make_work([](void*) {}, nullptr)) {
        work->queue();
        new (nowhere[1]) module::WorkHandle(std::move(*work));
    }
    arch::MsiMessage message;
    if (auto irq = g_context->request_msi([](void*) { return irq::Handled::yes; }, nullptr, nullptr,
                                          message))
        new (nowhere[2]) module::Held(std::move(*irq));
    if (auto thread = g_context->start_thread(
            "leak", [](void*) { sleep_for_ever(); }, nullptr))
        new (nowhere[3]) module::Held(std::move(*thread));
    for (u32 i = 0; i < 100; ++i) g_sink = reinterpret_cast<u64>(mm::kmalloc(40 + 20 * i));
    null_write();
}

#define KIND(name, sleeping) \
    { #name, sleeping, &name }
constexpr Kind kKinds[] = {
    KIND(null_read, false),
    KIND(null_write, false),
    KIND(null_call, false),
    KIND(wild_read, false),
    KIND(wild_write, false),
    KIND(wild_call, false),
    KIND(noncanonical, false),
    KIND(user_memory, false),
    KIND(text_write, false),
    KIND(constant_write, false),
    KIND(data_call, false),
    KIND(bad_opcode, false),
    KIND(divide, false),
    KIND(assertion, false),
    KIND(bad_copy, false),
    KIND(stack_overflow, false),
    KIND(smash_stack, false),
    KIND(stack_overrun, false),
    KIND(frame_moved, false),
    KIND(frame_moved_far, false),
    KIND(frame_of_caller, false),
    KIND(loop, false),
    KIND(loop_in_core, false),
    KIND(loop_no_preemption, false),
    KIND(loop_no_interrupts, false),
    KIND(spin_deadlock, false),
    KIND(spin_deadlock_no_interrupts, false),
    KIND(fault_under_spin_lock, false),
    KIND(fault_under_mutex, true),
    KIND(keep_preemption_off, false),
    KIND(turn_interrupts, false),
    KIND(keep_spin_lock, false),
    KIND(keep_mutex, true),
    KIND(sleep_for_ever, true),
    KIND(mutex_deadlock, true),
    KIND(bad_free, false),
    KIND(free_of_data, false),
    KIND(double_free, false),
    KIND(use_after_free, false),
    KIND(heap_overrun, false),
    KIND(runaway_memory, true),
    KIND(runaway_pages, true),
    KIND(wild_wake, false),
    KIND(wild_device, true),
    KIND(wild_task, false),  // only protection keys help
    KIND(leak, true),
};

}  // namespace

const Kind* find_kind(std::string_view name) {
    for (const Kind& kind : kKinds)
        if (kind.name == name) return &kind;
    return nullptr;
}

void write_kinds(fmt::Sink& out) {
    for (const Kind& kind : kKinds)
        fmt::print(out, "{} {}\n", kind.name, kind.sleeping ? "thread" : "any");
}

void set_context(module::Context* context) {
    g_context = context;
}

}  // namespace tenon::fault_lab
