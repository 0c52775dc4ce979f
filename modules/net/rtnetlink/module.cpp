// The kernel's side of the protocol: who answers what, and what groups are told.
#include <tenon/module/module.h>
#include <tenon/process/credentials.h>

#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

using inet::Family;

class Routing final : public netlink::KernelSide {
  public:
    u32 groups() override { return kGroups; }
    Result<void> may_join(u32 group) override {
        if ((group == kGroupMulticastRouteV4 || group == kGroupMulticastRouteV6) &&
            !process::capable(process::Capability::net_admin))
            return Err(Error::perm);
        return {};
    }
    Result<void> request(const Request& request, Answer& answer) override {
        const u16 type = request.header.type;
        if (type > kLastType) return Err(Error::opnotsupp);
        if (request.body().empty()) return {};
        // Types come by four: make, remove, ask, set.
        const bool asks = (type & 3) == (kGetLink & 3);
        if (!asks && !request.may_change) return Err(Error::perm);
        if (asks && (request.header.flags & netlink::kDump) != 0) return dump(request, answer);
        const u8 family = family_of(request);
        switch (type) {
            case kGetLink:
                return get_link(request, answer);
            case kNewLink:
            case kSetLink:
                return set_link(request, answer);
            case kDelLink:
                return delete_link(request, answer);
            case kGetAddress:
                if (family == kInet6) return get_address_v6(request, answer);
                break;
            case kNewAddress:
            case kDelAddress:
                if (family == kInet) return change_address(request, answer, Family::v4);
                if (family == kInet6) return change_address(request, answer, Family::v6);
                break;
            case kGetRoute:
                if (family == kInet) return get_route(request, answer, Family::v4);
                if (family == kInet6) return get_route(request, answer, Family::v6);
                break;
            case kNewRoute:
            case kDelRoute:
                if (family == kInet) return change_route(request, answer, Family::v4);
                if (family == kInet6) return change_route(request, answer, Family::v6);
                break;
            case kNewRule:
            case kDelRule:
                if (family == kInet) return change_rule(request, answer, Family::v4);
                if (family == kInet6) return change_rule(request, answer, Family::v6);
                return Err(Error::afnosupport);
            default:
                break;
        }
        return Err(Error::opnotsupp);
    }

  private:
    // Of a family, or one after the other: each in a packet of its own.
    template <typename F>
    Result<void> by_family(u8 family, Answer& answer, F&& one) {
        if (family == kInet) return one(Family::v4);
        if (family == kInet6) return one(Family::v6);
        TRY(one(Family::v4));
        answer.break_here();
        return one(Family::v6);
    }
    Result<void> dump(const Request& request, Answer& answer) {
        const u8 family = family_of(request);
        switch (request.header.type) {
            case kGetLink:
                // Of bridges' ports there are none.
                if (family == kBridge) return nothing(answer, 0, request);
                return family == kInet6 ? dump_links_v6(request, answer)
                                        : dump_links(request, answer);
            case kGetAddress:
                return by_family(family, answer,
                                 [&](Family f) { return dump_addresses(request, answer, f); });
            case kGetRoute:
                return by_family(family, answer,
                                 [&](Family f) { return dump_routes(request, answer, f); });
            case kGetRule:
                return dump_rules(request, answer);
            case kGetNeighbour:
                return dump_neighbours(request, answer);
            case kGetMulticast:
                if (family == kInet6) return dump_multicast_v6(request, answer);
                return Err(Error::opnotsupp);
            case kGetAnycast:
                if (family == kInet6) return nothing(answer, 0, request);
                return Err(Error::opnotsupp);
            case kGetAddressLabel:
                if (family == kInet6) return dump_address_labels(request, answer);
                return Err(Error::opnotsupp);
            case kGetNetConf:
                return by_family(family, answer,
                                 [&](Family f) { return dump_net_conf(request, answer, f); });
            case kGetClass:
            case kGetFilter:
            case kGetNetwork:
            case kGetChain:
                return nothing(answer, 0, request);
            case kGetQdisc:
            case kGetAction:
                return nothing(answer, 20, request);
            case kGetStatistics:
                return nothing(answer, 12, request);
            case kGetNextHop:
                return nothing(answer, 8, request);
            default:
                return Err(Error::opnotsupp);
        }
    }
    Result<void> nothing(Answer& answer, usize body_bytes, const Request& request) {
        answer.is_dump = true;
        return dump_nothing(body_bytes, request);
    }
};

class Telling final : public inet::Listener {
  public:
    void link(InterfaceEvent event, Interface& interface) override {
        const bool gone = event == InterfaceEvent::removed;
        Known& known = known_[interface.index() % std::size(known_)];
        // What is told of the moment is no change.
        const u32 now = interface.flags() & ~(kRunning | kLowerUp);
        const u32 before = event == InterfaceEvent::up     ? now & ~kUp
                           : event == InterfaceEvent::down ? now | kUp
                                                           : known.flags;
        const Heard heard(known.mtu, (before & kUp) != 0);
        const u32 changed = event == InterfaceEvent::added || gone ? ~u32{0} : before ^ now;
        known = {now, interface.mtu()};
        if (!netlink::has_listeners(netlink::kRoute, kGroupLink)) return;
        Writer out;
        write_link(out, interface, {.type = gone ? kDelLink : kNewLink}, changed, Statistics::all,
                   heard);
        tell(kGroupLink, out, {});
    }
    void address(bool is_there, const inet::InterfaceAddress& a,
                 const inet::Asker& asker) override {
        const u32 group = a.family == Family::v4 ? kGroupAddressV4 : kGroupAddressV6;
        if (!is_needed(group, asker)) return;
        Writer out;
        write_address(out, a, header(is_there ? kNewAddress : kDelAddress, asker), 0);
        tell(group, out, asker);
    }
    void route(bool is_there, const inet::Route& r, u16 how, const inet::Asker& asker) override {
        const u32 group = r.family == Family::v4 ? kGroupRouteV4 : kGroupRouteV6;
        if (!is_needed(group, asker)) return;
        Writer out;
        Header h = header(is_there ? kNewRoute : kDelRoute, asker);
        h.flags = how;
        write_route(out, r, h);
        tell(group, out, asker);
    }
    void rule(bool is_there, const inet::Rule& rule, const inet::Asker& asker) override {
        const u32 group = rule.family == Family::v4 ? kGroupRuleV4 : kGroupRuleV6;
        if (!is_needed(group, asker)) return;
        Writer out;
        write_rule(out, rule, header(is_there ? kNewRule : kDelRule, asker));
        tell(group, out, asker);
    }
    void remember() {
        for_each_interface(
            [](Interface& interface, void* p) {
                auto& self = *static_cast<Telling*>(p);
                self.known_[interface.index() % std::size(self.known_)] = {
                    interface.flags() & ~(kRunning | kLowerUp), interface.mtu()};
            },
            this);
    }

  private:
    static bool is_needed(u32 group, const inet::Asker& asker) {
        return asker.echo || netlink::has_listeners(netlink::kRoute, group);
    }
    static Header header(u16 type, const inet::Asker& asker) {
        return {.type = type, .sequence = asker.sequence, .port = asker.port};
    }
    static void tell(u32 group, const Writer& out, const inet::Asker& asker) {
        if (!out.failed())
            netlink::notify(netlink::kRoute, group, out.bytes(), asker.port, asker.echo);
    }
    // As told last, by index; two that share a place only tell a wrong change.
    struct Known {
        u32 flags = 0, mtu = 0;
    };
    Known known_[64];
};

class NetRtnetlink final : public module::Instance {
  public:
    static Result<std::unique_ptr<NetRtnetlink>> create(module::Context& context) {
        std::unique_ptr<NetRtnetlink> self(new (std::nothrow) NetRtnetlink);
        std::unique_ptr<netlink::KernelSide> routing(new (std::nothrow) Routing);
        if (!self || !routing) return Err(Error::nomem);
        self->telling_.remember();
        TRY_ASSIGN(self->listening_, inet::listen(context, module::Gated<inet::Listener>::borrow(
                                                               &self->telling_, &context.gate())));
        TRY_ASSIGN(self->offered_, module::offer(context, "netlink-0", std::move(routing)));
        return self;
    }
    ~NetRtnetlink() override {
        offered_.release();
        listening_.release();
    }

  private:
    Telling telling_;
    module::Held listening_, offered_;
};

}  // namespace
}  // namespace tenon::net::rtnetlink

TENON_MODULE(tenon::net::rtnetlink::NetRtnetlink,
             {
                 .name = "net_rtnetlink",
                 .version = "1.0",
                 .description = "Netlink: interfaces, addresses, routes (NETLINK_ROUTE)",
                 .needs = {"net_core>=1.1,<2", "net_inet", "net_netlink"},
                 .aliases = {"netlink-0"},
             });
