#include <symbols/provider.h>
#include <tenon/module/module.h>

namespace tenon::symbols {
namespace {

TENON_PARAMETER(u32, count,
                {.value = 3, .min = 1, .max = 1000, .description = "tickets to take when loaded"});

class User final : public module::Instance {
  public:
    static Result<std::unique_ptr<User>> create(module::Context&) {
        std::unique_ptr<User> self(new (std::nothrow) User);
        if (!self) return Err(Error::nomem);
        for (u32 i = 0; i < count; ++i) {
            TRY_ASSIGN(Ticket ticket, take_ticket(i));
            self->last_ = ticket.number;
        }
        log::info("symbols_user: took {} tickets, the last is {}", count.get(), self->last_);
        return self;
    }

  private:
    u64 last_ = 0;
};

}  // namespace
}  // namespace tenon::symbols

TENON_MODULE(tenon::symbols::User, {
                                       .name = "symbols_user",
                                       .version = "1.0",
                                       .description = "Takes tickets from symbols_provider",
                                       .needs = {"symbols_provider>=1.0,<2"},
                                       .imports = {"tenon::symbols"},
                                   });
