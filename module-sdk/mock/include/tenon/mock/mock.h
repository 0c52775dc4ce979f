// The mock core: a driver's own source under GoogleTest on the host, with ASan and UBSan.
//
//     class FactTest : public tenon::mock::ModuleTest {};
//     TEST_F(FactTest, probes) {
//         mock::PciDevice edu({.vendor = 0x1234, .device = 0x11e8});
//         edu.add_bar(0, 0x100000, [&](usize offset, usize width) -> u64 { ... },
//                                  [&](usize offset, usize width, u64 value) { ... });
//         ASSERT_TRUE(load());
//         edu.plug();
//         ASSERT_EQ(edu.driver(), "fact");
//     }
//
// At the end of each test the module is unloaded; what is left in its ledger, and memory that it
// did not give back, fails the test with the place that acquired it. See module-sdk/mock/README.md.
#pragma once

#include <gtest/gtest.h>
#include <pci/pci.h>
#include <tenon/module/module.h>
#include <tenon/vfs/file.h>

#include <functional>
#include <string>
#include <vector>

namespace tenon::mock {

// --- The module under test

// Makes the instance: create(), with `parameters` as insmod takes them ("a=1 b=2").
Result<void> load(std::string_view parameters = {});
// quiesce(), then the destructor; true when nothing was left behind. Leftovers are test failures.
bool unload();
bool is_loaded();
// One line a grant: kind, what, where it was acquired.
std::vector<std::string> ledger();
// The kernel log since the test began, one line each.
const std::vector<std::string>& log_lines();
bool logged(std::string_view text);

// --- Time, tasks, interrupts

u64 now_ns();
// Runs timers, work and threads for so long; the clock stands still otherwise.
void advance(u64 ns);
// Runs work, interrupt threads and kernel threads until all of them sleep.
void settle();
// A signal for whoever waits interruptibly: such waits end with Error::restart while it is on.
void set_signal(bool pending);

// --- Failures

// Makes the nth step from now on fail (1: the next); 0: none. A step is a grant of the Context, or
// an allocation by the module. Answers whether the one asked for before has failed.
bool fail_step(u32 nth);
// Runs `attempt` again and again, each time with the next step failing, until none is left to fail.
// `attempt` answers whether it succeeded; `undo` takes back a success. After each, the ledger and
// the module's memory must be as they were before; if not, the test fails and says at which step.
// Returns how many steps there were.
u32 at_every_failure(const std::function<bool()>& attempt, const std::function<void()>& undo);

// --- Files

// Plain memory as a program's buffer. Only what such an object covers can be copied to and from.
class UserBuffer {
  public:
    explicit UserBuffer(usize size_bytes);
    explicit UserBuffer(std::string_view content);
    ~UserBuffer();
    TENON_NONCOPYABLE(UserBuffer);
    u64 address() const { return reinterpret_cast<u64>(bytes_.data()); }
    u8* data() { return bytes_.data(); }
    std::string text(usize length_bytes) const;

  private:
    std::vector<u8> bytes_;
};

// An open file, as a program sees it.
class OpenFile {
  public:
    OpenFile() = default;
    OpenFile(OpenFile&&) = default;
    OpenFile& operator=(OpenFile&&) = default;
    ~OpenFile() { close(); }
    Result<std::string> read(usize length_bytes);
    Result<std::string> read_at(u64 position, usize length_bytes);
    Result<usize> write(std::string_view content);
    Result<usize> write_at(u64 position, std::string_view content);
    Result<i64> ioctl(u32 command, u64 argument = 0);
    u32 poll();                               // kPollIn...
    Result<std::vector<std::string>> list();  // a directory's names
    void close();

  private:
    friend Result<OpenFile> open(std::string_view, u32);
    friend Result<OpenFile> open_in(vfs::SuperBlock&, std::string_view, u32);
    Ref<vfs::File> file_;
};
// Opens the node "/dev/NAME" of a device that the module added. Error::noent.
Result<OpenFile> open(std::string_view path, u32 flags = vfs::kOpenRead | vfs::kOpenWrite);
// Mounts the file system that the module registered. Error::nodev.
Result<Ref<vfs::SuperBlock>> mount(std::string_view type, std::string_view source = "none",
                                   u32 flags = 0, std::string_view options = {});
// By path from its root; "" is the root.
Result<OpenFile> open_in(vfs::SuperBlock& super, std::string_view path, u32 flags = vfs::kOpenRead);
// Kernel objects of a type counted by name for /dev.
bool node_exists(std::string_view path);

// --- PCI

// A function that a test scripts.
class PciDevice {
  public:
    struct Options {
        u16 vendor = 0, device = 0, subsystem_vendor = 0, subsystem_device = 0;
        u32 class_code = 0;
        u32 vectors = 1;  // MSI-X; 0: none
        std::string_view name = "0000:00:03.0";
    };
    using Read = std::function<u64(usize offset, usize width)>;
    using Write = std::function<void(usize offset, usize width, u64 value)>;

    explicit PciDevice(const Options& options);
    ~PciDevice();  // unplugs
    TENON_NONCOPYABLE(PciDevice);
    // Registers in memory BAR `index`; widths are in bytes. Before plug().
    void add_bar(u32 index, usize size_bytes, Read read, Write write);
    // Adds a capability (its bytes behind id and next) to the configuration space.
    u16 add_capability(u8 id, std::span<const u8> body);
    // It appears: drivers are offered it before this returns.
    void plug();
    // Surprise removal: reads give all ones from now on, then the driver is unbound.
    void unplug();
    // The name of the driver that has it, or empty.
    std::string driver() const;
    device::Device& device() const;
    pci::Function& function() { return function_; }

    // A message-signalled interrupt; true when somebody handled it. While interrupts are off it is
    // kept and counts as handled.
    bool raise(u32 vector = 0);
    bool bus_master() const;
    bool memory_enabled() const;
    // The driver's memory as the device reaches it: null, and a test failure, when bus mastering is
    // off or the range is not (or no longer) a DMA buffer.
    u8* dma(u64 address, usize length_bytes);

  private:
    friend class ::tenon::pci::Function;
    friend class ::tenon::pci::Interrupt;
    friend struct PciAccess;
    pci::Function function_;
    struct State;
    std::unique_ptr<State> state_;
};

// --- The fixture

class ModuleTest : public ::testing::Test {
  protected:
    ModuleTest();
    ~ModuleTest() override;
    // Unloads and checks; tests that unload by themselves need not.
    void TearDown() override;
};

}  // namespace tenon::mock
