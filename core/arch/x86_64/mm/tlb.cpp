// TLB shootdown.
//
// A CPU that changes a table sends the others a request and waits. Each initiator has one request
// block, each target one mailbox word with a bit per initiator; a target takes the word, serves
// every bit and clears its own in the block's `waiting`. The initiator has interrupts off, so that
// its block is used once at a time, and serves its own mailbox while it waits: two that wait for
// each other both go on. What waits with interrupts off elsewhere (SpinLock::lock_slow) calls
// serve_remote() too.
#include "core/arch/x86_64/mm/tlb.h"

#include <tenon/arch/cpu.h>
#include <tenon/arch/page_table.h>
#include <tenon/arch/smp.h>

#include <atomic>

#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"
#include "core/arch/x86_64/smp/reminder.h"
#include "core/arch/x86_64/smp/smp.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch {

namespace {

using namespace x86;

constexpr u64 kMaxSinglePages = 32;

struct alignas(64) Request {
    u64 root = 0;  // 0: kernel mappings
    u64 start = 0, end = 0;
    std::atomic<u64> waiting{0};  // CPUs that have not answered
};
constinit Request g_requests[kMaxCpus];
struct alignas(64) Mailbox {
    std::atomic<u64> from{0};
};
constinit Mailbox g_mailboxes[kMaxCpus];
TENON_PERCPU(u64, g_active_root);

void flush_local(u64 root, u64 start, u64 end) {
    if (root != 0 && g_active_root.local() != root) return;
    if (end - start > kMaxSinglePages * kPageSize) {
        if (root == 0)
            flush_all_local();
        else
            write_cr3(root);
        return;
    }
    for (u64 va = align_down(start, kPageSize); va < end; va += kPageSize) invlpg(va);
}

void shoot(u64 root, CpuMask cpus, u64 start, u64 end) {
    if (start >= end) return;
    IrqGuard irqs_off;
    const u32 me = cpu_id();
    if (cpus.test(me)) flush_local(root, start, end);
    const u64 others = cpus.bits() & ~(u64{1} << me) & online_mask().bits();
    if (others == 0) return;
    Request& request = g_requests[me];
    request.root = root;
    request.start = start;
    request.end = end;
    // Seq_cst: orders the caller's table stores before the request, and pairs with the exchange in
    // serve_shootdowns().
    request.waiting.store(others);
    for (u64 left = others; left != 0; left &= left - 1)
        g_mailboxes[__builtin_ctzll(left)].from.fetch_or(u64{1} << me);
    for (u64 left = others; left != 0; left &= left - 1)
        send_ipi(static_cast<u32>(__builtin_ctzll(left)), kVectorShootdown);
    Reminder reminder(kVectorShootdown);
    while (const u64 waiting = request.waiting.load(std::memory_order_acquire)) {
        serve_shootdowns();
        reminder.remind(waiting);
        cpu_relax();
    }
}

}  // namespace

namespace x86 {

void load_root(u64 root_phys) {
    IrqGuard guard;
    u64& active = g_active_root.local();
    if (active == root_phys) return;
    // First the word, then the register: a shootdown that comes between flushes for nothing, not
    // too little.
    active = root_phys;
    asm_barrier();
    write_cr3(root_phys);
}

void flush_all_local() {
    if (!features().pge) {
        write_cr3(read_cr3());
        return;
    }
    const u64 cr4 = read_cr4();
    write_cr4(cr4 & ~kCr4Pge);
    write_cr4(cr4);
}

void serve_shootdowns() {
    const u32 me = cpu_id();
    if (g_mailboxes[me].from.load(std::memory_order_relaxed) == 0) return;
    for (u64 from = g_mailboxes[me].from.exchange(0); from != 0; from &= from - 1) {
        Request& request = g_requests[__builtin_ctzll(from)];
        flush_local(request.root, request.start, request.end);
        request.waiting.fetch_and(~(u64{1} << me));
    }
}

}  // namespace x86

void serve_remote() {
    if (online_cpus() > 1) serve_shootdowns();
}

void flush_tlb_user(PhysAddr root, CpuMask cpus, u64 start, u64 end) {
    shoot(root.value, cpus, start, end);
}
void flush_tlb_kernel(u64 start, u64 end) {
    shoot(0, CpuMask::all(), start, end);
}

}  // namespace tenon::arch
