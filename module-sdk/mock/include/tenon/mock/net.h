// A network interface that the module under test registered, as programs see it.
#pragma once

#include <tenon/mock/mock.h>
#include <tenon/net/device.h>

namespace tenon::mock {

class NetInterface {
  public:
    // By the name it was registered with, "%d" included. Looked up at each call.
    explicit NetInterface(std::string_view name) : name_(name) {}
    bool exists() const;
    // Opens and stops it. Error::nodev when there is none.
    Result<void> up() const;
    void down() const;
    // Sends one frame, its link header included. Errors: netdown; nobufs when more wait than the
    // device's backlog takes.
    Result<void> send(std::string_view frame) const;
    // How many frames were answered as sent, how many wait or are in the driver's hands, and how
    // often the driver gave a handle that was not its own.
    u64 sent() const;
    usize pending() const;
    u64 refused() const;
    // The frames that came since it was asked before.
    std::vector<std::string> received() const;
    // Buffers that the driver has.
    usize buffers() const;
    Result<void> set_mtu(u32 mtu) const;
    Result<void> set_address(const net::HardwareAddress& address) const;
    void set_receive_mode(const net::ReceiveMode& mode) const;
    net::InterfaceStatistics statistics() const;
    bool carrier() const;

  private:
    std::string name_;
};

}  // namespace tenon::mock
