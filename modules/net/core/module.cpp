#include <tenon/module/module.h>
#include <tenon/net/socket.h>

#include "netdev.h"

namespace tenon::net {
namespace {

TENON_PARAMETER(u32, hold_ms,
                {.value = 5000,
                 .min = 0,
                 .max = 600'000,
                 .mode = 0644,
                 .description = "how long an interface waits for its driver's next instance"});
TENON_PARAMETER(bool, hold_always,
                {.value = false,
                 .mode = 0644,
                 .description = "an unload of a driver is taken for a restart (for tests)"});

constinit module::Context* g_context = nullptr;

class NetCore final : public module::Instance {
  public:
    static Result<std::unique_ptr<module::Instance>> create(module::Context& context) {
        g_context = &context;
        auto self = std::unique_ptr<NetCore>(new (std::nothrow) NetCore);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(self->interfaces_, offer_interfaces(context));
        return std::unique_ptr<module::Instance>(std::move(self));
    }
    ~NetCore() override {
        stop_table();
        stop_poll_threads();
        Handlers::stop();
        sync::rcu_barrier();
    }

  private:
    module::Held interfaces_;
};

}  // namespace

module::Context& core_context() {
    return *g_context;
}
module::Gate* core_gate() {
    return &g_context->gate();
}
u64 hold_limit_ns() {
    return u64{hold_ms.get()} * 1'000'000;
}
bool unload_is_restart() {
    return hold_always.get();
}

}  // namespace tenon::net

TENON_MODULE(tenon::net::NetCore, {
                                      .name = "net_core",
                                      .version = "1.1",
                                      .license = "MIT",
                                      .description = "Sockets, packets, network interfaces",
                                      .aliases = {"net-interfaces"},
                                  });
