// Mount propagation: peer groups and their slaves, and trees of mounts that are made, hung and
// taken down together with their images.
//
// Theory. Each mount names the group whose member it is (shared) and the group it gets events from
// (slave) by number; who else is in a group is found in the table. So nothing dangles when a mount
// goes, and all of this is a walk over the list of mounts, which is short. A mount that leaves a
// group becomes its slave; a group that loses its last member hands its slaves to its own master.
//
// Everything here runs under the mount table's lock.
// Spec: Linux Documentation/filesystems/sharedsubtree.rst, man 7 mount_namespaces.
#pragma once

#include <tenon/vfs/dentry.h>

namespace tenon::personality {

// A tree of mounts, parents first, each with a reference. Only its owner may use the mounts' links.
// Destroy it without the table's lock: last references sleep.
class MountTree {
  public:
    MountTree() = default;
    ~MountTree();
    TENON_NONCOPYABLE(MountTree);

    // `top` and what hangs below it.
    void collect(vfs::Mount& top);
    // A copy of what `top` shows at `root`: `top` again and, if `recursive`, all that is mounted
    // below that directory, unbindable trees aside. As clones: peers of shared ones. Error::nomem.
    Result<void> copy(vfs::Mount& top, const Ref<vfs::Dentry>& root, bool recursive);
    void add(Ref<vfs::Mount> mount);

    vfs::Mount* top() const { return first_; }
    static vfs::Mount* after(const vfs::Mount& mount) { return mount.chain; }
    usize count() const { return count_; }

  private:
    friend class Images;
    Result<void> copy_all(const MountTree& of);
    void insert_after(vfs::Mount& at, Ref<vfs::Mount> mount);
    vfs::Mount *first_ = nullptr, *last_ = nullptr;
    usize count_ = 0;
};

// Hangs `tree` at a place, and an image of it at every place that gets its events. `moving`: the
// tree hangs somewhere already. `made` keeps the images: declare it outside the lock.
// Error::nospc (too many mounts), nomem, noent, inval.
enum class Grafting : u8 { fresh, moving };
Result<void> graft(MountTree& tree, const vfs::Path& at, Grafting how, class Images& made);

// What graft() makes besides.
class Images {
  public:
    Images() = default;
    ~Images();
    TENON_NONCOPYABLE(Images);

  private:
    friend Result<void> graft(MountTree&, const vfs::Path&, Grafting, Images&);
    struct Image {
        MountTree tree;
        vfs::Mount* at = nullptr;  // attached: the table keeps it
        Image* next = nullptr;
    };
    Result<Image*> make(const MountTree& source, vfs::Mount& at, bool as_slave);
    Result<void> follow_group(const MountTree& source, u32 group, const vfs::Mount* skip,
                              const vfs::Dentry& point);
    Result<void> find(const MountTree& source, vfs::Mount& parent, const vfs::Dentry& point);
    void hang(const Ref<vfs::Dentry>& point);
    Image *first_ = nullptr, *last_ = nullptr;
    usize count_ = 0;
};

// Whether something uses `mount`, or the image of it that would go with it, so that umount(2)
// answers EBUSY. `own`: references of the caller and the table.
bool in_use(const vfs::Mount& mount, u32 own);
// Takes `tree` down, with the images of its mounts that have nothing else below them. `gone` keeps
// the latter: declare it outside the lock.
void take_down(MountTree& tree, MountTree& gone);

enum class Propagation : u8 { is_private, shared, slave, unbindable };
void change_propagation(MountTree& tree, Propagation to);
bool tree_has_unbindable(const MountTree& tree);

inline bool is_shared(const vfs::Mount& mount) {
    return mount.peer_group != 0;
}
inline bool is_unbindable(const vfs::Mount& mount) {
    return (mount.flags.load(std::memory_order_relaxed) & vfs::kMountUnbindable) != 0;
}

}  // namespace tenon::personality
