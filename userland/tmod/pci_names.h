// What people call a PCI device: the list of the PCI ID Project, as Debian's package pci.ids has it.
#pragma once

#include "tmod/facts.h"

namespace tmod {

// "Red Hat, Inc. Virtio 1.0 RNG". Of a device that is not in the list, its class instead of its
// name; "" for a device without PCI's numbers, and where the root holds no list.
Text pci_name(const Text& device_folder);

}  // namespace tmod
