// The entropy driver with the module virtio's own transport and queue, on a scripted device.
#include <gtest/gtest.h>

#include "virtio_device.h"

using namespace tenon;

namespace {

class VirtioRng : public mock::ModuleTest {
  protected:
    u32 gives = ~0u;  // bytes a request
    u8 byte = 0;
    test::VirtioDevice device{4, 1, [this](auto, auto writes) {
                                  const usize n = std::min<usize>(gives, writes.at(0).size());
                                  for (usize i = 0; i < n; ++i) writes[0][i] = byte++;
                                  return static_cast<u32>(n);
                              }};
    void start() {
        ASSERT_TRUE(mock::load());
        device.pci.plug();
        ASSERT_EQ(device.pci.driver(), "virtio_rng");
    }
};

TEST_F(VirtioRng, binds_and_resets_the_device_at_the_end) {
    start();
    EXPECT_EQ(device.status, 1 | 2 | 4 | 8);
    const u32 resets = device.resets;
    mock::unload();
    EXPECT_EQ(device.resets, resets + 1);
    EXPECT_FALSE(device.pci.bus_master());
    device.pci.unplug();
}

TEST_F(VirtioRng, reads_what_the_host_gives) {
    start();
    auto file = mock::open("/dev/hwrng", vfs::kOpenRead);
    ASSERT_TRUE(file);
    byte = 'a';
    EXPECT_EQ(file->read(4).value_or("?"), "abcd");
    EXPECT_EQ(file->read(600).value_or("?").size(), 600u);
    file->close();
}

TEST_F(VirtioRng, takes_what_comes_in_small_pieces) {
    start();
    auto file = mock::open("/dev/hwrng", vfs::kOpenRead);
    ASSERT_TRUE(file);
    gives = 3;
    EXPECT_EQ(file->read(10).value_or("?").size(), 10u);
    file->close();
}

TEST_F(VirtioRng, says_io_when_the_host_is_silent_and_goes_on_when_it_speaks) {
    start();
    auto file = mock::open("/dev/hwrng", vfs::kOpenRead);
    ASSERT_TRUE(file);
    device.answers = false;
    EXPECT_EQ(file->read(4).error(), Error::io);
    device.answers = true;
    device.serve(0);  // the request that is still there
    EXPECT_EQ(file->read(4).value_or("?").size(), 4u);
    file->close();
}

TEST_F(VirtioRng, ends_a_read_by_a_signal) {
    start();
    auto file = mock::open("/dev/hwrng", vfs::kOpenRead);
    ASSERT_TRUE(file);
    device.answers = false;
    mock::set_signal(true);
    EXPECT_EQ(file->read(4).error(), Error::restart);
    mock::set_signal(false);
    device.serve(0);
    file->close();
}

TEST_F(VirtioRng, is_not_bound_when_the_device_refuses_the_features) {
    device.refuses = true;
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    EXPECT_EQ(device.pci.driver(), "");
}

TEST_F(VirtioRng, is_not_bound_to_a_legacy_device) {
    device.features = 0;
    ASSERT_TRUE(mock::load());
    device.pci.plug();
    EXPECT_EQ(device.pci.driver(), "");
}

TEST_F(VirtioRng, answers_nodev_after_surprise_removal) {
    start();
    auto file = mock::open("/dev/hwrng", vfs::kOpenRead);
    ASSERT_TRUE(file);
    device.pci.unplug();
    EXPECT_EQ(file->read(4).error(), Error::nodev);
    file->close();
}

TEST_F(VirtioRng, gives_all_back_when_the_probe_fails_at_any_step) {
    ASSERT_TRUE(mock::load());
    const u32 steps = mock::at_every_failure(
        [&] {
            device.pci.plug();
            if (device.pci.driver() == "virtio_rng") return true;
            device.pci.unplug();
            return false;
        },
        [&] { device.pci.unplug(); });
    EXPECT_GE(steps, 9u);
}

}  // namespace
