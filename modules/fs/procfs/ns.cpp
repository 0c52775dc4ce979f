// /proc/PID/ns: the name spaces of a task. There is one of each kind, the initial one.
//
// A link leads to a file of a file system of its own, whose number is the name space's: programs
// compare numbers to learn whether two tasks share it.
// Spec: man 7 namespaces; Linux include/linux/proc_ns.h for the numbers.
#include "ns.h"

#include <tenon/vfs/dentry.h>

#include <algorithm>

#include "files.h"

namespace tenon::procfs {

namespace {

constexpr u64 kNsfsMagic = 0x6e736673;

class NsType final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "nsfs"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view) override {
        return Err(Error::inval);
    }
};
class NsSuper final : public vfs::SuperOps {};
// Nothing can be read of it; it is there to be compared.
class NsFile final : public vfs::FileOps {};
constinit NsType ns_type;
constinit NsSuper ns_super;
constinit NsFile ns_file;

class NsInode final : public vfs::InodeOps {
  public:
    // It is immutable, to whoever writes.
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode&, u32 flags) override {
        if (flags & vfs::kOpenWrite) return Err(Error::perm);
        return module::Gated<vfs::FileOps>::borrow(static_cast<vfs::FileOps*>(&ns_file));
    }
};
constinit NsInode ns_inode;

// Made with the module, and given back with it.
constinit std::atomic<vfs::SuperBlock*> super_block{nullptr};

struct Kind {
    std::string_view name;  // of what it is a name space
    u64 ino;
};
constexpr Kind kCgroup{"cgroup", 4026531835}, kIpc{"ipc", 4026531839}, kMnt{"mnt", 4026531841},
    kNet{"net", 4026531840}, kPid{"pid", 4026531836}, kTime{"time", 4026531834},
    kUser{"user", 4026531837}, kUts{"uts", 4026531838};

// A process that has ended is in the name spaces of pids and users still.
template <const Kind& K>
Result<void> is_in(const Subject& about) {
    const bool kept = &K == &kPid || &K == &kUser;
    if (!kept && !process::fs_of(*about.task)) return Err(Error::noent);
    return {};
}

template <const Kind& K>
Result<usize> link_ns(const Subject& about, std::span<char> out) {
    TRY(may_look(about));
    TRY(is_in<K>(about));
    const fmt::Line<32> text("{}:[{}]", K.name, K.ino);
    return link_text(text.view(), out);
}

template <const Kind& K>
Result<vfs::Path> follow_ns(const Subject& about) {
    TRY(may_look(about));
    TRY(is_in<K>(about));
    Ref<vfs::SuperBlock> super(super_block.load(std::memory_order_acquire));
    if (!super) return Err(Error::noent);
    TRY_ASSIGN(Ref<vfs::Inode> inode,
               vfs::Inode::make(
                   *super, K.ino, vfs::kRegular | 0444,
                   module::Gated<vfs::InodeOps>::borrow(static_cast<vfs::InodeOps*>(&ns_inode))));
    const fmt::Line<32> name("{}:[{}]", K.name, K.ino);
    TRY_ASSIGN(Ref<vfs::Dentry> dentry, vfs::Dentry::make_anonymous(std::move(inode), name.view()));
    Ref<vfs::Dentry> root = super->root;
    TRY_ASSIGN(Ref<vfs::Mount> mount,
               vfs::MountTable::make(std::move(super), std::move(root), 0, "nsfs"));
    return vfs::Path(std::move(mount), std::move(dentry));
}

template <const Kind& K>
constexpr Entry link(std::string_view name = K.name) {
    return {.name = name, .mode = vfs::kSymlink | 0777, .link = link_ns<K>, .follow = follow_ns<K>};
}

constexpr Entry kEntries[] = {
    link<kCgroup>(), link<kIpc>(),
    link<kMnt>(),    link<kNet>(),
    link<kPid>(),    link<kPid>("pid_for_children"),
    link<kTime>(),   link<kTime>("time_for_children"),
    link<kUser>(),   link<kUts>(),
};

}  // namespace

constinit const Entry kNsDir = directory("ns", kEntries, 0511);

Result<module::Held> make_ns_files(module::Context& context) {
    TRY_ASSIGN(Ref<vfs::SuperBlock> super,
               vfs::SuperBlock::create(ns_type, module::Gated<vfs::SuperOps>::borrow(
                                                    static_cast<vfs::SuperOps*>(&ns_super))));
    super->magic = kNsfsMagic;
    TRY_ASSIGN(Ref<vfs::Inode> inode,
               vfs::Inode::make(
                   *super, 1, vfs::kDirectory | 0555,
                   module::Gated<vfs::InodeOps>::borrow(static_cast<vfs::InodeOps*>(&ns_inode))));
    TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(inode)));
    TRY_ASSIGN(module::Held kept,
               context.hold("name spaces", &vfs::release_super_block, super.get()));
    super_block.store(super.release(), std::memory_order_release);
    return kept;
}

void forget_ns_files() {
    super_block.store(nullptr, std::memory_order_release);
}

}  // namespace tenon::procfs
