// Names for addresses in text, for traces. Needs no lock and no memory.
#pragma once

#include <tenon/lib/format.h>

namespace tenon::trace {

// Writes "name+0x1f" for the core, "name+0x1f [module]" for a module, or nothing where there is no
// name. Context: any, also in a panic.
TENON_API void describe_address(u64 address, fmt::Sink& sink);

// [core] The module loader names addresses that are not the core's. It must not take locks. Returns
// false when the address is in no module.
using ModuleNamer = bool (*)(u64 address, fmt::Sink& sink);
void set_module_namer(ModuleNamer namer);

}  // namespace tenon::trace
