// The module under test: its gate, its ledger, the Context, load and unload.
#include <elf.h>
#include <link.h>
#include <tenon/process/personality.h>
#include <tenon/sched/kthread.h>
#include <tenon/time/timer.h>
#include <tenon/trace/metrics.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/super_block.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "world.h"

namespace tenon::module {

using mock::world;

#define SITE() __builtin_return_address(0)

// --- The gate

struct Gate::Counters {
    u64 in_flight = 0;
};

Gate* current_gate() {
    return world().running->gate;
}
Gate* GateAttribution::exchange_current(Gate* gate) {
    return std::exchange(world().running->gate, gate);
}
// Faults are the sanitizers' here: a call that is entered returns.
bool cross(Gate* gate, void (*function)(void*), void* argument, Entry entry) {
    if (!Gate::counts(gate)) {
        function(argument);
        return true;
    }
    u32 phase = 0;
    if (entry == Entry::call && !gate->enter(phase)) return false;
    {
        GateAttribution attribution(gate);
        function(argument);
    }
    if (entry == Entry::call) gate->leave(phase);
    return true;
}
bool detail::is_sound(const void*, const Gate*) {
    return true;
}
void detail::reject_answer(Gate&) {}
Result<Ref<Gate>> Gate::create(std::string_view name, u32 tag, bool trusted) {
    Ref<Gate> gate = adopt_ref(new Gate);
    gate->counters_ = new Counters;
    gate->tag_ = tag;
    gate->trusted_ = trusted;
    std::memcpy(gate->name_, name.data(), std::min(name.size(), sizeof name_ - 1));
    return gate;
}
bool Gate::enter(u32& phase) {
    phase = 0;
    if (closed_) return false;
    ++counters_->in_flight;
    return true;
}
void Gate::leave(u32) {
    --counters_->in_flight;
}
u32 Gate::owner_tag() const {
    return tag_;
}
std::string_view Gate::owner_name() const {
    return name_;
}
void Gate::close() {
    closed_ = true;
}
void Gate::open() {
    closed_ = false;
}
u64 Gate::in_flight() const {
    return counters_->in_flight;
}
void Gate::on_last_ref() {
    delete counters_;
    delete this;
}

// --- The ledger

namespace {

const char* kind_name(GrantKind kind) {
    constexpr const char* names[] = {
        "irq",         "timer", "work",   "kthread", "mmio",        "dma",    "char device",
        "file system", "bus",   "driver", "device",  "personality", "metric", "module reference",
        "other"};
    return names[static_cast<u8>(kind)];
}

// Counts as a step that may fail, then makes the resource: `make` gives what takes it back.
template <typename Make>
Result<Grant*> grant(Module& m, GrantKind kind, std::string_view what, const void* site,
                     Make&& make) {
    if (mock::step_fails(site)) return Err(Error::nomem);
    // The grant itself is the mock's, not the module's.
    GateAttribution own(nullptr);
    auto* g = new Grant{m, kind, std::string(what), site, {}};
    Result<std::function<void()>> release = [&] {
        GateAttribution module(m.gate.get());
        return make();
    }();
    if (!release) {
        delete g;
        return Err(release.error());
    }
    g->release = std::move(*release);
    m.grants.push_back(g);
    return g;
}

using Release = Result<std::function<void()>>;

template <typename Call>
void in_module(Gate* gate, Call&& call) {
    (void)cross(gate, call);
}

}  // namespace

void Held::give_back(Grant* g) {
    Module& m = g->owner;
    std::erase(m.grants, g);
    GateAttribution core(nullptr);
    g->release();
    delete g;
}

std::string_view Context::name() const {
    return module_.name;
}
Gate& Context::gate() const {
    return *module_.gate;
}

// --- Interrupts. A message names its line; lines are numbered from 32.

namespace {

struct Line {
    Line(Gate* g, irq::Handler h, irq::ThreadHandler t, void* c)
        : gate(g), handler(h), thread(t), context(c) {}
    Gate* gate;
    irq::Handler handler;
    irq::ThreadHandler thread;
    void* context;
    mock::SimTask* task = nullptr;
    bool wanted = false;
    sync::WaitQueue wake;
};
std::map<u32, Line*>& lines() {
    static auto* map = new std::map<u32, Line*>;
    return *map;
}

Release request_line(Module& m, u32 number, irq::Handler handler, irq::ThreadHandler thread,
                     void* context) {
    auto* line = new Line(m.gate.get(), handler, thread, context);
    if (thread != nullptr)
        line->task = &mock::spawn([line] {
            while (!sched::KThread::should_stop()) {
                if (!line->wake.wait([&] { return line->wanted; })) continue;
                line->wanted = false;
                in_module(line->gate, [&] { line->thread(line->context); });
            }
        });
    lines()[number] = line;
    return [line, number] {
        lines().erase(number);
        if (line->task != nullptr) mock::join(*line->task);
        delete line;
    };
}

}  // namespace

// True when a handler wanted it; kept until interrupts are on.
bool deliver(u32 number) {
    auto handled = std::make_shared<bool>(!arch::irqs_enabled());
    mock::interrupt([number, handled] {
        const auto at = lines().find(number);
        if (at == lines().end()) return;
        Line& line = *at->second;
        irq::Handled answer = irq::Handled::wake_thread;
        if (line.handler != nullptr)
            in_module(line.gate, [&] { answer = line.handler(line.context); });
        if (answer == irq::Handled::wake_thread && line.thread != nullptr) {
            line.wanted = true;
            line.wake.wake_all();
        }
        *handled = answer != irq::Handled::no;
    });
    return *handled;
}

Result<Held> Context::request_irq(u32 gsi, arch::IrqTrigger, irq::Handler handler,
                                  irq::ThreadHandler thread, void* context) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::irq, "gsi", SITE(), [&] {
                   return request_line(module_, 1000 + gsi, handler, thread, context);
               }));
    return Held(g);
}
Result<Held> Context::request_isa_irq(u32 isa_irq, irq::Handler handler, irq::ThreadHandler thread,
                                      void* context) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::irq, "isa", SITE(), [&] {
                   return request_line(module_, 1000 + isa_irq, handler, thread, context);
               }));
    return Held(g);
}
Result<Held> Context::request_msi(irq::Handler handler, irq::ThreadHandler thread, void* context,
                                  arch::MsiMessage& message) {
    u32 number = 32;
    while (lines().contains(number)) ++number;
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::irq, "msi", SITE(), [&] {
                   return request_line(module_, number, handler, thread, context);
               }));
    message = {0xfee0'0000, number};
    return Held(g);
}

// --- Time, work, threads. Each keeps its callback behind the object whose release it is.

namespace {

struct TimerOf {
    time::Timer timer{fire};
    Gate* gate;
    Callback callback;
    void* context;
    TimerOf(Gate* g, Callback c, void* x) : gate(g), callback(c), context(x) {}
    static void fire(time::Timer& t) {
        auto& self = *container_of_offset<TimerOf>(&t, __builtin_offsetof(TimerOf, timer));
        in_module(self.gate, [&] { self.callback(self.context); });
    }
};
struct WorkOf {
    sched::Work work{run};
    Gate* gate;
    Callback callback;
    void* context;
    WorkOf(Gate* g, Callback c, void* x) : gate(g), callback(c), context(x) {}
    static void run(sched::Work& w) {
        auto& self = *container_of_offset<WorkOf>(&w, __builtin_offsetof(WorkOf, work));
        in_module(self.gate, [&] { self.callback(self.context); });
    }
};
std::map<Grant*, void*>& parts() {
    static auto* map = new std::map<Grant*, void*>;
    return *map;
}

}  // namespace

Result<TimerHandle> Context::make_timer(Callback callback, void* context) {
    auto* timer = new TimerOf(module_.gate.get(), callback, context);
    auto g = grant(module_, GrantKind::timer, "", SITE(),
                   [&]() -> Release { return [timer] { delete timer; }; });
    if (!g) {
        delete timer;
        return Err(g.error());
    }
    parts()[*g] = timer;
    return TimerHandle(*g);
}
void TimerHandle::arm_at(u64 deadline_ns) {
    static_cast<TimerOf*>(parts()[grant()])->timer.arm_at(deadline_ns);
}
bool TimerHandle::cancel() {
    return static_cast<TimerOf*>(parts()[grant()])->timer.cancel_sync();
}

Result<WorkHandle> Context::make_work(Callback callback, void* context) {
    auto* work = new WorkOf(module_.gate.get(), callback, context);
    auto g = grant(module_, GrantKind::work, "", SITE(), [&]() -> Release {
        return [work] {
            sched::WorkQueue::system().flush(work->work);
            delete work;
        };
    });
    if (!g) {
        delete work;
        return Err(g.error());
    }
    parts()[*g] = work;
    return WorkHandle(*g);
}
bool WorkHandle::queue() {
    return sched::WorkQueue::system().queue(static_cast<WorkOf*>(parts()[grant()])->work);
}
void WorkHandle::flush() {
    sched::WorkQueue::system().flush(static_cast<WorkOf*>(parts()[grant()])->work);
}

Result<Held> Context::start_thread(std::string_view name, Callback entry, void* context) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::kthread, name, SITE(), [&]() -> Release {
                   Gate* gate = module_.gate.get();
                   mock::SimTask* task = &mock::spawn([=] {
                       GateAttribution attribution(gate);
                       entry(context);
                   });
                   return [task] { mock::join(*task); };
               }));
    return Held(g);
}

// --- Memory of devices

Result<Mmio> Context::map_mmio(PhysAddr start, usize length_bytes, arch::PageFlags) {
    u8* at = reinterpret_cast<u8*>(start.value);
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::mmio, "window", SITE(), [&]() -> Release {
                   mock::count_mapping(at, length_bytes, 1);
                   return [=] { mock::count_mapping(at, length_bytes, -1); };
               }));
    return Mmio(g, at, length_bytes);
}

namespace {
std::map<u64, usize>& dma_buffers() {
    static auto* map = new std::map<u64, usize>;
    return *map;
}
}  // namespace

bool is_dma_memory(u64 address, usize length_bytes) {
    for (auto [start, size] : dma_buffers())
        if (address >= start && address + length_bytes <= start + size) return true;
    return false;
}

Result<DmaBuffer> Context::alloc_dma(usize length_bytes, mm::Alloc flags) {
    if (length_bytes == 0) return Err(Error::inval);
    void* p = nullptr;
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::dma, "buffer", SITE(), [&]() -> Release {
                   p = mock::low_memory(
                       length_bytes, mm::has(flags, mm::Alloc::dma) ? 16u << 20 : 1u << 30, false);
                   if (p == nullptr) return Err(Error::nomem);
                   if (!mm::has(flags, mm::Alloc::zero)) std::memset(p, 0xa5, length_bytes);
                   dma_buffers()[reinterpret_cast<u64>(p)] = align_up(length_bytes, kPageSize);
                   return [p, length_bytes] {
                       dma_buffers().erase(reinterpret_cast<u64>(p));
                       mock::low_memory_free(p, length_bytes);
                   };
               }));
    return DmaBuffer(g, static_cast<u8*>(p), {reinterpret_cast<u64>(p)}, length_bytes);
}

// --- Registrations

Result<CharDevice> Context::register_char_device(u32 major, u32 first_minor, u32 count,
                                                 std::string_view name,
                                                 std::unique_ptr<vfs::DeviceOpener> opener) {
    return add_numbers(major, first_minor, count, name,
                       Gated<vfs::DeviceOpener>::own(std::move(opener), module_.gate.get()),
                       reinterpret_cast<uptr>(SITE()));
}
Result<CharDevice> Context::add_numbers(u32 major, u32 first_minor, u32 count,
                                        std::string_view name, Gated<vfs::DeviceOpener> opener,
                                        uptr returns_to) {
    u32 made = 0;
    void* site = reinterpret_cast<void*>(returns_to);
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::char_device, name, site, [&]() -> Release {
                   TRY_ASSIGN(made, vfs::register_char_device(major, first_minor, count, name,
                                                              std::move(opener)));
                   return [=] { vfs::unregister_char_device(made, first_minor, count); };
               }));
    return CharDevice(g, made);
}
Result<Held> Context::register_file_system(std::unique_ptr<vfs::FileSystemType> type) {
    const std::string name(type->name());
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::file_system, name, SITE(), [&]() -> Release {
                   TRY(vfs::register_file_system(
                       Gated<vfs::FileSystemType>::own(std::move(type), module_.gate.get())));
                   return [name] { vfs::unregister_file_system(name); };
               }));
    return Held(g);
}
Result<Held> Context::register_bus(device::Bus& bus) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::bus, bus.name(), SITE(), [&]() -> Release {
                   TRY(device::register_bus(bus));
                   return [&bus] { device::unregister_bus(bus); };
               }));
    return Held(g);
}
Result<Held> Context::register_driver(device::Bus& bus, std::unique_ptr<device::Driver> driver) {
    const std::string name(driver->name());
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::driver, name, SITE(), [&]() -> Release {
                   TRY(device::register_driver(
                       bus, Gated<device::Driver>::own(std::move(driver), module_.gate.get())));
                   return [&bus, name] { device::unregister_driver(bus, name); };
               }));
    return Held(g);
}
Result<Held> Context::add_device(Ref<device::Device> device, device::Device* parent,
                                 device::Bus* bus) {
    TRY_ASSIGN(Grant * g,
               grant(module_, GrantKind::device, device->name(), SITE(), [&]() -> Release {
                   TRY(device::add(device, parent, bus));
                   return [device] { device::remove(*device); };
               }));
    return Held(g);
}
Result<Held> Context::add_metric(metrics::Metric& metric) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::metric, metric.name(), SITE(),
                                [&]() -> Release { return [] {}; }));
    return Held(g);
}
Result<Held> Context::hold(const char* what, Callback release, void* context) {
    TRY_ASSIGN(Grant * g, grant(module_, GrantKind::other, what, SITE(), [&]() -> Release {
                   return [release, context] { release(context); };
               }));
    return Held(g);
}

}  // namespace tenon::module

namespace tenon::mock {

namespace {

struct Loaded {
    module::Module module;
    std::unique_ptr<module::Context> context;
    std::unique_ptr<module::Instance> instance;
};
Loaded* loaded = nullptr;

struct Section {
    u64 address = 0;
    usize size_bytes = 0;
};
// A section of this program, by name: what the loader does with the .ko.
Section section(std::string_view wanted) {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    Elf64_Ehdr header;
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    std::vector<Elf64_Shdr> sections(header.e_shnum);
    file.seekg(static_cast<std::streamoff>(header.e_shoff));
    file.read(reinterpret_cast<char*>(sections.data()),
              static_cast<std::streamsize>(sections.size() * sizeof(Elf64_Shdr)));
    std::string names(sections[header.e_shstrndx].sh_size, '\0');
    file.seekg(static_cast<std::streamoff>(sections[header.e_shstrndx].sh_offset));
    file.read(names.data(), static_cast<std::streamsize>(names.size()));
    u64 slide = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
            *static_cast<u64*>(out) = info->dlpi_addr;
            return 1;  // the first is the program itself
        },
        &slide);
    for (const auto& s : sections)
        if (wanted == names.c_str() + s.sh_name) return {slide + s.sh_addr, s.sh_size};
    return {};
}

std::span<module::ParameterBase* const> parameters_of_program() {
    const Section s = section(".tenon.parameters");
    return {reinterpret_cast<module::ParameterBase* const*>(s.address),
            s.size_bytes / sizeof(module::ParameterBase*)};
}

// Values as they were before the first load, so that each test begins with the defaults.
void keep_or_restore_parameters() {
    static std::map<module::ParameterBase*, std::string> defaults;
    for (module::ParameterBase* p : parameters_of_program()) {
        char text[128];
        fmt::BufferSink sink(text);
        p->show(sink);
        auto [at, first] = defaults.emplace(p, sink.text());
        if (!first) (void)p->set(at->second);
    }
}

Result<void> set_parameters(std::string_view text) {
    while (!text.empty()) {
        const usize end = text.find(' ');
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (word.empty()) continue;
        const usize equals = word.find('=');
        bool found = false;
        for (module::ParameterBase* p : parameters_of_program()) {
            if (word.substr(0, equals) != p->name()) continue;
            found = true;
            TRY(p->set(
                equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1),
                equals != std::string_view::npos));
        }
        if (!found) ADD_FAILURE() << "no parameter " << word;
    }
    return {};
}

std::string_view fact(std::string_view key) {
    const Section info = section(".modinfo");
    std::string_view all(reinterpret_cast<const char*>(info.address), info.size_bytes);
    while (!all.empty()) {
        const std::string_view one = all.substr(0, all.find('\0'));
        if (one.starts_with(key) && one.substr(key.size()).starts_with("="))
            return one.substr(key.size() + 1);
        all.remove_prefix(std::min(all.size(), one.size() + 1));
    }
    return {};
}

void sweep() {
    auto& grants = loaded->module.grants;
    while (!grants.empty()) {
        module::Grant* g = grants.back();
        grants.pop_back();
        g->release();
        delete g;
    }
}

}  // namespace

Result<void> load(std::string_view parameters) {
    if (loaded != nullptr) return Err(Error::exist);
    const Section s = section(".tenon.module");
    if (s.size_bytes != sizeof(module::Descriptor)) {
        ADD_FAILURE() << "a test has the sources of exactly one TENON_MODULE";
        return Err(Error::noexec);
    }
    keep_or_restore_parameters();
    TRY(set_parameters(parameters));
    loaded = new Loaded;
    loaded->module.name = fact("name");
    loaded->module.gate = std::move(*module::Gate::create(fact("name"), 1, false));
    loaded->context = std::make_unique<module::Context>(loaded->module);
    Result<std::unique_ptr<module::Instance>> made = Err(Error::none);
    {
        module::GateAttribution attribution(loaded->module.gate.get());
        made = reinterpret_cast<const module::Descriptor*>(s.address)->create(*loaded->context);
    }
    if (!made) {
        const Error error = made.error();
        for (auto& l : ledger()) ADD_FAILURE() << "create() failed and left: " << l;
        for (auto& l : live_memory()) ADD_FAILURE() << "create() failed and left memory: " << l;
        loaded->module.gate->close();
        sweep();
        delete std::exchange(loaded, nullptr);
        reset_memory();
        return Err(error);
    }
    loaded->instance = std::move(*made);
    return {};
}

bool unload() {
    if (loaded == nullptr) return true;
    bool clean = true;
    if (loaded->module.gate->pins() != 0) {
        ADD_FAILURE() << "the module is unloaded while files of it are open";
        clean = false;
    }
    {
        module::GateAttribution attribution(loaded->module.gate.get());
        if (auto r = loaded->instance->quiesce(sync::Deadline::after_ns(1'000'000'000)); !r) {
            ADD_FAILURE() << "quiesce() answers " << error_name(r.error());
            clean = false;
        }
        loaded->instance.reset();
    }
    loaded->module.gate->close();
    for (auto& l : ledger()) ADD_FAILURE() << "leaked " << l;
    clean = clean && ledger().empty();
    sweep();
    for (auto& l : live_memory()) {
        ADD_FAILURE() << "leaked memory: " << l;
        clean = false;
    }
    delete std::exchange(loaded, nullptr);
    reset_memory();
    return clean;
}

bool is_loaded() {
    return loaded != nullptr;
}

std::vector<std::string> ledger() {
    std::vector<std::string> out;
    if (loaded == nullptr) return out;
    for (const module::Grant* g : loaded->module.grants)
        out.push_back(std::string(module::kind_name(g->kind)) + " " + g->what + ", acquired at " +
                      describe(g->site));
    return out;
}

ModuleTest::ModuleTest() {
    (void)fail_step(0);
    world().log.clear();
    world().signal = false;
}
ModuleTest::~ModuleTest() = default;
void ModuleTest::TearDown() {
    unload();
    reset_files();
    reset_devices();
}

}  // namespace tenon::mock
