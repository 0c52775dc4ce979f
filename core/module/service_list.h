// The services that are offered.
#pragma once

#include <tenon/module/service.h>

namespace tenon::module {

struct OfferedService {
    char name[32] = {};
    u32 interface_version = 0;
    Gated<Service> object;
    OfferedService* next = nullptr;
};
// Error::exist. The entry stays the caller's.
Result<void> add_service(OfferedService& service);
void remove_service(OfferedService& service);

}  // namespace tenon::module
