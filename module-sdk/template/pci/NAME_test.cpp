// @NAME@ on the host, with a scripted device. What a test can do: <tenon/mock/mock.h>.
#include <tenon/mock/mock.h>

namespace {

using namespace tenon;

class Module : public mock::ModuleTest {
  protected:
    mock::PciDevice device{{.vendor = 0x1234, .device = 0x11e8}};
    u32 result = 0, causes = 0;
    bool answers = true;

    Module() {
        device.add_bar(
            0, 0x1000,
            [this](usize offset, usize) -> u64 {
                return offset == 0x08 ? result : offset == 0x24 ? causes : 0;
            },
            [this](usize offset, usize, u64 value) {
                if (offset == 0x64) causes &= ~static_cast<u32>(value);
                if (offset != 0x08 || !answers) return;
                result = 1;
                for (u32 i = 2; i <= value; ++i) result *= i;
                causes = 1;
                device.raise();
            });
    }
};

TEST_F(Module, computes_by_interrupt) {
    ASSERT_TRUE(mock::load());
    device.plug();
    ASSERT_EQ(device.driver(), "@NAME@");
    auto file = mock::open("/dev/@NAME@");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write("5\n").value_or(0), 2u);
    EXPECT_EQ(file->read(10).value_or("?"), "120\n");
    EXPECT_EQ(causes, 0u);
}

TEST_F(Module, says_io_when_the_device_is_silent) {
    ASSERT_TRUE(mock::load("timeout_ms=10"));
    device.plug();
    auto file = mock::open("/dev/@NAME@");
    ASSERT_TRUE(file);
    answers = false;
    EXPECT_EQ(file->write("5").error(), Error::io);
}

TEST_F(Module, answers_nodev_when_the_device_is_gone) {
    ASSERT_TRUE(mock::load());
    device.plug();
    auto file = mock::open("/dev/@NAME@");
    ASSERT_TRUE(file);
    device.unplug();
    EXPECT_EQ(file->write("5").error(), Error::nodev);
}

TEST_F(Module, gives_all_back_when_the_probe_fails_at_any_step) {
    ASSERT_TRUE(mock::load());
    EXPECT_GE(mock::at_every_failure(
                  [&] {
                      device.plug();
                      if (device.driver() == "@NAME@") return true;
                      device.unplug();
                      return false;
                  },
                  [&] { device.unplug(); }),
              6u);  // the object, the window, the interrupt, the node
}

}  // namespace
