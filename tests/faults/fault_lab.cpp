// A module that goes wrong on request, in every way (kinds.h) and every context, so that the
// campaign can see what becomes of the rest. Writing "KIND CONTEXT" to /dev/fault_lab commits it;
// reading tells the kinds, which is the service that a client misses while it is down.
#include <tenon/device/device.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/module.h>
#include <tenon/sched/scheduler.h>
#include <tenon/sync/mutex.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/char_device.h>

#include <cstring>

#include "kinds.h"

namespace tenon::fault_lab {

namespace {

TENON_PARAMETER(bool, armed, {.value = true, .description = "commit what is asked for"});
TENON_PARAMETER(bool, in_create, {.value = false, .description = "null_write in create()"});

class Lab;
Lab* g_lab = nullptr;
const Kind* g_at_exit = nullptr;
const Kind* g_at_probe = nullptr;
const Kind* g_at_remove = nullptr;

void commit(const Kind* kind) {
    if (kind != nullptr && armed) kind->commit();
}

class Bus final : public device::Bus {
  public:
    std::string_view name() const override { return "fault_lab"; }
};
class Bound final : public device::Binding {
  public:
    ~Bound() override { commit(g_at_remove); }
};
class Driver final : public device::Driver {
  public:
    std::string_view name() const override { return "fault_lab"; }
    bool match(device::Device&) override { return true; }
    Result<std::unique_ptr<device::Binding>> probe(device::Device&) override {
        commit(g_at_probe);
        std::unique_ptr<device::Binding> bound(new (std::nothrow) Bound);
        if (!bound) return Err(Error::nomem);
        return bound;
    }
};

class Lab final : public module::Instance {
  public:
    static Result<std::unique_ptr<Lab>> create(module::Context& context) {
        std::unique_ptr<Lab> self(new (std::nothrow) Lab);
        if (!self) return Err(Error::nomem);
        if (in_create) commit(find_kind("null_write"));
        TRY(self->set_up(context));
        return self;
    }
    ~Lab() override { commit(g_at_exit); }

    Result<void> run(const Kind& kind, std::string_view where) {
        kind_ = &kind;
        if (where == "call") {
            commit(&kind);
        } else if (where == "worker") {
            work_.queue();
        } else if (where == "timer") {
            timer_.arm_at(time::monotonic_ns() + 1'000'000);
        } else if (where == "irq") {
            // As a device would: a write to the address that the message names.
            apic_.write32(message_.address & 0xfffff, message_.data);
        } else if (where == "thread") {
            wanted_.store(true);
            thread_wants_.wake_all();
        } else if (where == "probe" || where == "remove") {
            (where == "probe" ? g_at_probe : g_at_remove) = &kind;
            TRY(device::unbind(*device_));
            return device::attach(*device_);
        } else if (where == "exit") {
            g_at_exit = &kind;
        } else {
            return Err(Error::inval);
        }
        return {};
    }

  private:
    Result<void> set_up(module::Context& context);
    void on_event() { commit(kind_); }
    irq::Handled on_interrupt() {
        commit(kind_);
        return irq::Handled::yes;
    }
    static void thread_main(void* self) {
        auto& lab = *static_cast<Lab*>(self);
        if (lab.thread_wants_.wait([&] { return lab.wanted_.load(); })) commit(lab.kind_);
    }

    const Kind* kind_ = nullptr;
    std::atomic<bool> wanted_{false};
    sync::WaitQueue thread_wants_;
    arch::MsiMessage message_;
    module::Mmio apic_;
    alignas(Bus) u8 bus_[sizeof(Bus)];
    Ref<device::Device> device_;
    module::Held bus_held_, driver_, device_held_, node_, irq_, thread_;
    module::TimerHandle timer_;
    module::WorkHandle work_;
    module::CharDevice numbers_;
};

class File final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        char text[2048];
        fmt::BufferSink sink(text);
        write_kinds(sink);
        if (position >= sink.text().size()) return usize{0};
        const usize n = std::min<usize>(buffer.remaining(), sink.text().size() - position);
        TRY_ASSIGN(const usize moved, buffer.put(text + position, n));
        position += moved;
        return moved;
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        char text[80];
        const usize n = buffer.remaining();
        if (n >= sizeof text) return Err(Error::inval);
        TRY_ASSIGN(const usize moved, buffer.get(text, n));
        std::string_view line(text, moved);
        if (line.ends_with('\n')) line.remove_suffix(1);
        const usize space = line.find(' ');
        const Kind* kind = find_kind(line.substr(0, space));
        if (kind == nullptr || space == std::string_view::npos) return Err(Error::inval);
        TRY(g_lab->run(*kind, line.substr(space + 1)));
        return moved;
    }
};

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::unique_ptr<File> file(new (std::nothrow) File);
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }
};

Result<void> Lab::set_up(module::Context& context) {
    g_lab = this;
    set_context(&context);
    TRY_ASSIGN(irq_, context.request_msi<&Lab::on_interrupt>(this, message_));
    TRY_ASSIGN(apic_, context.map_mmio(PhysAddr{message_.address & ~u64{0xfffff}}, 0x100000));
    TRY_ASSIGN(timer_, context.make_timer<&Lab::on_event>(this));
    TRY_ASSIGN(work_, context.make_work<&Lab::on_event>(this));
    TRY_ASSIGN(thread_, context.start_thread("fault_lab", thread_main, this));
    auto* bus = new (bus_) Bus;
    TRY_ASSIGN(bus_held_, context.register_bus(*bus));
    std::unique_ptr<device::Driver> driver(new (std::nothrow) Driver);
    if (!driver) return Err(Error::nomem);
    TRY_ASSIGN(driver_, context.register_driver(*bus, std::move(driver)));
    TRY_ASSIGN(device_, device::Device::create({.name = "fault_lab_device"}));
    TRY_ASSIGN(device_held_, context.add_device(device_, nullptr, bus));
    std::unique_ptr<vfs::DeviceOpener> opener(new (std::nothrow) Opener);
    if (!opener) return Err(Error::nomem);
    TRY_ASSIGN(numbers_, context.register_char_device(0, 0, 1, "fault_lab", std::move(opener)));
    TRY_ASSIGN(auto node, device::Device::create(
                              {.name = "fault_lab",
                               .class_name = "misc",
                               .node = {.major = numbers_.major(), .minor = 0, .mode = 0666}}));
    TRY_ASSIGN(node_, context.add_device(std::move(node), nullptr, nullptr));
    return {};
}

}  // namespace
}  // namespace tenon::fault_lab

TENON_MODULE(tenon::fault_lab::Lab, {
                                        .name = "fault_lab",
                                        .version = "1.0",
                                        .description = "Goes wrong on request",
                                    });
