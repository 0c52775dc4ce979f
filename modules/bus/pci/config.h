// Ways to configuration space.
#pragma once

#include <pci/pci.h>

namespace tenon::pci {

struct Address {
    u16 segment;
    u8 bus, slot, function;
};

// Finds ECAM or falls back to ports.
Result<void> init_config(module::Context& context);
void exit_config();
u32 config_read(const Address& a, u16 offset, u32 size_bytes);
void config_write(const Address& a, u16 offset, u32 size_bytes, u32 value);
// Bytes of configuration space that can be reached: 256 or 4096.
u16 config_size();
usize segment_count();
struct Segment {
    u16 number;
    u8 first_bus, last_bus;
};
Segment segment(usize index);
// Upper case, `digits` of them: as user space knows modaliases and uevents.
void write_hex(fmt::Sink& out, u32 value, int digits);

}  // namespace tenon::pci
