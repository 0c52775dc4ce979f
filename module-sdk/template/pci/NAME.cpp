// @NAME@: a driver for a PCI device with one register window and one interrupt.
#include <pci/pci.h>
#include <tenon/device/lease.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>

#include <algorithm>

namespace @NAME@ {

using namespace tenon;

// Registers, in bytes from the start of BAR 0.
constexpr usize kFactorial = 0x08, kStatus = 0x20, kCauses = 0x24, kAcknowledge = 0x64;
constexpr u32 kInterruptWhenDone = 0x80;

constinit std::atomic<u64> g_numbers{0};  // of nodes in use

TENON_PARAMETER(u32, timeout_ms, {.value = 1000, .min = 1, .max = 60000, .mode = 0644,
                                  .description = "how long the device may take"});

// One device, bound. Its destructor is the removal. The node is lent: a descriptor that outlives the
// device answers Error::nodev, and no call of a file comes here any more.
class Device final : public device::Binding {
  public:
    // What the driver serves. Here: QEMU's teaching device, which computes factorials.
    static constexpr std::string_view kName = "@NAME@";
    static constexpr pci::Id kIds[] = {{.vendor = 0x1234, .device = 0x11e8}};

    static Result<std::unique_ptr<Device>> create(module::Context& context,
                                                  pci::Function& function) {
        std::unique_ptr<Device> self(new (std::nothrow) Device);
        if (!self) return Err(Error::nomem);
        function.enable_memory();
        TRY_ASSIGN(self->registers_, function.map_bar(context, 0));
        TRY_ASSIGN(self->interrupt_, pci::Interrupt::request<&Device::on_interrupt>(
                                         context, function, 0, self.get()));
        TRY(self->publish(context, function));
        log::info("@NAME@: bound");
        return self;
    }
    // Ends the sleeps of calls in flight, then the files.
    ~Device() override {
        going_.store(true);
        queue_.wake_all();
        node_.withdraw();
    }

    // May sleep. Error::restart when a signal came first, Error::io when the device did not answer,
    // Error::nodev when it went.
    Result<u32> compute(u32 n) {
        sync::MutexGuard guard(lock_);
        done_.store(false);
        registers_.write32(kStatus, kInterruptWhenDone);
        registers_.write32(kFactorial, n);
        auto waited = queue_.wait([&] { return done_.load() || going_.load(); },
                                  sync::WaitMode::interruptible,
                                  sync::Deadline::after_ns(u64{timeout_ms} * 1'000'000));
        if (going_.load()) return Err(Error::nodev);
        if (!waited) return Err(waited.error() == Error::timedout ? Error::io : waited.error());
        return registers_.read32(kFactorial);
    }

  private:
    Result<void> publish(module::Context& context, pci::Function& function);

    // In interrupt context: acknowledge, wake, leave.
    irq::Handled on_interrupt() {
        const u32 causes = registers_.read32(kCauses);
        if (causes == 0 || causes == ~u32{0}) return irq::Handled::no;  // all ones: it is gone
        registers_.write32(kAcknowledge, causes);
        done_.store(true);
        queue_.wake_all();
        return irq::Handled::yes;
    }

    module::Mmio registers_;
    sync::WaitQueue queue_;
    std::atomic<bool> done_{false}, going_{false};
    // User memory is not copied under it, so no page fault waits for a device.
    sync::Mutex lock_{sync::LockRank::pipe};
    pci::Interrupt interrupt_;  // it ends before what its handler uses
    pci::DeviceNumber number_;  // of the node
    device::LentNode node_;
};

class File final : public vfs::FileOps {
  public:
    explicit File(Device& device) : device_(device) {}
    // A decimal number starts a computation and waits for it.
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        char text[16];
        if (buffer.remaining() >= sizeof text) return Err(Error::inval);
        TRY_ASSIGN(const usize n, buffer.get(text, buffer.remaining()));
        u32 number = 0;
        usize digits = 0;
        for (; digits < n && text[digits] >= '0' && text[digits] <= '9'; ++digits)
            if (__builtin_mul_overflow(number, 10u, &number) ||
                __builtin_add_overflow(number, static_cast<u32>(text[digits] - '0'), &number))
                return Err(Error::range);
        if (digits == 0 || (digits < n && text[digits] != '\n')) return Err(Error::inval);
        TRY_ASSIGN(result_, device_.compute(number));
        return n;
    }
    // The last result, as a line.
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        fmt::Line<16> line("{}\n", result_);
        const std::string_view text = line.view();
        if (position >= text.size()) return usize{0};
        TRY_ASSIGN(const usize moved,
                   buffer.put(text.data() + position,
                              std::min<usize>(buffer.remaining(), text.size() - position)));
        position += moved;
        return moved;
    }

  private:
    Device& device_;
    u32 result_ = 0;
};

class Opener final : public vfs::DeviceOpener {
  public:
    explicit Opener(Device& device) : device_(device) {}
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::unique_ptr<File> file(new (std::nothrow) File(device_));
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }

  private:
    Device& device_;
};

// Last in create(): who finds the node can open it. The second device's is @NAME@1.
Result<void> Device::publish(module::Context& context, pci::Function& function) {
    TRY_ASSIGN(const u32 number, number_.take(g_numbers));
    const fmt::Line<32> name(number == 0 ? "@NAME@" : "@NAME@{}", number);
    return node_.publish(context,
                         {.name = name.view(), .class_name = "misc", .node = {.mode = 0666}},
                         &function.core_device(),
                         std::unique_ptr<vfs::DeviceOpener>(new (std::nothrow) Opener(*this)));
}

}  // namespace @NAME@

TENON_MODULE(tenon::pci::DriverModule<@NAME@::Device>, {
    .name = "@NAME@",
    .version = "0.1",
    .license = "MIT",
    .description = "Drives a PCI device; /dev/@NAME@",
    .needs = {"pci>=1.0,<2"},
});
