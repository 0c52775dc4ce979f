#include <symbols/provider.h>
#include <tenon/module/module.h>

#include <atomic>

namespace tenon::symbols {
namespace {

TENON_PARAMETER(u64, limit,
                {.value = 1'000'000,
                 .min = 1,
                 .mode = 0644,
                 .description = "tickets to give before take_ticket() refuses"});
std::atomic<u64> next_ticket{1};

class Provider final : public module::Instance {
  public:
    static Result<std::unique_ptr<Provider>> create(module::Context&) {
        std::unique_ptr<Provider> self(new (std::nothrow) Provider);
        if (!self) return Err(Error::nomem);
        return self;
    }
};

}  // namespace

Result<Ticket> take_ticket(u32 holder) {
    const u64 number = next_ticket.fetch_add(1, std::memory_order_relaxed);
    if (number > limit.get()) return Err(Error::range);
    return Ticket{number, holder};
}

u64 tickets_taken() {
    return next_ticket.load(std::memory_order_relaxed) - 1;
}

}  // namespace tenon::symbols

TENON_MODULE(tenon::symbols::Provider, {
                                           .name = "symbols_provider",
                                           .version = "1.0",
                                           .description = "Exports a counter to other modules",
                                           .exports = {"tenon::symbols"},
                                       });
