// The functions that the walk found.
#pragma once

#include "config.h"

namespace tenon::pci {

class PciBus final : public device::Bus {
  public:
    std::string_view name() const override { return "pci"; }
};

// What bus() answers.
void set_bus(PciBus* bus);

// Owns all functions; made by the module's instance.
class Enumerator {
  public:
    explicit Enumerator(module::Context& context) : context_(context) {}
    ~Enumerator();
    Result<void> run();
    u32 count() const { return count_; }

  private:
    Result<void> scan_bus(const Segment& segment, u8 bus, device::Device* parent, u32 depth);
    Result<void> scan_slot(const Segment& segment, u8 bus, u8 slot, device::Device* parent,
                           u32 depth);
    Result<Function*> add(const Address& a, device::Device* parent);

    module::Context& context_;
    Function* functions_ = nullptr;  // newest first
    struct Root {
        Ref<device::Device> device;
        module::Held held;
    };
    Root roots_[8];
    u32 count_ = 0;
};

}  // namespace tenon::pci
