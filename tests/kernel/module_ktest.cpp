// The gate and the ledger: what a module registered is gone after it, whether it gave it back,
// forgot it, or failed half-way.
#include <tenon/device/device.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/loader.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/lookup.h>
#include <tenon/vfs/super_block.h>

#include "ktest.h"
#include "victim.h"

using namespace tenon;
using ktest::kVictim;

namespace {

// The victim's file, read anew for each test.
struct Image {
    u8* data = nullptr;
    usize size_bytes = 0;
    Image() {
        auto file = vfs::open(vfs::lookup_start_of_current(), ktest::kVictimFile,
                              {.flags = vfs::kOpenRead});
        if (!file) return;
        size_bytes = (*file)->inode().size_bytes.load();
        auto room = mm::vmalloc(size_bytes);
        if (!room) return;
        data = static_cast<u8*>(*room);
        auto buffer = vfs::IoBuffer::kernel(data, size_bytes);
        if ((*file)->read(buffer).value_or(0) != size_bytes) size_bytes = 0;
    }
    ~Image() { mm::vfree(data); }
    Result<void> load(std::string_view parameters) {
        return module::load_image({data, size_bytes}, parameters);
    }
};

struct Seen {
    bool module = false, node = false, file_system = false, numbers = false, bus = false;
    u32 grants = 0, interrupts = ktest::interrupt_lines();
    u64 in_flight = 0;
};

Seen look() {
    Seen seen;
    seen.module = module::with_module(
        kVictim,
        [](module::Module&, const module::ModuleInfo& info, void* out) {
            static_cast<Seen*>(out)->grants = info.grants;
            static_cast<Seen*>(out)->in_flight = info.in_flight;
        },
        &seen);
    seen.node = vfs::lookup(vfs::lookup_start_of_current(), "/dev/ktestnode", 0).has_value();
    vfs::for_each_file_system(
        [](std::string_view name, bool, void* out) {
            if (name == "ktestfs") static_cast<Seen*>(out)->file_system = true;
        },
        &seen);
    vfs::for_each_char_device(
        [](u32, std::string_view name, void* out) {
            if (name == "ktestchar") static_cast<Seen*>(out)->numbers = true;
        },
        &seen);
    device::for_each_bus(
        [](device::Bus& bus, void* out) {
            if (bus.name() == "ktestbus") static_cast<Seen*>(out)->bus = true;
        },
        &seen);
    return seen;
}

bool all_there(const Seen& s) {
    return s.module && s.node && s.file_system && s.numbers && s.bus &&
           s.grants == ktest::kVictimKinds;
}
bool none_there(const Seen& s) {
    return !s.module && !s.node && !s.file_system && !s.numbers && !s.bus;
}

void load_and_unload(ktest::Run& t, std::string_view parameters) {
    Image image;
    REQUIRE(image.size_bytes != 0);
    const Seen before = look();
    EXPECT(none_there(before));
    REQUIRE(image.load(parameters).has_value());
    const Seen loaded = look();
    EXPECT(all_there(loaded));
    EXPECT(loaded.interrupts == before.interrupts + 1);
    auto twice = image.load("");
    EXPECT(!twice && twice.error() == Error::exist);
    sched::sleep_ns(3'000'000);  // its timer, work and thread run meanwhile
    REQUIRE(module::unload(kVictim, 0).has_value());
    const Seen after = look();
    EXPECT(none_there(after));
    EXPECT(after.interrupts == before.interrupts);
}

KTEST(what_a_module_took_is_gone_after_it) {
    for (u32 i = 0; i < 5; ++i) load_and_unload(t, "");
}

KTEST(a_module_gets_no_more_memory_than_its_quota) {
    load_and_unload(t, "eat_kb=800 meals=20");
    Image image;
    REQUIRE(image.size_bytes != 0);
    const Seen before = look();
    auto loaded = image.load("eat_kb=2000");
    EXPECT(!loaded && loaded.error() == Error::nomem);
    EXPECT(none_there(look()));
    EXPECT(look().interrupts == before.interrupts);
    load_and_unload(t, "eat_kb=800");
}

KTEST(what_a_module_forgot_is_swept) {
    load_and_unload(t, "leak=1");
}

KTEST(a_module_that_fails_half_way_leaves_nothing) {
    Image image;
    REQUIRE(image.size_bytes != 0);
    const u32 interrupts = ktest::interrupt_lines();
    for (u32 step = 1; step <= ktest::kVictimKinds; ++step) {
        fmt::Line<32> parameters("fail_at={}", step);
        auto loaded = image.load(parameters.view());
        EXPECT(!loaded && loaded.error() == Error::io);
        const Seen after = look();
        EXPECT(none_there(after));
        EXPECT(after.interrupts == interrupts);
    }
}

KTEST(loads_and_unloads_from_all_cpus_do_not_mix) {
    Image image;
    REQUIRE(image.size_bytes != 0);
    static std::atomic<u32> loads, unloads;
    loads = unloads = 0;
    t.parallel(4, [&](u32 me) {
        for (u32 i = 0; i < 12; ++i) {
            if (me % 2 == 0) {
                auto r = image.load("");
                if (r)
                    loads.fetch_add(1);
                else
                    EXPECT(r.error() == Error::exist || r.error() == Error::busy);
            } else {
                auto r = module::unload(kVictim, 0);
                if (r)
                    unloads.fetch_add(1);
                else
                    EXPECT(r.error() == Error::noent || r.error() == Error::busy ||
                           r.error() == Error::again);
            }
            sched::sleep_ns(300'000);
        }
    });
    if (loads.load() != unloads.load()) {
        EXPECT(loads.load() == unloads.load() + 1);
        EXPECT(module::unload(kVictim, 0).has_value());
    }
    EXPECT(loads.load() > 0);
    EXPECT(none_there(look()));
}

// What stands behind a gate of its own.
class Service {
  public:
    u32 add(u32 a, u32 b) { return a + b; }
    Result<u32> slow(u64 ns) {
        sched::sleep_ns(ns);
        return 1u;
    }
    // Most of the time with interrupts off, but never long: a driver of a slow device.
    u32 open_now_and_then(u32 times) {
        constexpr u64 kMs = 1'000'000, kOffMs = 280;
        time::Timer timer([](time::Timer&) {});
        for (u32 i = 0; i < times; ++i) {
            timer.arm_at(time::monotonic_ns() + kMs);
            const IrqGuard guard;
            for (const u64 start = time::monotonic_ns();
                 time::monotonic_ns() - start < kOffMs * kMs;) {
            }
        }
        return times;
    }
};

KTEST(interrupts_off_now_and_then_is_not_for_too_long) {
    module::Gate& gate = t.context().gate();
    Service service;
    const auto handle = module::Gated<Service>::borrow(&service, &gate);
    EXPECT(handle.call(&Service::open_now_and_then, 5u) == 5);
}

KTEST(a_gate_counts_calls_and_refuses_after_its_end) {
    module::Gate& gate = t.context().gate();
    EXPECT(gate.owner_name() == "ktest_module");
    EXPECT(gate.owner_tag() != 0);
    EXPECT(module::current_gate() == &gate);  // create() runs inside it
    const u32 pins = gate.pins();
    gate.pin();
    EXPECT(gate.pins() == pins + 1);
    gate.unpin();
    Service service;
    t.parallel(6, [&](u32) {
        auto handle = module::Gated<Service>::borrow(&service, &gate);
        for (u32 i = 0; i < 2000; ++i) {
            EXPECT(handle.call(&Service::add, i, 2u) == i + 2);
            if (i % 256 == 0) EXPECT(handle.call(&Service::slow, u64{50'000}).has_value());
        }
    });
}

// Says whether it was there to the end of each call.
class FickleOpener final : public vfs::DeviceOpener {
  public:
    explicit FickleOpener(std::atomic<u32>& astray) : astray_(astray) {}
    ~FickleOpener() override { there_ = false; }
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::atomic<u32>& astray = astray_;
        sched::sleep_ns(100'000);
        if (!there_) astray.fetch_add(1);
        return Err(Error::io);
    }

  private:
    std::atomic<u32>& astray_;
    std::atomic<bool> there_{true};
};

KTEST(an_opener_stays_while_it_opens) {
    constexpr u32 kMajor = 233;
    static std::atomic<u32> astray, opened;
    static std::atomic<bool> over;
    astray = opened = 0;
    over = false;
    module::Gate& gate = t.context().gate();
    t.parallel(3, [&](u32 me) {
        for (u32 i = 0; me == 0 && i < 300; ++i) {
            std::unique_ptr<vfs::DeviceOpener> opener(new (std::nothrow) FickleOpener(astray));
            if (!opener) break;
            EXPECT(vfs::register_char_device(
                       kMajor, 0, 1, "ktestfickle",
                       module::Gated<vfs::DeviceOpener>::own(std::move(opener), &gate))
                       .has_value());
            sched::sleep_ns(150'000);
            vfs::unregister_char_device(kMajor, 0, 1);
        }
        if (me == 0) over = true;
        while (!over.load()) {
            const auto made = vfs::open_char_device({kMajor, 0}, vfs::kOpenRead);
            EXPECT(!made && (made.error() == Error::io || made.error() == Error::nxio));
            if (made.error() == Error::io)
                opened.fetch_add(1);
            else
                sched::yield();
        }
    });
    EXPECT(opened.load() != 0);
    EXPECT(astray.load() == 0);
}

class SlowMaker final : public device::DeviceOps {
  public:
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        static constexpr device::AttributeInfo kList[] = {{"slow"}};
        return kList;
    }
    Result<void> show(device::Device&, usize, fmt::Sink& out) override {
        inside = true;
        while (!may_end.load()) sched::sleep_ns(1'000'000);
        out.write("slow\n");
        return {};
    }
    std::atomic<bool> inside{false}, may_end{false};
};

KTEST(a_device_goes_though_who_asked_it_failed) {
    SlowMaker maker;
    constexpr std::string_view kPath = "/sys/devices/virtual/ktest/ktestslow/slow";
    const auto open = [] {
        return vfs::open(vfs::lookup_start_of_current(), kPath, {.flags = vfs::kOpenRead});
    };
    auto made = device::Device::create(
        {.name = "ktestslow",
         .class_name = "ktest",
         .ops = module::Gated<device::DeviceOps>::borrow(&maker, &t.context().gate())});
    REQUIRE(made.has_value());
    Ref<device::Device> device = *made;
    REQUIRE(device::add(device, nullptr, nullptr).has_value());
    auto file = open();
    EXPECT(file.has_value());
    if (file)
        t.parallel(2, [&](u32 me) {
            if (me == 0) {
                char text[16];
                auto buffer = vfs::IoBuffer::kernel(text, sizeof text);
                const auto answer = (*file)->read(buffer);
                EXPECT(!answer && answer.error() == Error::nodev);
                return;
            }
            while (!maker.inside.load()) sched::sleep_ns(1'000'000);
            EXPECT(module::restart_module("sysfs").has_value());
            sched::sleep_ns(50'000'000);
            maker.may_end = true;
        });
    device::remove(*device);  // waits for calls in flight
    // The reference of the call that was ended is lost.
    while (device->ref_count() > 1) device->unref();
    bool is_back = false;
    for (u32 i = 0; i < 2000 && !is_back; ++i) {
        is_back = vfs::open(vfs::lookup_start_of_current(), "/sys/kernel/uevent_seqnum",
                            {.flags = vfs::kOpenRead})
                      .has_value();
        if (!is_back) sched::sleep_ns(5'000'000);
    }
    EXPECT(is_back);
}

// The thread of a module that is restarted stands in a long copy of the core's: it comes to its
// end.
KTEST(what_the_core_does_for_a_failing_module_is_not_cut_in_two) {
    Image image;
    REQUIRE(image.size_bytes != 0);
    constexpr std::string_view kPath = "/tmp/ktest_copy";
    for (u32 i = 0; i < 4; ++i) {
        auto file = vfs::open(vfs::lookup_start_of_current(), kPath,
                              {.flags = vfs::kOpenWrite | vfs::kOpenCreate});
        REQUIRE(file.has_value());
        const auto copied = [&] { return (*file)->inode().size_bytes.load(); };
        fmt::Line<40> parameter("copy={:#x}", reinterpret_cast<u64>(file->get()));
        REQUIRE(image.load(parameter.view()).has_value());
        while (copied() == 0) sched::sleep_ns(100'000);
        const auto node = [] {
            return vfs::lookup(vfs::lookup_start_of_current(), "/dev/ktestnode", 0);
        };
        {
            const auto old = node();  // its place is not given to another meanwhile
            REQUIRE(old.has_value());
            EXPECT(module::restart_module(kVictim).has_value());
            for (auto now = node(); !now || now->dentry == old->dentry; now = node())
                sched::sleep_ns(1'000'000);
        }
        EXPECT(copied() % ktest::kVictimCopyBytes == 0);
        while (!module::unload(kVictim, 0)) sched::sleep_ns(1'000'000);  // until it is live
        EXPECT(
            vfs::unlink(vfs::lookup_start_of_current(), kPath, vfs::UnlinkKind::file).has_value());
    }
}

// Told, not asserted: under `-icount shift=0` a nanosecond is an instruction.
KTEST(what_a_crossing_costs) {
    constexpr u32 kRounds = 50, kCalls = 100;  // a sleep between: the watchdog looks on
    module::Gate& gate = t.context().gate();
    Service service;
    const auto handle = module::Gated<Service>::borrow(&service, &gate);
    u32 sum = 0;
    u64 took = 0;
    for (u32 round = 0; round < kRounds; ++round) {
        const u64 start = time::monotonic_ns();
        for (u32 i = 0; i < kCalls; ++i) sum = handle.call(&Service::add, sum, 1u);
        took += time::monotonic_ns() - start;
        sched::sleep_ns(1'000'000);
    }
    EXPECT(sum == kRounds * kCalls);
    log::info("ktest_module: # {} ns a call through the gate", took / sum);
}

}  // namespace

KTEST_MODULE("ktest_module", &what_a_module_took_is_gone_after_it, &what_a_module_forgot_is_swept,
             &a_module_that_fails_half_way_leaves_nothing,
             &loads_and_unloads_from_all_cpus_do_not_mix,
             &interrupts_off_now_and_then_is_not_for_too_long,
             &a_gate_counts_calls_and_refuses_after_its_end, &an_opener_stays_while_it_opens,
             &a_device_goes_though_who_asked_it_failed,
             &what_the_core_does_for_a_failing_module_is_not_cut_in_two, &what_a_crossing_costs);
