// The service "net-interfaces".
#include <cstring>

#include "netdev.h"

namespace tenon::net {

namespace {

Result<Ref<Interface>> at(u32 index) {
    auto found = find_interface(index);
    if (!found) return Err(Error::nodev);
    return found;
}

InterfaceInfo told(Interface& interface) {
    InterfaceInfo info;
    info.index = interface.index();
    const std::string_view name = interface.name();
    std::memcpy(info.name, name.data(), name.size());
    info.type = interface.type();
    info.flags = interface.flags();
    info.mtu = interface.mtu();
    info.transmit_queue_length = interface.transmit_queue_length();
    info.address = interface.address();
    return info;
}

class Table final : public Interfaces {
  public:
    Result<InterfaceInfo> by_name(std::string_view name) override {
        auto found = find_interface(name);
        if (!found) return Err(Error::nodev);
        return told(*found);
    }
    Result<InterfaceInfo> by_index(u32 index) override {
        TRY_ASSIGN(auto found, at(index));
        return told(*found);
    }
    Result<void> set_flags(u32 index, u32 flags) override {
        TRY_ASSIGN(auto found, at(index));
        return found->set_flags(flags);
    }
    Result<void> set_mtu(u32 index, u32 mtu) override {
        TRY_ASSIGN(auto found, at(index));
        return found->set_mtu(mtu);
    }
    Result<void> set_address(u32 index, const HardwareAddress& address) override {
        TRY_ASSIGN(auto found, at(index));
        return found->set_address(address);
    }
    Result<void> set_transmit_queue_length(u32 index, u32 packets) override {
        TRY_ASSIGN(auto found, at(index));
        found->set_transmit_queue_length(packets);
        return {};
    }
    Result<void> add_group(u32 index, const HardwareAddress& group) override {
        TRY_ASSIGN(auto found, at(index));
        return found->add_group(group);
    }
    Result<void> drop_group(u32 index, const HardwareAddress& group) override {
        TRY_ASSIGN(auto found, at(index));
        return found->drop_group(group);
    }
};

}  // namespace

Result<module::Held> offer_interfaces(module::Context& context) {
    return module::offer<Interfaces>(context, "net-interfaces",
                                     std::unique_ptr<Interfaces>(new (std::nothrow) Table));
}

}  // namespace tenon::net
