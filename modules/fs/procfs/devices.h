// What the files about devices of one kind share.
#pragma once

#include <tenon/device/device.h>

#include <iterator>
#include <memory>

namespace tenon::procfs {

// Writes attribute `name` of a device, as sysfs would show it.
inline void show_attribute(device::Device& device, std::string_view name, fmt::Sink& out) {
    const auto list = device.call(&device::DeviceOps::attributes, device);
    for (usize i = 0; i < list.size(); ++i)
        if (list[i].name == name) (void)device.call(&device::DeviceOps::show, device, i, out);
}

// Calls visit(device) for each device that `wanted` picks, outside the tree's lock.
template <typename Visit>
void each_device(bool (*wanted)(const device::Device&), Visit&& visit) {
    struct Found {
        bool (*wanted)(const device::Device&);
        Ref<device::Device> devices[64];
        u32 count = 0;
    };
    const std::unique_ptr<Found> found(new (std::nothrow) Found);
    if (!found) return;
    found->wanted = wanted;
    device::for_each_device(
        [](device::Device& d, void* context) {
            auto& f = *static_cast<Found*>(context);
            if (f.wanted(d) && d.ops() && f.count < std::size(f.devices))
                f.devices[f.count++] = Ref<device::Device>(&d);
        },
        found.get());
    for (u32 i = 0; i < found->count; ++i) visit(*found->devices[i]);
}

}  // namespace tenon::procfs
