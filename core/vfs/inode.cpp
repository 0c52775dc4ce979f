// Inodes: attributes, permission, life.
//
// An inode lives as long as a dentry, an open file or its file system refers to it. With the last
// reference the page cache goes at once; the memory waits for a grace period, because lookups read
// mode and owner under RCU.
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>

#include "core/mm/page_alloc.h"
#include "core/vfs/internal.h"

namespace tenon::vfs {

namespace {
Timestamp now() {
    return Timestamp::of_ns(time::realtime_ns());
}
}  // namespace

void notify_slow(u32 event, Inode* directory, std::string_view name, Inode& inode, u32 cookie) {
    if (const FileHooks* hooks = file_hooks()) hooks->notify(event, directory, name, inode, cookie);
}

Inode::Inode(SuperBlock& super, u64 ino, Mode m, module::Gated<InodeOps> ops)
    : mode(m),
      lock(vfs::is_dir(m) ? sync::LockRank::vfs_parent : sync::LockRank::vfs_inode),
      super_(super),
      ino_(ino),
      ops_(std::move(ops)) {
    atime = mtime = ctime = btime = now();
    needs_revalidate_ = ops_ && ops_.call(&InodeOps::needs_revalidate);
}

Result<Ref<Inode>> Inode::make(SuperBlock& super, u64 ino, Mode mode, module::Gated<InodeOps> ops) {
    auto* made = new (mm::OpenToModules{}) Inode(super, ino, mode, std::move(ops));
    if (made == nullptr) return Err(Error::nomem);
    return adopt_ref(made);
}

Result<Ref<Inode>> Inode::make(SuperBlock& super, u64 ino, Mode mode, module::Gated<InodeOps> ops,
                               std::unique_ptr<InodeData> data) {
    if (!data) return Err(Error::nomem);
    module::Gate* gate = ops.gate();
    auto owned = module::Gated<InodeData>::own(std::move(data), gate);
    TRY_ASSIGN(Ref<Inode> made, make(super, ino, mode, std::move(ops)));
    made->data_ = std::move(owned);
    return made;
}

Inode::~Inode() {
    delete mapping_.load(std::memory_order_relaxed);
}

void Inode::on_last_ref() {
    if (locks.load(std::memory_order_relaxed) != nullptr)
        if (const FileHooks* hooks = file_hooks()) hooks->inode_gone(*this);
    if (ops_) ops_.call(&InodeOps::evict, *this);
    if (mm::Mapping* m = mapping_.exchange(nullptr, std::memory_order_acq_rel)) delete m;
    // Not in the grace period's callback, where a file system may not sleep.
    data_.reset();
    sync::rcu_delete<offsetof(Inode, rcu_)>(this);
}

mm::Mapping* Inode::mapping() {
    mm::Mapping* m = mapping_.load(std::memory_order_acquire);
    if (m != nullptr || page_source_ == nullptr) return m;
    auto* fresh = new (std::nothrow) mm::Mapping(page_source_);
    if (fresh == nullptr) return nullptr;
    if (mapping_.compare_exchange_strong(m, fresh, std::memory_order_acq_rel)) return fresh;
    delete fresh;
    return m;
}

void Inode::attach(void* what) {
    attached.store(what, std::memory_order_release);
}

void Inode::set_page_source(mm::PageSource* source) {
    page_source_ = source;
}

Attributes Inode::attributes() {
    (void)ops_.call(&InodeOps::refresh, *this);
    Attributes a;
    a.ino = ino_;
    a.mode = mode;
    a.nlink = nlink;
    a.uid = uid;
    a.gid = gid;
    a.device = super_.device;
    a.rdev = rdev;
    a.size_bytes = size_bytes.load(std::memory_order_relaxed);
    a.blocks_512 = blocks_512;
    a.block_size = super_.block_size;
    a.atime = atime;
    a.mtime = mtime;
    a.ctime = ctime;
    a.btime = btime;
    return a;
}

void Mount::note_access(Inode& inode) const {
    constexpr i64 kDaySeconds = 24 * 60 * 60, kSecondNs = 1'000'000'000;
    const u32 rules = flags.load(std::memory_order_relaxed);
    const Timestamp atime = inode.atime;
    if ((rules & kMountRelAtime) && atime > inode.mtime && atime > inode.ctime &&
        time::realtime_ns() / kSecondNs - kDaySeconds < atime.seconds) [[likely]]
        return;
    if ((rules & kMountNoAtime) || ((rules & kMountNoDirAtime) && inode.is_dir())) return;
    if (!is_read_only()) inode.touch_atime();
}

void Inode::touch_atime() {
    atime = now();
}
void Inode::touch_mtime() {
    mtime = ctime = now();
}
void Inode::touch_ctime() {
    ctime = now();
}

void Inode::apply(const AttributeChange& change) {
    using C = AttributeChange;
    ctime = now();
    if (change.which & C::uid_bit) uid = change.uid;
    if (change.which & C::gid_bit) gid = change.gid;
    if (change.which & C::mode_bit) mode = (mode & kTypeMask) | (change.mode & kPermMask);
    if (change.which & C::atime_now)
        atime = ctime;
    else if (change.which & C::atime_bit)
        atime = change.atime;
    if (change.which & C::mtime_now)
        mtime = ctime;
    else if (change.which & C::mtime_bit)
        mtime = change.mtime;
}

Result<void> InodeOps::set_attributes(Inode& inode, const AttributeChange& change) {
    if (change.which & AttributeChange::size_bit) return Err(Error::inval);
    inode.apply(change);
    return {};
}

Mode without_privilege(const Inode& inode, const process::Credentials& cred) {
    const Mode mode = inode.mode & ~kSetUid;
    // setgid without group execution is mandatory locking's old mark: the group's to set.
    const bool mark =
        (mode & 0010) == 0 && (cred.in_group(inode.gid) || cred.has(process::Capability::fsetid));
    return mark ? mode : mode & ~kSetGid;
}

void drop_privilege_attribute(Inode& inode) {
    if (const char* name = std::exchange(inode.privilege_attribute, nullptr); name != nullptr)
        (void)inode.ops().call(&InodeOps::remove_xattr, inode, std::string_view(name));
}

void drop_privilege(Inode& inode, const process::Credentials& cred) {
    if (!is_regular(inode.mode)) return;
    if (inode.privilege_attribute != nullptr) drop_privilege_attribute(inode);
    if (!cred.has(process::Capability::fsetid)) inode.mode = without_privilege(inode, cred);
}

Result<void> truncate_inode(Inode& inode, u64 size_bytes, const process::Credentials& cred) {
    sync::WriteGuard guard(inode.lock);
    u32 seals = inode.live_seals();
    u64 now = inode.size_bytes.load(std::memory_order_relaxed);
    if ((seals & Inode::kSealShrink) && size_bytes < now) return Err(Error::perm);
    if ((seals & Inode::kSealGrow) && size_bytes > now) return Err(Error::perm);
    AttributeChange change;
    change.which = AttributeChange::size_bit;
    change.size_bytes = size_bytes;
    drop_privilege(inode, cred);
    return inode.ops().call(&InodeOps::set_attributes, inode, change);
}

Result<void> permission(Inode& inode, u32 access, const process::Credentials& cred) {
    using process::Capability;
    Mode mode = inode.mode;
    u32 granted;
    if (cred.fsuid == inode.uid)
        granted = (mode >> 6) & 7;
    else if (cred.in_group(inode.gid))
        granted = (mode >> 3) & 7;
    else
        granted = mode & 7;
    if ((access & ~granted) == 0) return {};
    if (inode.mode_is_final) return Err(Error::acces);
    if (is_dir(mode)) {
        if (!(access & kMayWrite) && cred.has(Capability::dac_read_search)) return {};
        if (cred.has(Capability::dac_override)) return {};
        return Err(Error::acces);
    }
    if ((access & (kMayRead | kMayWrite | kMayExec)) == kMayRead &&
        cred.has(Capability::dac_read_search))
        return {};
    // Execution needs at least one x bit, whoever asks.
    if ((!(access & kMayExec) || (mode & 0111)) && cred.has(Capability::dac_override)) return {};
    return Err(Error::acces);
}

}  // namespace tenon::vfs
