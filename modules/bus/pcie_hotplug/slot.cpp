// Theory. The interrupt only collects what the slot reports; everything else happens in the slot's
// own thread, so the slot's state needs no lock, and what it waits for holds up nobody: links, and
// drivers that go, which wait for work of theirs or for other slots. Interrupts are messages, sent
// when an event bit rises: the handler clears bits until none is left, or the next event would send
// none.
//
// A device comes: power on, wait for the link, wait until it may be asked (100 ms), look for
// functions. It leaves in order: the button, a wait in which a second press takes it back, unbind,
// power off. It leaves by surprise: it is not there (or its link is down) while we held it for
// powered; its functions are marked as gone first, so that nobody waits for them.
//
// Spec: PCI Express Base 5.0 sections 6.7.1 (slots), 6.6.1 (100 ms after reset), 7.5.3.10
// (registers).
#include "slot.h"

#include <tenon/sched/kthread.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

namespace tenon::pcie_hotplug {

namespace {

// Offsets in the capability.
constexpr u16 kFlags = 0x02, kLinkCapabilities = 0x0c, kLinkStatus = 0x12, kSlotCapabilities = 0x14,
              kSlotControl = 0x18, kSlotStatus = 0x1a;
constexpr u16 kFlagSlot = 0x0100, kPortType = 0x00f0, kRootPort = 0x0040, kDownstream = 0x0060;
constexpr u32 kCapButton = 1 << 0, kCapPower = 1 << 1, kCapIndicator = 1 << 4, kCapHotPlug = 1 << 6,
              kCapNoCompletion = 1 << 18;
constexpr u16 kControlButton = 1 << 0, kControlPresence = 1 << 3, kControlInterrupt = 1 << 5,
              kControlIndicator = 3 << 8, kControlPowerOff = 1 << 10, kControlLink = 1 << 12;
constexpr u16 kIndicatorOn = 1 << 8, kIndicatorBlink = 2 << 8, kIndicatorOff = 3 << 8;
constexpr u16 kStatusButton = 1 << 0, kStatusFault = 1 << 1, kStatusPresence = 1 << 3,
              kStatusCompleted = 1 << 4, kStatusPresent = 1 << 6, kStatusLink = 1 << 8;
constexpr u16 kEvents = kStatusButton | kStatusFault | kStatusPresence | kStatusLink;
constexpr u32 kLinkReportsActive = 1 << 20;
constexpr u16 kLinkActive = 1 << 13;
constexpr u32 kLook = 1 << 31;  // an event of ours: look at the slot

constexpr u64 kMs = 1'000'000;
constexpr u64 kCompletionTimeoutNs = 1000 * kMs, kLinkTimeoutNs = 1000 * kMs,
              kAnswerTimeoutNs = 1000 * kMs;
// A board that stayed is off for certain only after this.
constexpr u64 kPowerOffNs = 1000 * kMs;
constexpr u64 kPollNs = kMs;

TENON_PARAMETER(u32, button_wait_ms,
                {.value = 200,
                 .min = 0,
                 .max = 10000,
                 .description = "ms in which a second press takes back the first; 5000 where "
                                "hands press"});
TENON_PARAMETER(u32, settle_ms,
                {.value = 100,
                 .min = 0,
                 .max = 10000,
                 .description = "ms from link up to the first question to a new device"});

}  // namespace

Result<std::unique_ptr<Slot>> Slot::create(module::Context& context, pci::Function& port) {
    std::unique_ptr<Slot> self(new (std::nothrow) Slot(port));
    if (!self) return Err(Error::nomem);
    self->express_ = port.find_capability(pci::kCapabilityExpress);
    if (self->express_ == 0) return Err(Error::nodev);
    const u16 flags = self->read(kFlags);
    const u16 type = flags & kPortType;
    if ((type != kRootPort && type != kDownstream) || (flags & kFlagSlot) == 0)
        return Err(Error::nodev);
    self->capabilities_ = port.read32(static_cast<u16>(self->express_ + kSlotCapabilities));
    self->number_ = self->capabilities_ >> 19;
    if (!self->has(kCapHotPlug)) return Err(Error::nodev);

    // What happened before is no news.
    self->control(kControlInterrupt, 0);
    port.write16(static_cast<u16>(self->express_ + kSlotStatus), kEvents);
    TRY_ASSIGN(self->interrupt_,
               pci::Interrupt::request<&Slot::on_interrupt>(context, port, 0, self.get()));
    u16 wanted = kControlInterrupt | kControlPresence;
    if (self->has(kCapButton)) wanted |= kControlButton;
    if (port.read32(static_cast<u16>(self->express_ + kLinkCapabilities)) & kLinkReportsActive)
        wanted |= kControlLink;
    self->control(0, wanted);
    // What the firmware left on was found with the bus; what it left off is started now.
    self->occupied_ = self->is_present() && self->is_powered();
    self->events_.fetch_or(kLook);
    const fmt::Line<16> name("pcie_slot/{}", self->number_);
    TRY_ASSIGN(self->thread_, context.start_thread(name.view(), &Slot::run, self.get()));
    log::info("pcie_hotplug: {}: slot {}{}{}", port.core_device().name(), self->number_,
              self->has(kCapPower) ? ", power control" : "",
              self->has(kCapButton) ? ", button" : "");
    return self;
}

Slot::~Slot() {
    // First what else writes to the slot.
    thread_.release();
    if (interrupt_)
        control(kControlInterrupt | kControlPresence | kControlButton | kControlLink, 0);
}

irq::Handled Slot::on_interrupt() {
    u32 seen = 0;
    for (u32 round = 0; round < 16; ++round) {
        const u16 status = read(kSlotStatus);
        if (status == 0xffff || (status & kEvents) == 0) break;
        port_.write16(static_cast<u16>(express_ + kSlotStatus), status & kEvents);
        seen |= status & kEvents;
    }
    if (seen == 0) return irq::Handled::no;
    u64 none = 0;
    first_event_ns_.compare_exchange_strong(none, time::monotonic_ns());
    events_.fetch_or(seen, std::memory_order_release);
    wake_.wake_one();
    return irq::Handled::yes;
}

void Slot::loop() {
    while (!sched::KThread::should_stop()) {
        const bool pressed = remove_at_ns_ != 0 && occupied_;
        auto waited =
            wake_.wait([this] { return events_.load() != 0 || sched::KThread::should_stop(); },
                       sync::WaitMode::interruptible,
                       pressed ? sync::Deadline{remove_at_ns_} : sync::Deadline::never());
        // The module is on its way out.
        if (!waited && waited.error() == Error::nodev) return;
        if (!sched::KThread::should_stop()) serve();
    }
}

void Slot::serve() {
    const u32 events = events_.exchange(0, std::memory_order_acquire);
    if (events & kStatusFault) log::err("pcie_hotplug: slot {}: power fault", number_);
    // The button first: pressed with the coming of a device, it asks for nothing more.
    if (events & kStatusButton) on_button();
    if (events & (kStatusPresence | kStatusLink | kLook)) on_presence();
    if (remove_at_ns_ != 0 && occupied_ && time::monotonic_ns() >= remove_at_ns_) remove(false);
    first_event_ns_.store(0);
}

void Slot::on_presence() {
    const bool present = is_present();
    if (!present) left_ = true;
    // Off or without a link while we hold it for powered: it was taken. What is there now may be
    // another.
    if (occupied_ && (!present || !is_powered() || !wait_for_link())) remove(true);
    if (!occupied_ && is_present() && left_) add();
}

void Slot::on_button() {
    if (!occupied_) {
        if (is_present()) add();
        return;
    }
    if (remove_at_ns_ != 0) {
        // The second press takes the first back.
        remove_at_ns_ = 0;
        set_indicator(kIndicatorOn);
        log::info("pcie_hotplug: slot {}: stays", number_);
        return;
    }
    set_indicator(kIndicatorBlink);
    remove_at_ns_ = time::monotonic_ns() + button_wait_ms * kMs;
}

void Slot::add() {
    const u64 since = first_event_ns_.load();
    if (!left_ && off_since_ns_ != 0 && time::monotonic_ns() < off_since_ns_ + kPowerOffNs)
        sched::sleep_ns(off_since_ns_ + kPowerOffNs - time::monotonic_ns());
    set_indicator(kIndicatorBlink);
    const bool was_on = is_powered();
    set_power(true);
    if (!wait_for_link()) {
        log::err("pcie_hotplug: slot {}: no link", number_);
        set_power(false);
        set_indicator(kIndicatorOff);
        left_ = false;
        return;
    }
    if (!was_on || since != 0) sched::sleep_ns(settle_ms * kMs);
    if (!wait_for_answer()) {
        log::err("pcie_hotplug: slot {}: what is in it does not answer", number_);
        set_power(false);
        set_indicator(kIndicatorOff);
        left_ = false;
        return;
    }
    occupied_ = true;
    left_ = false;
    remove_at_ns_ = 0;
    // The press that came with the device may be told after its presence: it asks for no removal.
    events_.fetch_and(~u32{kStatusButton});
    const auto found = pci::scan_below(port_);
    set_indicator(kIndicatorOn);
    if (!found)
        log::err("pcie_hotplug: slot {}: {}", number_, found.error());
    else
        log::info("pcie_hotplug: slot {}: {} functions added in {} us", number_, *found,
                  since != 0 ? (time::monotonic_ns() - since) / 1000 : 0);
}

void Slot::remove(bool surprise) {
    const u64 event = first_event_ns_.load();
    const u64 began = !surprise    ? remove_at_ns_ - button_wait_ms * kMs
                      : event != 0 ? event
                                   : time::monotonic_ns();
    occupied_ = false;
    remove_at_ns_ = 0;
    pci::remove_below(port_, surprise);
    set_power(false);
    set_indicator(kIndicatorOff);
    off_since_ns_ = time::monotonic_ns();
    left_ = surprise || !is_present();
    log::info("pcie_hotplug: slot {}: removed {} in {} us", number_,
              surprise ? "by surprise" : "in order", (time::monotonic_ns() - began) / 1000);
}

bool Slot::is_present() {
    const u16 status = read(kSlotStatus);
    return status != 0xffff && (status & kStatusPresent) != 0;
}

bool Slot::is_powered() {
    return !has(kCapPower) || (read(kSlotControl) & kControlPowerOff) == 0;
}

void Slot::control(u16 clear, u16 set) {
    const u16 old = read(kSlotControl);
    const u16 wanted = static_cast<u16>((old & ~clear) | set);
    if (old == 0xffff || wanted == old) return;
    port_.write16(static_cast<u16>(express_ + kSlotStatus), kStatusCompleted);
    port_.write16(static_cast<u16>(express_ + kSlotControl), wanted);
    if (has(kCapNoCompletion)) return;
    const u64 deadline = time::monotonic_ns() + kCompletionTimeoutNs;
    while ((read(kSlotStatus) & kStatusCompleted) == 0 && time::monotonic_ns() < deadline)
        sched::sleep_ns(kPollNs);
    port_.write16(static_cast<u16>(express_ + kSlotStatus), kStatusCompleted);
}

void Slot::set_power(bool on) {
    if (has(kCapPower)) control(kControlPowerOff, on ? 0 : kControlPowerOff);
}

void Slot::set_indicator(u16 value) {
    if (has(kCapIndicator)) control(kControlIndicator, value);
}

bool Slot::wait_for_link() {
    if ((port_.read32(static_cast<u16>(express_ + kLinkCapabilities)) & kLinkReportsActive) == 0)
        return true;
    const u64 deadline = time::monotonic_ns() + kLinkTimeoutNs;
    while ((read(kLinkStatus) & kLinkActive) == 0) {
        if (!is_present() || !is_powered() || time::monotonic_ns() > deadline) return false;
        sched::sleep_ns(kPollNs);
    }
    return true;
}

bool Slot::wait_for_answer() {
    const u64 deadline = time::monotonic_ns() + kAnswerTimeoutNs;
    while (!pci::answers_below(port_)) {
        if (time::monotonic_ns() > deadline) return false;
        sched::sleep_ns(kPollNs);
    }
    return true;
}

}  // namespace tenon::pcie_hotplug

TENON_MODULE(tenon::pci::DriverModule<tenon::pcie_hotplug::Slot>,
             {
                 .name = "pcie_hotplug",
                 .version = "1.0",
                 .description = "Devices that come to and leave PCI Express slots",
                 .needs = {"pci>=1.0,<2"},
                 .aliases = {"pci:v*d*sv*sd*bc06sc04i*"},
             });
