// The driver of QEMU's teaching device, with a scripted one.
#include <tenon/mock/mock.h>

#include <array>
#include <cstring>

using namespace tenon;

namespace {

constexpr u32 kFactorialDone = 1, kDmaDone = 0x100;

// The registers of the device, as QEMU's docs/specs/edu.rst has them.
struct EduDevice {
    mock::PciDevice pci{{.vendor = 0x1234, .device = 0x11e8, .class_code = 0x00ff00}};
    u32 liveness = 0, factorial = 0, status = 0, causes = 0;
    u64 dma_source = 0, dma_target = 0, dma_count = 0;
    std::array<u8, 4096> buffer{};
    u32 identity = 0x010000ed;
    bool answers = true;  // finishes what it is asked to
    u32 acknowledged = 0;

    EduDevice() {
        pci.add_bar(
            0, 1 << 20, [this](usize offset, usize width) { return read(offset, width); },
            [this](usize offset, usize width, u64 value) { write(offset, width, value); });
    }
    u64 read(usize offset, usize width) {
        EXPECT_EQ(width, 4u) << "at " << offset;
        switch (offset) {
            case 0x00:
                return identity;
            case 0x04:
                return ~liveness;
            case 0x08:
                return factorial;
            case 0x24:
                return causes;
            default:
                return 0;
        }
    }
    void raise(u32 cause) {
        causes |= cause;
        pci.raise();
    }
    void write(usize offset, usize width, u64 value) {
        EXPECT_EQ(width, offset < 0x80 ? 4u : 8u) << "at " << offset;
        switch (offset) {
            case 0x04:
                liveness = static_cast<u32>(value);
                break;
            case 0x08: {
                u32 result = 1;
                for (u32 i = 2; i <= value; ++i) result *= i;
                factorial = result;
                if (answers && (status & 0x80) != 0) raise(kFactorialDone);
                break;
            }
            case 0x20:
                status = static_cast<u32>(value);
                break;
            case 0x64:
                causes &= ~static_cast<u32>(value);
                acknowledged |= static_cast<u32>(value);
                break;
            case 0x80:
                dma_source = value;
                break;
            case 0x88:
                dma_target = value;
                break;
            case 0x90:
                dma_count = value;
                break;
            case 0x98:
                transfer(value);
                break;
            default:
                ADD_FAILURE() << "a write to register " << offset;
        }
    }
    void transfer(u64 command) {
        const bool from_device = (command & 2) != 0;
        const u64 memory = from_device ? dma_target : dma_source;
        const u64 own = (from_device ? dma_source : dma_target) - 0x40000;
        ASSERT_LE(own + dma_count, buffer.size());
        u8* p = pci.dma(memory, dma_count);
        if (p == nullptr) return;
        std::memcpy(from_device ? p : &buffer[own], from_device ? &buffer[own] : p, dma_count);
        if (answers) raise(kDmaDone);
    }
};

class Edu : public mock::ModuleTest {
  protected:
    EduDevice device;
};

TEST_F(Edu, binds_and_unbinds) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    EXPECT_EQ(device.pci.driver(), "edu");
    EXPECT_TRUE(device.pci.bus_master());
    EXPECT_TRUE(mock::logged("edu: version 1.0"));
    device.pci.unplug();
    EXPECT_EQ(mock::ledger().size(), 1u);  // the driver: its node goes with the device
}

TEST_F(Edu, leaves_a_device_that_is_not_one) {
    device.identity = 0x010000aa;
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    EXPECT_EQ(device.pci.driver(), "");
}

TEST_F(Edu, computes_by_interrupt) {
    ASSERT_TRUE(mock::load());
    device.causes = ~0u;  // left by an instance that failed
    device.pci.plug();
    EXPECT_EQ(device.causes, 0u);
    device.acknowledged = 0;
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write("5\n").value_or(0), 2u);
    EXPECT_EQ(file->read(16).value_or("?"), "120\n");
    EXPECT_EQ(device.causes, 0u);
    EXPECT_EQ(device.acknowledged, kFactorialDone);
    file->close();
}

TEST_F(Edu, refuses_what_is_no_number) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write("x").error(), Error::inval);
    EXPECT_EQ(file->write("").error(), Error::inval);
    EXPECT_EQ(file->write("5 6").error(), Error::inval);
    EXPECT_EQ(file->write("99999999999").error(), Error::range);
    EXPECT_EQ(file->write("0123456789012345").error(), Error::inval);
    file->close();
}

TEST_F(Edu, copies_by_dma_and_cuts_at_the_end) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write_at(4096 + 10, "through the device").value_or(0), 18u);
    EXPECT_EQ(std::memcmp(&device.buffer[10], "through the device", 18), 0);
    EXPECT_EQ(file->read_at(4096 + 10, 18).value_or("?"), "through the device");
    EXPECT_EQ(file->write_at(8190, "abcd").value_or(0), 2u);
    EXPECT_EQ(file->write_at(8192, "a").error(), Error::nospc);
    EXPECT_EQ(file->read_at(8192, 1).value_or("?"), "");
    file->close();
}

TEST_F(Edu, says_io_when_the_interrupt_does_not_come) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    device.answers = false;
    const u64 before = mock::now_ns();
    EXPECT_EQ(file->write("5").error(), Error::io);
    EXPECT_GE(mock::now_ns() - before, 5'000'000'000u);
    device.answers = true;
    EXPECT_EQ(file->write("4").value_or(0), 1u);
    EXPECT_EQ(file->read(16).value_or("?"), "24\n");
    file->close();
}

TEST_F(Edu, answers_nodev_after_surprise_removal) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    device.pci.unplug();
    EXPECT_EQ(file->write("5").error(), Error::nodev);
    EXPECT_EQ(file->read(16).error(), Error::nodev);
    EXPECT_EQ(mock::open("/dev/edu").error(), Error::noent);
    file->close();
}

TEST_F(Edu, takes_no_interrupt_of_others) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    EXPECT_FALSE(device.pci.raise());  // no cause
}

TEST_F(Edu, has_no_dma_beyond_its_address_bits) {
    ASSERT_TRUE(mock::load("dma_bits=20"));
    device.pci.plug();
    auto file = mock::open("/dev/edu");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write_at(4096, "a").error(), Error::nodev);
    file->close();
}

TEST_F(Edu, gives_all_back_when_the_load_fails_at_any_step) {
    const u32 steps =
        mock::at_every_failure([] { return mock::load().has_value(); }, [] { mock::unload(); });
    EXPECT_GE(steps, 3u);  // the instance, the driver, its registration
}

TEST_F(Edu, gives_all_back_when_the_probe_fails_at_any_step) {
    ASSERT_TRUE(mock::load());
    const u32 steps = mock::at_every_failure(
        [&] {
            device.pci.plug();
            if (device.pci.driver() == "edu") return true;
            device.pci.unplug();
            return false;
        },
        [&] { device.pci.unplug(); });
    EXPECT_GE(steps, 7u);  // the object, the window, the buffer, the interrupt, the node
}

TEST_F(Edu, gives_all_back_when_an_open_fails_at_any_step) {
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    mock::OpenFile file;
    mock::at_every_failure(
        [&] {
            auto made = mock::open("/dev/edu");
            if (made) file = std::move(*made);
            return made.has_value();
        },
        [&] { file.close(); });
}

}  // namespace
