// A module that takes one of everything, and on request forgets to give it back or fails half-way.
#include "victim.h"

#include <tenon/device/device.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/mm/slab.h>
#include <tenon/module/module.h>
#include <tenon/sched/kthread.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>
#include <tenon/trace/metrics.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/super_block.h>

namespace tenon::ktest {
namespace {

TENON_PARAMETER(bool, leak, {.description = "forget every handle at the end"});
TENON_PARAMETER(u32, forget, {.value = 0, .description = "objects to forget"});
TENON_PARAMETER(u32, fail_at, {.value = 0, .description = "fail before the grant of this number"});

TENON_PARAMETER(u32, eat_kb, {.value = 0, .description = "memory to take and give back"});
TENON_PARAMETER(u32, meals, {.value = 1, .description = "how often"});

TENON_PARAMETER(u64, copy, {.value = 0, .description = "a file to write, see victim.h"});
TENON_PARAMETER(u64, wild, {.value = 0, .description = "an address to write to in create()"});

// For the test of parameters; nothing reads them.
TENON_PARAMETER(i32, level,
                {.value = 1, .min = -5, .max = 5, .mode = 0644, .description = "a number"});
TENON_PARAMETER(u32, width, {.value = 7, .mode = 0644, .description = "as wide as its type"});
TENON_PARAMETER(bool, quiet, {.mode = 0644, .description = "yes or no"});
TENON_PARAMETER(std::string_view, label, {.value = "none", .description = "a text"});

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        return Err(Error::nxio);
    }
};

class NoFileSystem final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "ktestfs"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view) override {
        return Err(Error::nodev);
    }
};

class Bus final : public device::Bus {
  public:
    std::string_view name() const override { return "ktestbus"; }
};

class Driver final : public device::Driver {
  public:
    std::string_view name() const override { return "ktestdriver"; }
    bool match(device::Device&) override { return true; }
    Result<std::unique_ptr<device::Binding>> probe(device::Device&) override {
        std::unique_ptr<device::Binding> bound(new (std::nothrow) device::Binding);
        if (!bound) return Err(Error::nomem);
        return bound;
    }
};

constinit metrics::Metric metric(metrics::Kind::gauge, "tenon_ktest", "of the ktest victim");
alignas(Bus) u8 bus_storage[sizeof(Bus)];

// Half in objects, half in pages; false when there is no more. All is given back.
bool eat() {
    constexpr u32 kMost = 1024;
    static void* objects[kMost];
    static mm::Page* pages[kMost];
    const u32 object_count = eat_kb / 2, page_count = eat_kb / 8;
    u32 o = 0, p = 0;
    while (o < object_count && (objects[o] = mm::kmalloc(1000)) != nullptr) ++o;
    for (; p < page_count; ++p) {
        auto page = mm::alloc_page();
        if (!page) break;
        pages[p] = *page;
    }
    const bool all = o == object_count && p == page_count;
    while (o != 0) mm::kfree(objects[--o]);
    while (p != 0) mm::page_unref(pages[--p]);
    return all;
}

class Victim final : public module::Instance {
  public:
    static Result<std::unique_ptr<Victim>> create(module::Context& context) {
        if (wild != 0) *reinterpret_cast<volatile u8*>(u64{wild}) = 0x5a;
        for (u32 i = 0; i < meals; ++i)
            if (!eat()) return Err(Error::nomem);
        std::unique_ptr<Victim> self(new (std::nothrow) Victim);
        if (!self) return Err(Error::nomem);
        auto taken = self->take(context);
        if (!taken) return Err(taken.error());
        for (u32 i = 0; i < forget; ++i) *static_cast<u32*>(mm::kmalloc(100)) = i;
        return self;
    }
    ~Victim() override {
        if (leak) {
            // Forgotten: moved to where no destructor runs.
            static u8 nowhere[sizeof(Handles)];
            new (nowhere) Handles(std::move(h_));
        }
    }

  private:
    struct Handles {
        module::Held irq, thread, file_system, bus, driver, device, metric, hook;
        module::TimerHandle timer;
        module::WorkHandle work;
        module::DmaBuffer dma;
        module::CharDevice numbers;
    };

    static void on_timer(void* self) {
        auto& v = *static_cast<Victim*>(self);
        v.h_.timer.arm_at(time::monotonic_ns() + 200'000);
        (void)v.h_.work.queue();
    }
    static void on_work(void*) { sched::sleep_ns(100'000); }
    static void write_file() {
        constexpr u32 kCalls = 1024;
        static u8 bytes[kVictimCopyBytes];
        auto* file = reinterpret_cast<vfs::File*>(u64{copy});
        if (file->inode().size_bytes.load() != 0) return;
        for (u32 i = 0; i < kCalls; ++i) {
            auto buffer = vfs::IoBuffer::kernel(bytes, sizeof bytes);
            if (!file->write(buffer)) break;
        }
    }
    static void main(void*) {
        if (copy != 0) write_file();
        while (!sched::KThread::should_stop())
            (void)sched::sleep_until(sync::Deadline::after_ns(300'000));
    }

    Result<void> step() {
        return ++step_ == fail_at ? Result<void>(Err(Error::io)) : Result<void>{};
    }

    Result<void> take(module::Context& context) {
        arch::MsiMessage message;
        TRY(step());
        TRY_ASSIGN(h_.irq, context.request_msi([](void*) { return irq::Handled::yes; }, nullptr,
                                               this, message));
        TRY(step());
        TRY_ASSIGN(h_.work, context.make_work(&on_work, this));
        TRY(step());
        TRY_ASSIGN(h_.timer, context.make_timer(&on_timer, this));
        TRY(step());
        TRY_ASSIGN(h_.thread, context.start_thread("ktest-victim", &main, this));
        TRY(step());
        // After a failure its bus cannot keep the device from it: it would be given up.
        if (copy == 0) {
            TRY_ASSIGN(h_.dma, context.alloc_dma(3 * kPageSize));
        }
        TRY(step());
        std::unique_ptr<vfs::DeviceOpener> opener(new (std::nothrow) Opener);
        if (!opener) return Err(Error::nomem);
        TRY_ASSIGN(h_.numbers,
                   context.register_char_device(0, 0, 1, "ktestchar", std::move(opener)));
        TRY(step());
        std::unique_ptr<vfs::FileSystemType> type(new (std::nothrow) NoFileSystem);
        if (!type) return Err(Error::nomem);
        TRY_ASSIGN(h_.file_system, context.register_file_system(std::move(type)));
        TRY(step());
        auto* bus = new (bus_storage) Bus;
        TRY_ASSIGN(h_.bus, context.register_bus(*bus));
        TRY(step());
        std::unique_ptr<device::Driver> driver(new (std::nothrow) Driver);
        if (!driver) return Err(Error::nomem);
        TRY_ASSIGN(h_.driver, context.register_driver(*bus, std::move(driver)));
        TRY(step());
        TRY_ASSIGN(auto device,
                   device::Device::create(
                       {.name = "ktestdevice",
                        .node = {.major = h_.numbers.major(), .minor = 0, .name = "ktestnode"}}));
        TRY_ASSIGN(h_.device, context.add_device(std::move(device), nullptr, bus));
        TRY(step());
        TRY_ASSIGN(h_.metric, context.add_metric(metric));
        TRY(step());
        TRY_ASSIGN(h_.hook, context.hold(
                                "hook", [](void*) {}, nullptr));
        h_.timer.arm_at(time::monotonic_ns());
        return {};
    }

    Handles h_;
    u32 step_ = 0;
};

}  // namespace
}  // namespace tenon::ktest

TENON_MODULE(tenon::ktest::Victim, {.name = "ktest_victim",
                                    .description = "taken down by ktest_module",
                                    .memory_quota_bytes = tenon::ktest::kVictimQuotaBytes});
