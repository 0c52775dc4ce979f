// One hot-plug slot: the port's side of it.
#pragma once

#include <pci/pci.h>
#include <tenon/module/module.h>

namespace tenon::pcie_hotplug {

// What the operator set.
struct Policy {
    u32 button_wait_ms = 0;
    u32 settle_ms = 0;
};

class Slot final : public device::Binding {
  public:
    // Error::nodev when the port has no slot that devices come to and go from.
    static Result<std::unique_ptr<Slot>> create(module::Context& context, pci::Function& port,
                                                const Policy& policy);
    ~Slot() override;

  private:
    Slot(pci::Function& port, const Policy& policy) : port_(port), policy_(policy) {}
    irq::Handled on_interrupt();
    void on_work();
    void on_timer() { work_.queue(); }

    void on_button();
    void on_presence();
    void add();
    void remove(bool surprise);

    u16 read(u16 offset) { return port_.read16(static_cast<u16>(express_ + offset)); }
    bool has(u32 capability) const { return (capabilities_ & capability) != 0; }
    bool is_present();
    bool is_powered();
    // Changes bits of Slot Control and waits until the slot has taken it.
    void control(u16 clear, u16 set);
    void set_power(bool on);
    void set_indicator(u16 value);
    bool wait_for_link();
    bool wait_for_answer();

    pci::Function& port_;
    const Policy policy_;
    u16 express_ = 0;        // offset of the capability
    u32 capabilities_ = 0;   // Slot Capabilities
    u32 number_ = 0;         // of the slot, as printed on the box
    bool occupied_ = false;  // what is in it is ours: powered and listed
    bool left_ = true;       // nothing is in it since it was powered off
    u64 off_since_ns_ = 0;
    u64 remove_at_ns_ = 0;  // the button was pressed: when to act; 0: it was not
    std::atomic<u32> events_{0};
    std::atomic<u64> first_event_ns_{0};
    module::WorkHandle work_;
    module::TimerHandle timer_;
    pci::Interrupt interrupt_;
};

}  // namespace tenon::pcie_hotplug
