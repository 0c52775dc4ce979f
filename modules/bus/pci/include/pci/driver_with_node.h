// A module of one driver and one character device: the node stays while the module does, whatever
// devices come and go behind it.
#pragma once

#include <pci/pci.h>
#include <tenon/module/module.h>
#include <tenon/vfs/char_device.h>

namespace tenon::pci {

class DriverWithNode : public module::Instance {
  protected:
    // `options.node` says the number; major 0 asks for a free one. The node comes last: who finds
    // it finds the driver's devices.
    Result<void> publish(module::Context& context, device::DeviceOptions options,
                         std::unique_ptr<vfs::DeviceOpener> opener,
                         std::unique_ptr<Driver> driver) {
        if (!opener || !driver) return Err(Error::nomem);
        TRY_ASSIGN(numbers_, context.register_char_device(options.node.major, options.node.minor, 1,
                                                          options.name, std::move(opener)));
        options.node.major = numbers_.major();
        TRY_ASSIGN(auto node, device::Device::create(std::move(options)));
        TRY_ASSIGN(driver_, register_driver(context, std::move(driver)));
        TRY_ASSIGN(node_, context.add_device(std::move(node), nullptr, nullptr));
        return {};
    }

  private:
    module::CharDevice numbers_;
    module::Held driver_, node_;
};

}  // namespace tenon::pci
