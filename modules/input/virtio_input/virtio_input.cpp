// Theory: README.md in this folder. Spec: virtio 1.2 section 5.8.
#include <input/input.h>
#include <tenon/module/module.h>
#include <virtio/virtio.h>

#include <algorithm>

namespace tenon::virtio_input {
namespace {

constexpr u16 kDeviceType = 18;
constexpr u16 kEventQueue = 0, kStatusQueue = 1;
constexpr u32 kEvents = 64, kStatuses = 16;
// The device's configuration: what is asked for, and the answer.
constexpr usize kSelect = 0, kSubselect = 1, kSize = 2, kAnswer = 8;
constexpr u8 kSelectName = 1, kSelectEventBits = 0x11;
constexpr usize kNameBytes = 63;

struct DeviceEvent {
    u16 type, code;
    u32 value;
};
constexpr u32 kEventBytes = sizeof(DeviceEvent);
static_assert(kEventBytes == 8);
constexpr u32 kLights[] = {LED_NUML, LED_CAPSL, LED_SCROLLL};

class Keyboard final : public device::Binding, input::Driver {
  public:
    static constexpr std::string_view kName = "virtio_input";
    static constexpr pci::Id kIds[] = {
        {.vendor = virtio::kPciVendor, .device = virtio::modern_pci_device(kDeviceType)},
    };
    static Result<std::unique_ptr<Keyboard>> create(module::Context& context,
                                                    pci::Function& function) {
        std::unique_ptr<Keyboard> self(new (std::nothrow) Keyboard);
        if (!self) return Err(Error::nomem);
        TRY(self->start(context, function));
        return self;
    }
    ~Keyboard() override {
        device_.release();   // no lights any more
        transport_.reset();  // the device is reset: it writes to no buffer
        events_.reset();     // and its interrupt queues no work
        statuses_.reset();
        work_.release();
    }
    void set_leds(u32 leds) override {
        sync::MutexGuard guard(status_mutex_);
        virtio::Queue::Completed done;
        while (statuses_->pop(done)) --in_flight_;
        for (const u32 light : kLights) {
            if (((leds ^ shown_) >> light & 1) == 0) continue;
            if (in_flight_ == kStatuses) return;
            // Slots are used in turn, as the device gives them back.
            const u32 slot = next_slot_++ % kStatuses;
            const DeviceEvent event{EV_LED, static_cast<u16>(light), leds >> light & 1};
            std::memcpy(status_buffer_.data() + slot * kEventBytes, &event, kEventBytes);
            const virtio::Segment segment{status_buffer_.address() + slot * kEventBytes,
                                          kEventBytes};
            if (!statuses_->add({&segment, 1}, {}, this)) return;
            ++in_flight_;
            shown_ ^= 1u << light;
        }
        statuses_->notify();
    }

  private:
    Result<void> start(module::Context& context, pci::Function& function) {
        TRY_ASSIGN(work_, context.make_work<&Keyboard::serve>(this));
        TRY_ASSIGN(transport_, virtio::Transport::create(context, function));
        TRY(transport_->negotiate(0));
        char name[kNameBytes + 1];
        read_name(name);
        TRY_ASSIGN(event_buffer_, context.alloc_dma(usize{kEvents} * kEventBytes));
        TRY_ASSIGN(status_buffer_, context.alloc_dma(usize{kStatuses} * kEventBytes));
        TRY_ASSIGN(events_, transport_->make_queue(
                                kEventQueue, kEvents,
                                [](void* k) {
                                    (void)static_cast<Keyboard*>(k)->work_.queue();
                                    return irq::Handled::yes;
                                },
                                this));
        TRY_ASSIGN(statuses_, transport_->make_queue(
                                  kStatusQueue, kStatuses,
                                  [](void*) { return irq::Handled::yes; }, this));
        for (u32 i = 0; i < std::min<u32>(kEvents, events_->size()); ++i) TRY(offer(i));
        transport_->start();
        TRY_ASSIGN(device_, input::add_device(context, name,
                                              module::Gated<input::Driver>::borrow(
                                                  this, &context.gate()),
                                              repeat(), id_));
        ready_.store(true, std::memory_order_release);
        events_->notify();
        (void)work_.queue();
        return {};
    }
    // At most kNameBytes, and what is not ASCII is a question mark.
    void read_name(char* out) {
        const module::Mmio& config = transport_->config();
        usize n = 0;
        if (config.size_bytes() >= kAnswer + kNameBytes) {
            config.write8(kSelect, kSelectName);
            config.write8(kSubselect, 0);
            n = std::min<usize>(config.read8(kSize), kNameBytes);
            for (usize i = 0; i < n; ++i) {
                const u8 c = config.read8(kAnswer + i);
                out[i] = c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?';
            }
        }
        out[n] = 0;
    }
    // The device asks for repetition by claiming the events of EV_REP, as a Linux one does.
    input::Repeat repeat() {
        const module::Mmio& config = transport_->config();
        config.write8(kSelect, kSelectEventBits);
        config.write8(kSubselect, EV_REP);
        return config.read8(kSize) != 0 ? input::Repeat::by_software : input::Repeat::by_device;
    }
    // A token is a place in the buffer, counted from 1: a null one means none.
    Result<void> offer(u32 slot) {
        const virtio::Segment segment{event_buffer_.address() + slot * kEventBytes, kEventBytes};
        return events_->add({}, {&segment, 1}, reinterpret_cast<void*>(uptr{slot} + 1));
    }
    void serve() {
        if (!ready_.load(std::memory_order_acquire)) return;
        virtio::Queue::Completed done;
        while (events_->pop(done)) {
            const u32 slot = static_cast<u32>(reinterpret_cast<uptr>(done.token)) - 1;
            DeviceEvent event;
            std::memcpy(&event, event_buffer_.data() + slot * kEventBytes, kEventBytes);
            if (done.written_bytes >= kEventBytes && event.type != EV_SYN)
                input::report(id_, {event.type, event.code, static_cast<i32>(event.value)});
            if (!offer(slot)) log::warn("virtio_input: a buffer is lost");
        }
        events_->notify();
    }

    u32 id_ = 0;
    std::atomic<bool> ready_{false};
    sync::Mutex status_mutex_{sync::LockRank::sleeping_leaf};  // guards what follows
    u32 shown_ = 0, in_flight_ = 0, next_slot_ = 0;
    module::DmaBuffer event_buffer_, status_buffer_;
    module::WorkHandle work_;
    std::unique_ptr<virtio::Transport> transport_;
    std::unique_ptr<virtio::Queue> events_, statuses_;
    module::Held device_;
};

}  // namespace
}  // namespace tenon::virtio_input

TENON_MODULE(tenon::pci::DriverModule<tenon::virtio_input::Keyboard>,
             {
                 .name = "virtio_input",
                 .version = "1.0",
                 .description = "Keyboards of the host, virtio-keyboard-pci",
                 .needs = {"virtio>=1.0,<2", "input_core>=1.0,<2"},
                 .aliases = {"pci:v00001AF4d00001052sv*sd*bc*sc*i*"},
             });
