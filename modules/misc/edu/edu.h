// One edu device, bound.
#pragma once

#include <pci/pci.h>
#include <tenon/device/lease.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>

namespace tenon::edu {

class Edu final : public device::Binding {
  public:
    static constexpr usize kBufferBytes = 4096;

    static constexpr std::string_view kName = "edu";
    static constexpr pci::Id kIds[] = {{.vendor = 0x1234, .device = 0x11e8}};
    static Result<std::unique_ptr<Edu>> create(module::Context& context, pci::Function& function);
    ~Edu() override;

    // Waits for the interrupt. Error::restart when a signal came first, Error::io on a time-out,
    // Error::nodev when the device goes.
    Result<u32> factorial(u32 n);
    u32 last_result() const { return last_result_; }
    enum class Direction : u8 { to_device, from_device };
    // Between transfer_page() and `offset` in the device's buffer; offset + length <= kBufferBytes.
    Result<void> copy(Direction direction, usize offset, usize length_bytes);
    u8* transfer_page() const { return dma_.data(); }
    sync::Mutex& lock() { return lock_; }

  private:
    Edu() = default;
    irq::Handled on_interrupt();
    Result<void> publish(module::Context& context);
    Result<void> wait_for(u32 bit);

    pci::Function* function_ = nullptr;
    module::Mmio registers_;
    module::DmaBuffer dma_;
    sync::WaitQueue done_;
    std::atomic<u32> pending_{0};     // causes seen, not yet consumed
    std::atomic<bool> going_{false};  // ends the waits
    u32 last_result_ = 0;
    bool can_dma_ = false;
    sync::Mutex lock_{sync::LockRank::tty};  // user memory is copied under it
    pci::Interrupt interrupt_;
    pci::DeviceNumber number_;  // of the node
    device::LentNode node_;
};

// The file operations behind its node.
std::unique_ptr<vfs::DeviceOpener> make_opener(Edu& edu);

}  // namespace tenon::edu
