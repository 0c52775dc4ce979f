// The functions that the walk found, and those that come and go later.
#pragma once

#include <tenon/sync/mutex.h>
#include <tenon/sync/wait_queue.h>

#include "config.h"

namespace tenon::pci {

class Enumerator;

class PciBus final : public device::Bus {
  public:
    explicit PciBus(Enumerator& enumerator) : enumerator_(enumerator) {}
    std::string_view name() const override { return "pci"; }
    bool is_dynamic() const override { return true; }
    Result<void> rescan() override;
    Result<void> remove(device::Device& device) override;
    Result<void> silence(device::Device& device) override;

  private:
    Enumerator& enumerator_;
};

// What bus() answers, and who serves scan_below() and its like.
void set_bus(PciBus* bus, Enumerator* enumerator);

// What sysfs shows of a function (attributes.cpp).
device::DeviceOps& function_ops();

// Owns all functions; made by the module's instance. The lock is held while functions are added
// and so while drivers bind, but not while they unbind: a driver that serves a slot ends its work
// then, and that work may be a removal, too. So each function has one remover, and who finds a
// function behind its bridge taken by another waits until it is gone.
class Enumerator {
  public:
    explicit Enumerator(module::Context& context) : context_(context) {}
    ~Enumerator();
    // Finds what is not known yet. How many functions there are.
    Result<void> run();
    u32 count() const { return count_; }
    Result<u32> scan_below(Function& bridge);
    void remove_below(Function& bridge, bool gone);
    Result<void> remove(device::Device& device);

  private:
    Result<void> scan_bus(const Segment& segment, u8 bus, Function* parent, device::Device* device,
                          u32 depth);
    Result<void> look_at_slot(const Segment& segment, u8 bus, u8 slot, Function* parent);
    Function* find(const Address& a) const;
    Result<void> make(const Address& a, Function* parent);
    Result<void> publish(Function& function, device::Device* parent);
    void unlink(Function& function);
    void end(Function* function);

    module::Context& context_;
    sync::Mutex lock_{sync::LockRank::tty_ioctl};  // among the outermost: drivers bind under it
    Function* functions_ = nullptr;                // newest first
    struct Root {
        Ref<device::Device> device;
        module::Held held;
    };
    Root roots_[8];
    u32 count_ = 0;
    std::atomic<u32> departures_{0};
    sync::WaitQueue departed_;
};

}  // namespace tenon::pci
