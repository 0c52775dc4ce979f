#include <tenon/process/fs_context.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/vfs/dentry_cache.h"

namespace tenon::vfs {

Path::Path() = default;
Path::Path(Ref<Mount> m, Ref<Dentry> d) : mount(std::move(m)), dentry(std::move(d)) {}
Path::Path(const Path&) = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(Path other) noexcept {
    mount.swap(other.mount);
    dentry.swap(other.dentry);
    return *this;
}
Path::~Path() = default;

namespace {

// Writes text backwards from the end of a buffer.
class BackwardText {
  public:
    explicit BackwardText(std::span<char> buffer) : buffer_(buffer), at_(buffer.size()) {}
    bool prepend(std::string_view text) {
        if (text.size() > at_) return false;
        at_ -= text.size();
        std::memcpy(buffer_.data() + at_, text.data(), text.size());
        return true;
    }
    std::string_view text() const { return {buffer_.data() + at_, buffer_.size() - at_}; }
    bool empty() const { return at_ == buffer_.size(); }

  private:
    std::span<char> buffer_;
    usize at_;
};

// One try under RCU; false: the buffer is too small.
bool write_path(const Path& path, const Path& root, BackwardText& out) {
    const Mount* mount = path.mount.get();
    const Dentry* dentry = path.dentry.get();
    if (dentry->is_unlinked() && !out.prepend(" (deleted)")) return false;
    if (dentry->is_anonymous()) return out.prepend(dentry->name());
    bool any = false;
    for (;;) {
        if (mount == root.mount.get() && dentry == root.dentry.get()) break;
        if (dentry == mount->root.get() || dentry->parent() == nullptr) {
            const Mount* below = mount->parent.get();
            if (below == nullptr || !mount->attached()) {
                // Not under our root: a lazily unmounted tree, or a chroot from the outside.
                if (!any && !out.prepend("/")) return false;
                if (root.mount && !(mount == root.mount.get() && mount->parent.get() == nullptr &&
                                    root.dentry.get() == mount->root.get()))
                    return out.prepend("(unreachable)");
                return true;
            }
            dentry = mount->mount_point.get();
            mount = below;
            continue;
        }
        if (!out.prepend(dentry->name()) || !out.prepend("/")) return false;
        any = true;
        dentry = dentry->parent();
    }
    return any || out.prepend("/");
}

}  // namespace

Result<std::string_view> path_text(const Path& path, const Path& root, std::span<char> buffer) {
    for (;;) {
        u32 sequence = DentryCache::tree_sequence.read();
        BackwardText out(buffer);
        bool fits;
        {
            sync::RcuGuard rcu;
            fits = write_path(path, root, out);
        }
        if (TreeSequence::busy(sequence) || DentryCache::tree_sequence.changed(sequence)) continue;
        if (!fits) return Err(Error::nametoolong);
        return out.text();
    }
}

}  // namespace tenon::vfs
