#include <tenon/vfs/invalidate.h>

#include "core/vfs/dentry_cache.h"

namespace tenon::vfs {

void invalidate_child(Dentry& parent, std::string_view name) {
    Ref<Dentry> child = DentryCache::find(parent, name, DentryCache::hash_name(name));
    if (child) child->invalidate();
}

}  // namespace tenon::vfs
