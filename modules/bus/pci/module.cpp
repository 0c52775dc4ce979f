#include <tenon/module/module.h>

#include "enumerate.h"

namespace tenon::pci {
namespace {

class Pci final : public module::Instance {
  public:
    ~Pci() {
        // What drops its handles needs the bus and configuration space: they go last.
        enumerator_.reset();
        bus_.release();
        object_.reset();
        exit_config();
    }
    static Result<std::unique_ptr<Pci>> create(module::Context& context) {
        std::unique_ptr<Pci> self(new (std::nothrow) Pci);
        if (!self) return Err(Error::nomem);
        self->enumerator_.reset(new (std::nothrow) Enumerator(context));
        if (!self->enumerator_) return Err(Error::nomem);
        TRY(init_config(context));
        self->object_.reset(new (std::nothrow) PciBus(*self->enumerator_));
        if (!self->object_) return Err(Error::nomem);
        set_bus(self->object_.get(), self->enumerator_.get());
        TRY_ASSIGN(self->bus_, context.register_bus(bus()));
        TRY(self->enumerator_->run());
        log::info("pci: {} functions, configuration space by {}", self->enumerator_->count(),
                  config_size() == 4096 ? "ECAM" : "ports");
        return self;
    }

  private:
    std::unique_ptr<PciBus> object_;
    module::Held bus_;
    std::unique_ptr<Enumerator> enumerator_;
};

}  // namespace
}  // namespace tenon::pci

TENON_MODULE(tenon::pci::Pci, {
                                  .name = "pci",
                                  .version = "1.0",
                                  .description = "PCI and PCI Express bus",
                              });
