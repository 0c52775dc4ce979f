#include <tenon/lib/error.h>

namespace tenon {

const char* error_name(Error error) {
    switch (error) {
        case Error::none:
            return "none";
#define TENON_ERROR_CASE(name) \
    case Error::name:          \
        return #name;
            TENON_ERRORS(TENON_ERROR_CASE)
#undef TENON_ERROR_CASE
        case Error::restart:
            return "restart";
        case Error::restart_no_hand:
            return "restart_no_hand";
        case Error::restart_no_intr:
            return "restart_no_intr";
        case Error::restart_block:
            return "restart_block";
        case Error::count_:
            break;
    }
    return "unknown";
}

}  // namespace tenon
