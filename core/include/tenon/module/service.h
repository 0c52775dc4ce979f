// Interfaces that modules offer by name.
//
// Who imports a symbol stands on the module that exports it: they come and go together. Who only
// finds a service by its name does not, and stays when the module behind it is restarted; calls in
// between answer Error::nodev.
#pragma once

#include <tenon/module/context.h>
#include <tenon/module/gate.h>

namespace tenon::module {

// What every offered interface derives from.
class Service {
  public:
    // Through its module's gate, when it is no longer offered.
    virtual ~Service() = default;
};

// [module] See offer() and find_service().
TENON_API Result<Gated<Service>> find_service(std::string_view name, u32 interface_version);

// What is offered under the name, asking for a module with the alias of that name if nothing is.
// T derives from Service and has kInterfaceVersion, to be raised with every change of T. May sleep.
// Error::noent: nothing is; Error::noexec: another version.
template <typename T>
Result<Gated<T>> find_service(std::string_view name) {
    TRY_ASSIGN(const Gated<Service> found, find_service(name, T::kInterfaceVersion));
    return Gated<T>::borrow(static_cast<T*>(found.object()), found.gate());
}

// In create(): the object is there to be found until the handle goes. Error::exist.
template <typename T>
Result<Held> offer(Context& context, std::string_view name, std::unique_ptr<T> service) {
    return context.offer_service(name, T::kInterfaceVersion, std::move(service));
}

}  // namespace tenon::module
