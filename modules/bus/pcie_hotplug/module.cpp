#include "slot.h"

namespace tenon::pcie_hotplug {
namespace {

// Ports differ in maker; what they are, they say by class and capability.
constexpr pci::Id kIds[] = {{.class_code = 0x060400, .class_mask = 0xffff00}};

TENON_PARAMETER(u32, button_wait_ms,
                {.value = 200,
                 .min = 0,
                 .max = 10000,
                 .description = "ms in which a second press takes back the first; 5000 where "
                                "hands press"});
TENON_PARAMETER(u32, settle_ms,
                {.value = 100,
                 .min = 0,
                 .max = 10000,
                 .description = "ms from link up to the first question to a new device"});

class PortDriver final : public pci::Driver {
  public:
    explicit PortDriver(module::Context& context)
        : Driver("pcie_hotplug", kIds), context_(context) {}
    Result<std::unique_ptr<device::Binding>> probe(pci::Function& port) override {
        TRY_ASSIGN(auto slot, Slot::create(context_, port, {button_wait_ms, settle_ms}));
        return std::unique_ptr<device::Binding>(std::move(slot));
    }

  private:
    module::Context& context_;
};

class PcieHotplug final : public module::Instance {
  public:
    static Result<std::unique_ptr<PcieHotplug>> create(module::Context& context) {
        std::unique_ptr<PcieHotplug> self(new (std::nothrow) PcieHotplug);
        std::unique_ptr<PortDriver> driver(new (std::nothrow) PortDriver(context));
        if (!self || !driver) return Err(Error::nomem);
        TRY_ASSIGN(self->driver_, pci::register_driver(context, std::move(driver)));
        return self;
    }

  private:
    module::Held driver_;
};

}  // namespace
}  // namespace tenon::pcie_hotplug

TENON_MODULE(tenon::pcie_hotplug::PcieHotplug,
             {
                 .name = "pcie_hotplug",
                 .version = "1.0",
                 .description = "Devices that come to and leave PCI Express slots",
                 .needs = {"pci>=1.0,<2"},
                 .aliases = {"pci:v*d*sv*sd*bc06sc04i*"},
             });
