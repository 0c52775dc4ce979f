#include <tenon/module/module.h>

namespace tenon::virtio {
namespace {

// A library: it holds nothing itself.
class Virtio final : public module::Instance {
  public:
    static Result<std::unique_ptr<Virtio>> create(module::Context&) {
        std::unique_ptr<Virtio> self(new (std::nothrow) Virtio);
        if (!self) return Err(Error::nomem);
        return self;
    }
};

}  // namespace
}  // namespace tenon::virtio

TENON_MODULE(tenon::virtio::Virtio, {
                                        .name = "virtio",
                                        .version = "1.0",
                                        .description = "Virtio PCI transport and virtqueues",
                                        .needs = {"pci>=1.0,<2"},
                                    });
