#include <tenon/mm/slab.h>
#include <tenon/module/module.h>

#include "socket.h"

namespace tenon::net::local {

namespace {

class NetUnix final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        auto self = std::unique_ptr<NetUnix>(new (std::nothrow) NetUnix);
        if (!self) return Err(Error::nomem);
        TRY(register_family(module::Gated<Family>::borrow(&self->family_, &context.gate())));
        self->registered_ = true;
        return std::unique_ptr<module::Instance>(std::move(self));
    }
    ~NetUnix() override {
        if (registered_) unregister_family(kFamilyUnix);
    }

  private:
    LocalFamily family_;
    bool registered_ = false;
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
