// Asking for a driver's module: in a worker, for the one who adds a device may itself be a module
// that is being loaded.
#include <tenon/module/loader.h>
#include <tenon/sched/kthread.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/device/tree.h"

namespace tenon::device {

namespace {

struct Request {
    Request* next = nullptr;
    char modalias[1];  // NUL-terminated, as long as it is
};

void run_requests(sched::Work&);

sync::SpinLock g_lock{sync::LockRank::spin_leaf};
Request* g_first = nullptr;
Request** g_last = &g_first;
u32 g_pending = 0;
constinit sync::WaitQueue g_settled;
alignas(sched::Work) u8 g_work_storage[sizeof(sched::Work)];
sched::Work* g_work = nullptr;

void run_requests(sched::Work&) {
    for (;;) {
        Request* request = nullptr;
        {
            sync::SpinGuard guard(g_lock);
            request = g_first;
            if (request == nullptr) return;
            g_first = request->next;
            if (g_first == nullptr) g_last = &g_first;
        }
        (void)module::request_module(request->modalias);
        ::operator delete(request);
        {
            sync::SpinGuard guard(g_lock);
            --g_pending;
        }
        g_settled.wake_all();
    }
}

}  // namespace

void request_driver(std::string_view modalias) {
    void* memory = ::operator new(sizeof(Request) + modalias.size(), std::nothrow);
    if (memory == nullptr) return;
    auto* request = new (memory) Request;
    std::memcpy(request->modalias, modalias.data(), modalias.size());
    request->modalias[modalias.size()] = '\0';
    {
        sync::SpinGuard guard(g_lock);
        if (g_work == nullptr) g_work = new (g_work_storage) sched::Work(run_requests);
        *g_last = request;
        g_last = &request->next;
        ++g_pending;
    }
    sched::WorkQueue::system().queue(*g_work);
}

void settle() {
    (void)g_settled.wait(
        [] {
            sync::SpinGuard guard(g_lock);
            return g_pending == 0;
        },
        sync::WaitMode::uninterruptible);
}

}  // namespace tenon::device
