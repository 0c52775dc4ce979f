#include <tenon/module/module.h>

namespace tenon::net {

Result<void> start_registry();
void stop_registry();

namespace {

class NetCore final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context&) {
        TRY(start_registry());
        auto self = std::unique_ptr<module::Instance>(new (std::nothrow) NetCore);
        if (!self) return Err(Error::nomem);
        return self;
    }
    ~NetCore() override { stop_registry(); }
};

}  // namespace
}  // namespace tenon::net

TENON_MODULE(tenon::net::NetCore, {
                                      .name = "net_core",
                                      .version = "1.0",
                                      .license = "MIT",
                                      .description = "Sockets",
                                  });
