// The module pci, over functions that a test scripts.
#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon::module {
bool deliver(u32 number);
bool is_dma_memory(u64 address, usize length_bytes);
}  // namespace tenon::module

namespace tenon::pci {

class Enumerator {
  public:
    static Bar& bar(Function& f, u32 index) { return f.bars_[index]; }
    static void set_device(Function& f, device::Device* d) { f.device_ = d; }
};

namespace {
class MockBus final : public device::Bus {
  public:
    std::string_view name() const override { return "pci"; }
};
}  // namespace

device::Bus& bus() {
    static auto* b = new MockBus;
    return *b;
}

}  // namespace tenon::pci

namespace tenon::mock {

struct PciDevice::State {
    struct Window {
        u8* base = nullptr;
        usize size_bytes = 0;
        Read read;
        Write write;
    };
    std::string name;
    u8 config[4096] = {};
    u32 vectors = 0;
    u16 last_capability = 0, next_free = 0x40;
    Window windows[6];
    std::map<u32, u32> lines;  // vector -> message
    Ref<device::Device> device;
    bool present = true;
};

struct PciAccess {
    static std::vector<PciDevice*>& all() {
        static auto* list = new std::vector<PciDevice*>;
        return *list;
    }
    static PciDevice::State& of(const pci::Function& f) {
        for (PciDevice* d : all())
            if (&d->function_ == &f) return *d->state_;
        assertion_failed("a PCI function that is gone", __FILE__, __LINE__);
    }
};

PciDevice::PciDevice(const Options& o) : state_(new State) {
    PciAccess::all().push_back(this);
    State& s = *state_;
    s.name = o.name;
    s.vectors = o.vectors;
    function_.slot = 3;
    function_.vendor = o.vendor;
    function_.device = o.device;
    function_.subsystem_vendor = o.subsystem_vendor;
    function_.subsystem_device = o.subsystem_device;
    function_.class_code = o.class_code;
    std::memcpy(s.config + pci::kVendorId, &o.vendor, 2);
    std::memcpy(s.config + pci::kDeviceId, &o.device, 2);
    s.config[pci::kStatus] = 0x10;
    if (o.vectors != 0) {
        const u16 control = static_cast<u16>(o.vectors - 1);
        const u8 body[10] = {static_cast<u8>(control), static_cast<u8>(control >> 8)};
        add_capability(pci::kCapabilityMsix, body);
    }
}

PciDevice::~PciDevice() {
    unplug();
    for (auto& w : state_->windows) {
        if (w.base == nullptr) continue;
        unwatch_registers(w.base);
        low_memory_free(w.base, w.size_bytes);
    }
    std::erase(PciAccess::all(), this);
}

u16 PciDevice::add_capability(u8 id, std::span<const u8> body) {
    State& s = *state_;
    const u16 at = s.next_free;
    s.config[s.last_capability == 0 ? 0x34 : s.last_capability + 1] = static_cast<u8>(at);
    s.config[at] = id;
    std::copy(body.begin(), body.end(), s.config + at + 2);
    s.last_capability = at;
    s.next_free = static_cast<u16>(align_up(at + 2 + body.size(), 4));
    return at;
}

void PciDevice::add_bar(u32 index, usize size_bytes, Read read, Write write) {
    auto& w = state_->windows[index];
    w = {static_cast<u8*>(low_memory(size_bytes, u64{1} << 31, true)), size_bytes, std::move(read),
         std::move(write)};
    ASSERT_NE(w.base, nullptr) << "no room for a BAR";
    auto& bar = pci::Enumerator::bar(function_, index);
    bar.address = {reinterpret_cast<u64>(w.base)};
    bar.size_bytes = size_bytes;
    watch_registers(w.base, size_bytes,
                    [this, &w](usize offset, usize width, bool is_write, u64 value) -> u64 {
                        module::GateAttribution device(nullptr);
                        const u64 nothing = width == 8 ? ~u64{0} : (u64{1} << (8 * width)) - 1;
                        if (!state_->present || !memory_enabled()) return nothing;
                        if (!is_write) return w.read ? w.read(offset, width) : 0;
                        if (w.write) w.write(offset, width, value);
                        return 0;
                    });
}

void PciDevice::plug() {
    char alias[96];
    std::snprintf(alias, sizeof alias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
                  function_.vendor, function_.device, function_.subsystem_vendor,
                  function_.subsystem_device, function_.class_code >> 16,
                  (function_.class_code >> 8) & 0xff, function_.class_code & 0xff);
    state_->present = true;
    state_->device = std::move(
        *device::Device::create({.name = state_->name, .modalias = alias, .bus_data = &function_}));
    pci::Enumerator::set_device(function_, state_->device.get());
    ASSERT_TRUE(device::add(state_->device, nullptr, &pci::bus()));
}

void PciDevice::unplug() {
    if (!state_->device) return;
    state_->present = false;
    device::remove(*state_->device);
    state_->device = nullptr;
    if (!state_->lines.empty()) ADD_FAILURE() << "the driver has gone, its interrupt has not";
}

std::string PciDevice::driver() const {
    return state_->device ? std::string(device::driver_name(*state_->device)) : std::string();
}
device::Device& PciDevice::device() const {
    return *state_->device;
}

bool PciDevice::raise(u32 vector) {
    const auto at = state_->lines.find(vector);
    return at != state_->lines.end() && module::deliver(at->second);
}
bool PciDevice::bus_master() const {
    return (state_->config[pci::kCommand] & pci::kCommandMaster) != 0;
}
bool PciDevice::memory_enabled() const {
    return (state_->config[pci::kCommand] & pci::kCommandMemory) != 0;
}
u8* PciDevice::dma(u64 address, usize length_bytes) {
    if (!bus_master() || !module::is_dma_memory(address, length_bytes)) {
        ADD_FAILURE() << "the device reaches for memory at 0x" << std::hex << address
                      << (bus_master() ? ", which is no DMA buffer" : " without bus mastering");
        return nullptr;
    }
    return reinterpret_cast<u8*>(address);
}

}  // namespace tenon::mock

namespace tenon::pci {

using mock::PciAccess;

namespace {
u32 config_read(const Function& f, u16 offset, usize width) {
    auto& s = PciAccess::of(f);
    u32 value = ~u32{0} >> (32 - 8 * width);
    if (s.present) std::memcpy(&value, s.config + offset, width);
    return value;
}
void config_write(const Function& f, u16 offset, usize width, u32 value) {
    auto& s = PciAccess::of(f);
    if (s.present && offset >= kCommand) std::memcpy(s.config + offset, &value, width);
}
}  // namespace

u8 Function::read8(u16 offset) {
    return static_cast<u8>(config_read(*this, offset, 1));
}
u16 Function::read16(u16 offset) {
    return static_cast<u16>(config_read(*this, offset, 2));
}
u32 Function::read32(u16 offset) {
    return config_read(*this, offset, 4);
}
void Function::write8(u16 offset, u8 value) {
    config_write(*this, offset, 1, value);
}
void Function::write16(u16 offset, u16 value) {
    config_write(*this, offset, 2, value);
}
void Function::write32(u16 offset, u32 value) {
    config_write(*this, offset, 4, value);
}
const Bar& Function::bar(u32 index) const {
    static constexpr Bar kNone;
    return index < 6 ? bars_[index] : kNone;
}
Result<module::Mmio> Function::map_bar(module::Context& context, u32 index) {
    const Bar& b = bar(index);
    if (b.size_bytes == 0) return Err(Error::nodev);
    return context.map_mmio(b.address, b.size_bytes);
}
void Function::enable_memory() {
    write16(kCommand, read16(kCommand) | kCommandMemory);
}
void Function::set_bus_master(bool on) {
    const u16 command = read16(kCommand);
    write16(kCommand, on ? command | kCommandMaster : command & ~kCommandMaster);
}
Function::Power Function::power() {
    const u16 at = find_capability(kCapabilityPowerManagement);
    return at == 0 ? Power::unknown : static_cast<Power>(read16(static_cast<u16>(at + 4)) & 3);
}
void Function::set_power(Power state) {
    const u16 at = find_capability(kCapabilityPowerManagement);
    if (at != 0) write16(static_cast<u16>(at + 4), static_cast<u16>(state));
}
u16 Function::find_capability(u8 id, u16 after) {
    u16 at = after == 0 ? read8(0x34) & 0xfc : read8(static_cast<u16>(after + 1)) & 0xfc;
    for (u32 n = 0; at >= 0x40 && n < 48; ++n) {
        if (read8(at) == id) return at;
        at = read8(static_cast<u16>(at + 1)) & 0xfc;
    }
    return 0;
}

u32 interrupt_count(Function& f) {
    return PciAccess::of(f).vectors;
}
Result<Interrupt> Interrupt::request(module::Context& context, Function& f, u32 index,
                                     irq::Handler handler, void* object) {
    auto& s = PciAccess::of(f);
    if (s.vectors == 0) return Err(Error::nodev);
    if (index >= s.vectors) return Err(Error::inval);
    Interrupt out;
    arch::MsiMessage message{};
    TRY_ASSIGN(out.line_, context.request_msi(handler, nullptr, object, message));
    f.set_bus_master(true);
    module::GateAttribution device(nullptr);
    s.lines[index] = message.data;
    out.function_ = &f;
    out.index_ = index;
    return out;
}
void Interrupt::release() {
    Function* f = std::exchange(function_, nullptr);
    if (f == nullptr) return;
    PciAccess::of(*f).lines.erase(index_);
    line_.release();
    table_.release();
}

}  // namespace tenon::pci
