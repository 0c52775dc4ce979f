// One hot-plug slot: the port's side of it.
#pragma once

#include <pci/pci.h>
#include <tenon/module/module.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::pcie_hotplug {

class Slot final : public device::Binding {
  public:
    static constexpr std::string_view kName = "pcie_hotplug";
    // Ports differ in maker; what they are, they say by class and capability.
    static constexpr pci::Id kIds[] = {{.class_code = 0x060400, .class_mask = 0xffff00}};
    // Error::nodev when the port has no slot that devices come to and go from.
    static Result<std::unique_ptr<Slot>> create(module::Context& context, pci::Function& port);
    ~Slot() override;

  private:
    explicit Slot(pci::Function& port) : port_(port) {}
    irq::Handled on_interrupt();
    static void run(void* self) { static_cast<Slot*>(self)->loop(); }
    void loop();
    void serve();

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
    u16 express_ = 0;        // offset of the capability
    u32 capabilities_ = 0;   // Slot Capabilities
    u32 number_ = 0;         // of the slot, as printed on the box
    bool occupied_ = false;  // what is in it is ours: powered and listed
    bool left_ = true;       // nothing is in it since it was powered off
    u64 off_since_ns_ = 0;
    u64 remove_at_ns_ = 0;  // the button was pressed: when to act; 0: it was not
    std::atomic<u32> events_{0};
    std::atomic<u64> first_event_ns_{0};
    sync::WaitQueue wake_;
    pci::Interrupt interrupt_;
    module::Held thread_;
};

}  // namespace tenon::pcie_hotplug
