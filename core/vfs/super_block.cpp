// Super blocks and the registry of file system types.
#include <tenon/lib/assert.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/boot/init.h"
#include "core/mm/page_alloc.h"
#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"

namespace tenon::vfs {

namespace {

struct RegisteredType {
    module::Gated<FileSystemType> type;
    RegisteredType* next;
    // Told once: the object is not asked while locks are held.
    char name[32] = {};
    bool needs_device = false;
};
constinit sync::Mutex registry_lock{sync::LockRank::sleeping_leaf};
constinit RegisteredType* registry = nullptr;
constinit std::atomic<u64> anonymous_devices{0};  // a bit each: minors 1..63, then a counter
constinit std::atomic<u32> next_anonymous{1};

RegisteredType* find_type_locked(std::string_view name) {
    for (RegisteredType* t = registry; t != nullptr; t = t->next)
        if (t->name == name) return t;
    return nullptr;
}

}  // namespace

Result<Ref<SuperBlock>> SuperBlock::create(const FileSystemType& type,
                                           module::Gated<SuperOps> ops) {
    auto* super = new (mm::OpenToModules{}) SuperBlock(type.name(), std::move(ops));
    if (super == nullptr) return Err(Error::nomem);
    super->device = {0, next_anonymous.fetch_add(1, std::memory_order_relaxed)};
    return adopt_ref(super);
}

SuperBlock::SuperBlock(std::string_view type_name, module::Gated<SuperOps> ops)
    : ops_(std::move(ops)) {
    std::memcpy(type_name_, type_name.data(), std::min(type_name.size(), sizeof type_name_ - 1));
    if (module::Gate* gate = ops_.gate()) gate->pin();
}

SuperBlock::~SuperBlock() {
    if (module::Gate* gate = ops_.gate()) gate->unpin();
}

void SuperBlock::on_last_ref() {
    DentryCache::shrink_super(*this);
    root.reset();
    // Inodes refer to their super block until their grace period has passed.
    sync::rcu_barrier();
    delete this;
}

void release_super_block(void* super) {
    static_cast<SuperBlock*>(super)->unref();
}

u64 SuperBlock::next_ino() {
    return next_ino_.fetch_add(1, std::memory_order_relaxed);
}

Result<void> register_file_system(module::Gated<FileSystemType> type) {
    std::unique_ptr<RegisteredType> entry(new (std::nothrow)
                                              RegisteredType{std::move(type), nullptr});
    if (!entry) return Err(Error::nomem);
    const std::string_view name = entry->type.call(&FileSystemType::name);
    if (name.empty() || name.size() >= sizeof entry->name) return Err(Error::nametoolong);
    std::memcpy(entry->name, name.data(), name.size());
    entry->needs_device = entry->type.call(&FileSystemType::needs_device);
    {
        sync::MutexGuard guard(registry_lock);
        if (find_type_locked(name) != nullptr) return Err(Error::busy);
        RegisteredType** link = &registry;
        while (*link != nullptr) link = &(*link)->next;
        *link = entry.release();
    }
    return {};
}

void unregister_file_system(std::string_view name) {
    RegisteredType* gone = nullptr;
    {
        sync::MutexGuard guard(registry_lock);
        for (RegisteredType** link = &registry; *link != nullptr; link = &(*link)->next)
            if ((*link)->name == name) {
                gone = *link;
                *link = gone->next;
                break;
            }
    }
    delete gone;
    orphan_mounts(name);
}

void for_each_file_system(void (*visit)(std::string_view name, bool needs_device, void*),
                          void* context) {
    sync::MutexGuard guard(registry_lock);
    for (RegisteredType* t = registry; t != nullptr; t = t->next)
        visit(t->name, t->needs_device, context);
}

Result<Ref<SuperBlock>> mount_file_system(std::string_view name, std::string_view source, u32 flags,
                                          std::string_view data) {
    module::Gated<FileSystemType> type;
    {
        sync::MutexGuard guard(registry_lock);
        RegisteredType* t = find_type_locked(name);
        if (t == nullptr) return Err(Error::nodev);
        type = t->type.alias();
    }
    std::unique_ptr<char[]> kept(new (std::nothrow) char[data.size() + 1]);
    if (!kept) return Err(Error::nomem);
    std::memcpy(kept.get(), data.data(), data.size());
    kept[data.size()] = '\0';
    TRY_ASSIGN(Ref<SuperBlock> super, type.call(&FileSystemType::mount, source, flags, data));
    if (!super->options_) super->options_ = std::move(kept);  // one instance may be mounted often
    return super;
}

// The VFS comes up: caches, the root tmpfs, internal mounts.

namespace {

alignas(Path) constinit u8 root_storage[sizeof(Path)] = {};

Result<void> init_all() {
    TRY(DentryCache::init());
    TRY(MountTable::init());
    TRY(init_anonymous());
    TRY_ASSIGN(Ref<SuperBlock> super, make_rootfs());
    Ref<Dentry> dentry = super->root;
    TRY_ASSIGN(Ref<Mount> mount, MountTable::make(std::move(super), dentry, 0, "rootfs"));
    MountTable::set_top(mount);
    new (root_storage) Path(std::move(mount), std::move(dentry));
    return {};
}

}  // namespace

Path& root_of_everything() {
    return *reinterpret_cast<Path*>(root_storage);
}

void init() {
    if (!init_all()) panic("vfs: no memory for the root file system");
}

}  // namespace tenon::vfs
