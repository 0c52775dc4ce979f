#include "personality/linux/ipc/namespace.h"

#include <tenon/mm/slab.h>

namespace tenon::personality::ipc {

namespace {
constinit Namespace* g_namespace = nullptr;
}

Namespace& current_namespace() {
    return *g_namespace;
}

Result<void> init() {
    g_namespace = mm::make<Namespace>().release();
    if (g_namespace == nullptr) return Err(Error::nomem);
    return {};
}

void exit() {
    delete std::exchange(g_namespace, nullptr);
}

}  // namespace tenon::personality::ipc
