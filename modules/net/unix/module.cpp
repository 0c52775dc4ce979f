#include <tenon/mm/slab.h>
#include <tenon/module/module.h>

#include "flight.h"
#include "socket.h"

namespace tenon::net::local {

namespace {

class NetUnix final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        auto self = std::unique_ptr<NetUnix>(new (std::nothrow) NetUnix);
        auto family = std::unique_ptr<Family>(new (std::nothrow) LocalFamily);
        if (!self || !family) return Err(Error::nomem);
        TRY_ASSIGN(self->family_, offer_family(context, kFamilyUnix, std::move(family)));
        TRY_ASSIGN(self->listing_,
                   module::offer(context, "net-list-unix",
                                 std::unique_ptr<Listing>(mm::make<LocalListing>())));
        return std::unique_ptr<module::Instance>(std::move(self));
    }

  private:
    Collector collector_;
    module::Held family_, listing_;
};

}  // namespace
}  // namespace tenon::net::local

TENON_MODULE(tenon::net::local::NetUnix, {
                                             .name = "net_unix",
                                             .version = "1.0",
                                             .license = "MIT",
                                             .description = "Local (AF_UNIX) sockets",
                                             .needs = {"net_core"},
                                             .aliases = {"net-pf-1"},
                                         });
