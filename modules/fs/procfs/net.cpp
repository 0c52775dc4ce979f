// /proc/net. Spec: man 5 proc, Linux net/core/net-procfs.c.
#include <tenon/net/socket.h>

#include "devices.h"
#include "files.h"

namespace tenon::procfs {

namespace {

bool is_interface(const device::Device& d) {
    return d.class_name() == "net";
}

u64 number(device::Device& d, std::string_view statistic) {
    const fmt::Line<48> name("statistics/{}", statistic);
    char text[32];
    fmt::BufferSink sink(text);
    show_attribute(d, name.view(), sink);
    u64 value = 0;
    for (char c : sink.text())
        if (c >= '0' && c <= '9') value = value * 10 + static_cast<u64>(c - '0');
    return value;
}

}  // namespace

Result<void> show_net_devices(Text& out, const Subject&) {
    out.print(
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
        "drop fifo colls carrier compressed\n");
    each_device(&is_interface, [&](device::Device& d) {
        const auto n = [&](std::string_view statistic) { return number(d, statistic); };
        out.print(
            "{:>6}: {:7} {:7} {:4} {:4} {:4} {:5} {:10} {:9} ", d.name(), n("rx_bytes"),
            n("rx_packets"), n("rx_errors"), n("rx_dropped") + n("rx_missed_errors"),
            n("rx_fifo_errors"),
            n("rx_length_errors") + n("rx_over_errors") + n("rx_crc_errors") + n("rx_frame_errors"),
            n("rx_compressed"), n("multicast"));
        out.print("{:8} {:7} {:4} {:4} {:4} {:5} {:7} {:10}\n", n("tx_bytes"), n("tx_packets"),
                  n("tx_errors"), n("tx_dropped"), n("tx_fifo_errors"), n("collisions"),
                  n("tx_carrier_errors") + n("tx_aborted_errors") + n("tx_window_errors") +
                      n("tx_heartbeat_errors"),
                  n("tx_compressed"));
    });
    return {};
}

namespace {
constexpr std::string_view kUnixHeading =
                               "Num       RefCount Protocol Flags    Type St Inode Path\n",
                           kNetlinkHeading =
                               "sk               Eth Pid        Groups   Rmem     Wmem     Dump  "
                               "Locks    Drops    Inode\n";
// While nobody offers the family, there is the heading alone.
Result<void> show_listing(Text& out, std::string_view service, std::string_view heading) {
    if (auto listing = module::find_service<net::Listing>(service))
        return listing->call(&net::Listing::list, static_cast<fmt::Sink&>(out));
    out.write(heading);
    return {};
}
}  // namespace

Result<void> show_unix_sockets(Text& out, const Subject&) {
    return show_listing(out, "net-list-unix", kUnixHeading);
}
Result<void> show_netlink_sockets(Text& out, const Subject&) {
    return show_listing(out, "net-list-netlink", kNetlinkHeading);
}

// --- Internet protocols: there are none, so there is nothing below the headings.
// ------------------

namespace {
void heading(Text& out, usize width, std::string_view text) {
    out.write(text);
    if (text.size() < width) out.pad(' ', width - text.size());
    out.write("\n");
}
}  // namespace

Result<void> show_arp(Text& out, const Subject&) {
    heading(out, 0,
            "IP address       HW type     Flags       HW address            Mask     Device");
    return {};
}
Result<void> show_routes(Text& out, const Subject&) {
    heading(out, 127,
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    return {};
}
Result<void> show_tcp(Text& out, const Subject&) {
    heading(out, 149,
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
            "timeout inode");
    return {};
}
Result<void> show_udp(Text& out, const Subject&) {
    heading(out, 127,
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
            "timeout inode ref pointer drops");
    return {};
}
namespace {
constexpr std::string_view kHeading6 =
    "  sl  local_address                         remote_address                        st "
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
}
Result<void> show_tcp6(Text& out, const Subject&) {
    heading(out, 0, kHeading6);
    return {};
}
Result<void> show_udp6(Text& out, const Subject&) {
    out.print("{} ref pointer drops\n", kHeading6);
    return {};
}

}  // namespace tenon::procfs
