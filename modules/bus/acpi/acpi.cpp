#include <tenon/arch/machine.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/device/device.h>
#include <tenon/module/module.h>
#include <tenon/sched/scheduler.h>

namespace tenon::acpi_events {
namespace {

// Bits of the PM1 status and enable registers, and of PM1 control.
constexpr u16 kPowerButton = 1 << 8, kSciEnabled = 1 << 0;
constexpr u32 kEnableTries = 300;

class AcpiBus final : public device::Bus {
  public:
    std::string_view name() const override { return "acpi"; }
};

class ButtonOps final : public device::DeviceOps {
  public:
    explicit ButtonOps(const std::atomic<u32>& presses) : presses_(presses) {}
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        static constexpr device::AttributeInfo kList[] = {{"presses"}};
        return kList;
    }
    Result<void> show(device::Device&, usize, fmt::Sink& out) override {
        fmt::print(out, "{}\n", presses_.load(std::memory_order_relaxed));
        return {};
    }

  private:
    const std::atomic<u32>& presses_;
};

class Acpi final : public module::Instance {
  public:
    static Result<std::unique_ptr<Acpi>> create(module::Context& context);
    ~Acpi() override {
        // Nothing may raise the interrupt once its handler is gone.
        if (armed_) enable(0);
    }

  private:
    Result<void> enter_acpi_mode();
    u16 status_port() const { return static_cast<u16>(fadt_->pm1a_event); }
    void enable(u16 bits) {
        arch::port_out16(static_cast<u16>(status_port() + fadt_->pm1_event_length / 2), bits);
    }
    irq::Handled on_interrupt();
    void on_press() {
        log::notice("acpi: power button pressed");
        device::emit_uevent(*button_, "change");
    }

    const acpi::Fadt* fadt_ = nullptr;
    bool armed_ = false;
    std::atomic<u32> presses_{0};
    AcpiBus bus_;
    module::Held bus_held_;
    Ref<device::Device> button_;
    module::Held button_held_;
    module::WorkHandle press_work_;
    module::Held interrupt_;
};

irq::Handled Acpi::on_interrupt() {
    const u16 status = arch::port_in16(status_port());
    if ((status & kPowerButton) == 0) return irq::Handled::no;
    arch::port_out16(status_port(), kPowerButton);  // written ones are cleared
    presses_.fetch_add(1, std::memory_order_relaxed);
    press_work_.queue();
    return irq::Handled::yes;
}

Result<void> Acpi::enter_acpi_mode() {
    const auto enabled = [&] {
        return (arch::port_in16(static_cast<u16>(fadt_->pm1a_control)) & kSciEnabled) != 0;
    };
    if (enabled()) return {};
    if (fadt_->smi_command == 0 || fadt_->acpi_enable == 0) return Err(Error::nodev);
    arch::port_out8(static_cast<u16>(fadt_->smi_command), fadt_->acpi_enable);
    for (u32 i = 0; i < kEnableTries; ++i) {
        if (enabled()) return {};
        sched::sleep_ns(10'000'000);
    }
    return Err(Error::timedout);
}

Result<std::unique_ptr<Acpi>> Acpi::create(module::Context& context) {
    std::unique_ptr<Acpi> self(new (std::nothrow) Acpi);
    if (!self) return Err(Error::nomem);
    self->fadt_ = acpi::fadt();
    if (self->fadt_ == nullptr || self->fadt_->hardware_reduced() || self->fadt_->pm1a_event == 0 ||
        self->fadt_->pm1_event_length < 4)
        return Err(Error::nodev);
    TRY(self->enter_acpi_mode());
    TRY_ASSIGN(self->bus_held_, context.register_bus(self->bus_));
    std::unique_ptr<device::DeviceOps> ops(new (std::nothrow) ButtonOps(self->presses_));
    if (!ops) return Err(Error::nomem);
    TRY_ASSIGN(self->button_, device::Device::create({.name = "LNXPWRBN:00",
                                                      .modalias = "acpi:LNXPWRBN:",
                                                      .ops = module::Gated<device::DeviceOps>::own(
                                                          std::move(ops), &context.gate())}));
    TRY_ASSIGN(self->button_held_, context.add_device(self->button_, nullptr, &self->bus_));
    TRY_ASSIGN(self->press_work_, context.make_work<&Acpi::on_press>(self.get()));
    TRY_ASSIGN(self->interrupt_, context.request_isa_irq(
                                     self->fadt_->sci_irq,
                                     [](void* o) { return static_cast<Acpi*>(o)->on_interrupt(); },
                                     nullptr, self.get()));
    arch::port_out16(self->status_port(), kPowerButton);
    self->armed_ = true;
    self->enable(kPowerButton);
    return self;
}

}  // namespace
}  // namespace tenon::acpi_events

TENON_MODULE(tenon::acpi_events::Acpi, {
                                           .name = "acpi",
                                           .version = "1.0",
                                           .description = "Fixed ACPI events: the power button",
                                       });
