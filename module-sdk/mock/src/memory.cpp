// Memory: the module's allocations are counted with their places, and can be made to fail; device
// registers are pages without access, whose every load and store goes to the test's script.
#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <tenon/arch/machine.h>
#include <tenon/lib/random.h>
#include <tenon/mm/fail.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>
#include <ucontext.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_map>

#include "world.h"

extern "C" __attribute__((weak)) void __sanitizer_symbolize_pc(void* pc, const char* format,
                                                               char* out, size_t size);

namespace tenon::mock {

std::string describe(const void* pc) {
    char text[512] = {};
    // The call, not what it returns to.
    if (__sanitizer_symbolize_pc != nullptr)
        __sanitizer_symbolize_pc(const_cast<char*>(static_cast<const char*>(pc) - 1), "%s:%l in %f",
                                 text, sizeof text);
    const char* base = std::strrchr(text, '/');
    return text[0] != '\0' ? (base != nullptr ? base + 1 : text) : "?";
}

// --- Failures
namespace {
u32 fail_at = 0;
bool failed = false;
const void* failed_at = nullptr;
}  // namespace

bool step_fails(const void* pc) {
    if (fail_at == 0 || --fail_at != 0) return false;
    failed = true;
    failed_at = pc;
    return true;
}

bool fail_step(u32 nth) {
    fail_at = nth;
    return std::exchange(failed, false);
}

// --- What the module allocated
namespace {

template <typename T>
struct Malloc {
    using value_type = T;
    Malloc() = default;
    template <typename U>
    Malloc(const Malloc<U>&) {}
    T* allocate(usize n) { return static_cast<T*>(std::malloc(n * sizeof(T))); }
    void deallocate(T* p, usize) { std::free(p); }
    bool operator==(const Malloc&) const { return true; }
};
struct Allocation {
    usize size_bytes;
    const void* site;
};
using Live = std::unordered_map<void*, Allocation, std::hash<void*>, std::equal_to<void*>,
                                Malloc<std::pair<void* const, Allocation>>>;
Live& live() {
    alignas(Live) static u8 space[sizeof(Live)];
    static Live* map = new (space) Live;
    return *map;
}
std::mutex live_mutex;

void* take(usize size_bytes, const void* site, bool zero) {
    const bool counted = module::current_gate() != nullptr;
    if (counted && step_fails(site)) return nullptr;
    void* p = zero ? std::calloc(1, size_bytes) : std::malloc(size_bytes);
    if (counted && p != nullptr) {
        std::lock_guard guard(live_mutex);
        live()[p] = {size_bytes, site};
    }
    return p;
}
void give(void* p) {
    if (p == nullptr) return;
    {
        std::lock_guard guard(live_mutex);
        live().erase(p);
    }
    std::free(p);
}

}  // namespace

std::vector<std::string> live_memory() {
    std::vector<Allocation, Malloc<Allocation>> all;
    {
        std::lock_guard guard(live_mutex);
        for (auto& [p, a] : live()) all.push_back(a);
    }
    std::vector<std::string> out;
    for (auto& a : all) out.push_back(std::to_string(a.size_bytes) + " bytes, " + describe(a.site));
    return out;
}

u32 at_every_failure(const std::function<bool()>& attempt, const std::function<void()>& undo) {
    for (u32 step = 1;; ++step) {
        const auto grants = ledger().size(), memory = live_memory().size();
        (void)fail_step(step);
        const bool ok = attempt();
        const bool reached = fail_step(0);
        const std::string where = reached ? describe(failed_at) : "";
        if (ok) undo();
        if (!reached) {
            EXPECT_TRUE(ok) << "fails although nothing was made to fail";
            return step - 1;
        }
        if (ledger().size() != grants || live_memory().size() != memory) {
            std::string left;
            for (auto& l : ledger()) left += "\n  " + l;
            for (auto& l : live_memory()) left += "\n  memory, " + l;
            ADD_FAILURE() << "step " << step << " failed at " << where
                          << ", and not all was given back; now there are:" << left;
            return step;
        }
    }
}

// --- Memory of devices
namespace {

struct Registers {
    u8* base;
    usize size_bytes;
    RegisterAccess access;
    std::map<usize, int> mapped;  // pages
};
std::vector<std::unique_ptr<Registers>>& registers() {
    static auto* list = new std::vector<std::unique_ptr<Registers>>;
    return *list;
}
Registers* registers_at(u64 address) {
    for (auto& r : registers())
        if (address >= reinterpret_cast<u64>(r->base) &&
            address < reinterpret_cast<u64>(r->base) + r->size_bytes)
            return r.get();
    return nullptr;
}

// The access under way: it faulted, and runs as a single step on the opened page.
struct Step {
    Registers* registers = nullptr;
    usize offset = 0, width = 0;
    bool write = false;
};
Step step;
struct sigaction old_segv, old_trap;

usize width_of(const u8* code) {
    bool wide = false, half = false;
    for (;; ++code) {
        if (*code == 0x66)
            half = true;
        else if ((*code & 0xf0) == 0x40)
            wide = (*code & 8) != 0;
        else if (*code != 0xf0 && *code != 0xf2 && *code != 0xf3 && *code != 0x2e && *code != 0x3e)
            break;
    }
    switch (*code) {
        case 0x88:
        case 0x8a:
        case 0xc6:
        case 0x80:
        case 0x08:
        case 0x20:
        case 0x30:
        case 0x00:
        case 0x38:
        case 0x3a:
        case 0x84:
        case 0x86:
        case 0xf6:
        case 0xa4:
            return 1;
        case 0x0f:
            if (code[1] == 0xb6 || code[1] == 0xbe) return 1;
            if (code[1] == 0xb7 || code[1] == 0xbf) return 2;
            break;
        default:
            break;
    }
    return wide ? 8 : half ? 2 : 4;
}

u8* page_at(Registers& r, usize offset) {
    return r.base + (offset & ~(kPageSize - 1));
}

constexpr greg_t kTrapFlag = 0x100;

void on_fault(int number, siginfo_t* info, void* context) {
    auto* uc = static_cast<ucontext_t*>(context);
    Registers* r = registers_at(reinterpret_cast<u64>(info->si_addr));
    if (r == nullptr) {  // not ours: the sanitizer reports it
        sigaction(SIGSEGV, &old_segv, nullptr);
        return;
    }
    (void)number;
    auto& registers_of_cpu = uc->uc_mcontext.gregs;
    Step now{r, static_cast<usize>(static_cast<u8*>(info->si_addr) - r->base),
             width_of(reinterpret_cast<const u8*>(registers_of_cpu[REG_RIP])),
             (registers_of_cpu[REG_ERR] & 2) != 0};
    if (r->mapped[now.offset / kPageSize] <= 0) {
        std::fprintf(stderr,
                     "registers are accessed at offset 0x%zx, but their mapping was given "
                     "back: %s\n",
                     now.offset,
                     describe(reinterpret_cast<void*>(registers_of_cpu[REG_RIP] + 1)).c_str());
        std::abort();
    }
    // Also before a store: it may be a read-modify-write instruction.
    const u64 value = now.write ? 0 : r->access(now.offset, now.width, false, 0);
    u8* page = page_at(*r, now.offset);
    mprotect(page, kPageSize, PROT_READ | PROT_WRITE);
    std::memcpy(r->base + now.offset, &value, now.width);
    step = now;
    registers_of_cpu[REG_EFL] |= kTrapFlag;
}

void on_step(int, siginfo_t*, void* context) {
    auto* uc = static_cast<ucontext_t*>(context);
    if (step.registers == nullptr) {
        sigaction(SIGTRAP, &old_trap, nullptr);
        return;
    }
    uc->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
    const Step now = std::exchange(step, {});
    u64 value = 0;
    std::memcpy(&value, now.registers->base + now.offset, now.width);
    mprotect(page_at(*now.registers, now.offset), kPageSize, PROT_NONE);
    // May raise an interrupt, whose handler accesses registers: all is closed again by now.
    if (now.write) now.registers->access(now.offset, now.width, true, value);
}

void install_handlers() {
    static bool done = false;
    if (std::exchange(done, true)) return;
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    action.sa_sigaction = on_fault;
    sigaction(SIGSEGV, &action, &old_segv);
    action.sa_sigaction = on_step;
    sigaction(SIGTRAP, &action, &old_trap);
}

}  // namespace

// Below the sanitizer's shadow, so that a physical address is what the host calls it, too.
void* low_memory(usize size_bytes, u64 limit, bool trap) {
    size_bytes = align_up(size_bytes, kPageSize);
    const int protection = trap ? PROT_NONE : PROT_READ | PROT_WRITE;
    for (u64 at = trap ? 0x4000'0000 : 0x10'0000; at + size_bytes <= limit; at += size_bytes) {
        void* p = mmap(reinterpret_cast<void*>(at), size_bytes, protection,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == reinterpret_cast<void*>(at)) return p;
        if (p != MAP_FAILED) munmap(p, size_bytes);
        if (at > 0x7000'0000) break;
    }
    return nullptr;
}
void low_memory_free(void* p, usize size_bytes) {
    munmap(p, align_up(size_bytes, kPageSize));
}

void watch_registers(u8* base, usize size_bytes, RegisterAccess access) {
    install_handlers();
    registers().push_back(
        std::make_unique<Registers>(base, align_up(size_bytes, kPageSize), std::move(access)));
}
void unwatch_registers(u8* base) {
    std::erase_if(registers(), [&](auto& r) { return r->base == base; });
}
void count_mapping(u8* at, usize size_bytes, int change) {
    Registers* r = registers_at(reinterpret_cast<u64>(at));
    if (r == nullptr || size_bytes == 0) return;
    const usize offset = static_cast<usize>(at - r->base);
    for (usize p = offset / kPageSize; p <= (offset + size_bytes - 1) / kPageSize; ++p)
        r->mapped[p] += change;
}

void reset_memory() {
    std::lock_guard guard(live_mutex);
    live().clear();
}

}  // namespace tenon::mock

namespace tenon::mm {

void* kmalloc(usize size_bytes, Alloc flags) {
    return mock::take(size_bytes, __builtin_return_address(0), has(flags, Alloc::zero));
}
void kfree(void* p) {
    mock::give(p);
}
void* krealloc(void* p, usize new_size_bytes, Alloc) {
    if (mock::step_fails(__builtin_return_address(0))) return nullptr;
    std::lock_guard guard(mock::live_mutex);
    auto at = mock::live().find(p);
    const mock::Allocation a{new_size_bytes, __builtin_return_address(0)};
    if (at != mock::live().end()) mock::live().erase(at);
    void* q = std::realloc(p, new_size_bytes);
    if (q != nullptr) mock::live()[q] = a;
    return q;
}
Result<void*> vmalloc(usize size_bytes) {
    void* p = mock::take(size_bytes, __builtin_return_address(0), true);
    if (p == nullptr) return Err(Error::nomem);
    return p;
}
void vfree(void* p) {
    mock::give(p);
}
namespace testing {
bool fail_step(u32 nth) {
    return mock::fail_step(nth);
}
bool fail_here() {
    return mock::step_fails(__builtin_return_address(0));
}
}  // namespace testing

}  // namespace tenon::mm

// As in the kernel, `new (std::nothrow)` is how a module allocates; the others are the test's own.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return tenon::mock::take(size, __builtin_return_address(0), false);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return tenon::mock::take(size, __builtin_return_address(0), false);
}
void* operator new(std::size_t size) {
    void* p = std::malloc(size);
    if (p == nullptr) std::abort();
    return p;
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void operator delete(void* p) noexcept {
    tenon::mock::give(p);
}
void operator delete[](void* p) noexcept {
    tenon::mock::give(p);
}
void operator delete(void* p, std::size_t) noexcept {
    tenon::mock::give(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    tenon::mock::give(p);
}
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
    const auto a = static_cast<std::size_t>(align);
    if (tenon::module::current_gate() != nullptr &&
        tenon::mock::step_fails(__builtin_return_address(0)))
        return nullptr;
    return std::aligned_alloc(a, tenon::align_up(size, a));
}
void* operator new(std::size_t size, std::align_val_t align) {
    const auto a = static_cast<std::size_t>(align);
    return std::aligned_alloc(a, tenon::align_up(size, a));
}
void operator delete(void* p, std::align_val_t) noexcept {
    tenon::mock::give(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    tenon::mock::give(p);
}
