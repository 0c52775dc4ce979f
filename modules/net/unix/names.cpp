// Where endpoints are found: nodes in the file system, and abstract names. Spec: man 7 unix,
// "Address format".
#include <tenon/process/process.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/inode.h>

#include <algorithm>
#include <cstring>

#include "endpoint.h"

namespace tenon::net::local {

namespace {

constexpr u32 kBuckets = 64;
constexpr usize kPathOffset = 2, kPathBytes = 108;
constinit sync::Mutex names_lock{sync::LockRank::sleeping_leaf};
constinit Endpoint* g_abstract[kBuckets] = {};
constinit u32 g_next_automatic = 1;

u32 bucket_of(const Address& a) {
    u32 h = 2166136261u;
    for (u32 i = 0; i < a.length; ++i) h = (h ^ a.bytes[i]) * 16777619u;
    return h % kBuckets;
}

bool is_abstract(const Address& a) {
    return a.length > kPathOffset && a.bytes[kPathOffset] == 0;
}

std::string_view path_of(const Address& a) {
    const std::string_view text(reinterpret_cast<const char*>(a.bytes) + kPathOffset,
                                std::min<usize>(a.length - kPathOffset, kPathBytes));
    return text.substr(0, text.find('\0'));
}

Endpoint* find_abstract_locked(const Address& a, Kind kind) {
    for (Endpoint* e = g_abstract[bucket_of(a)]; e != nullptr; e = e->name_next)
        if (e->name.length == a.length && e->kind == kind &&
            std::memcmp(e->name.bytes, a.bytes, a.length) == 0)
            return e;
    return nullptr;
}

Result<void> bind_abstract(Endpoint& endpoint, const Address& address) {
    sync::MutexGuard guard(names_lock);
    if (endpoint.name.length != 0) return Err(Error::inval);
    if (find_abstract_locked(address, endpoint.kind) != nullptr) return Err(Error::addrinuse);
    endpoint.name = address;
    endpoint.named = true;
    Endpoint*& head = g_abstract[bucket_of(address)];
    endpoint.name_next = head;
    head = &endpoint;
    return {};
}

}  // namespace

Result<void> check_address(const Address& address) {
    if (address.family() != kFamilyUnix || address.length > kPathOffset + kPathBytes ||
        address.length <= kPathOffset)
        return Err(Error::inval);
    return {};
}

Result<void> bind_name(Endpoint& endpoint, const Address& address) {
    if (address.length == kPathOffset && address.family() == kFamilyUnix)
        return bind_automatically(endpoint);
    TRY(check_address(address));
    if (is_abstract(address)) return bind_abstract(endpoint, address);
    const std::string_view path = path_of(address);
    const auto start = vfs::lookup_start_of_current();
    if (auto r = vfs::make_node(start, path, vfs::kSocket | 0777, {}); !r)
        return Err(r.error() == Error::exist ? Error::addrinuse : r.error());
    TRY_ASSIGN(vfs::Path node, vfs::lookup(start, path, 0));
    // After the node, as Linux: a name that is taken is told first.
    const auto attach = [&] {
        sync::MutexGuard guard(names_lock);
        if (endpoint.name.length != 0) return false;
        endpoint.name = address;
        // As Linux tells it back: with the final NUL.
        endpoint.name.length = static_cast<u32>(kPathOffset + path.size() + 1);
        endpoint.name.bytes[std::min<usize>(kPathOffset + path.size(), sizeof(address.bytes) - 1)] =
            0;
        endpoint.named = true;
        endpoint.node = std::move(node);
        endpoint.node.dentry->inode()->attach(&endpoint);
        return true;
    };
    if (attach()) return {};
    (void)vfs::unlink(start, path, vfs::UnlinkKind::file);
    return Err(Error::inval);
}

Result<void> bind_automatically(Endpoint& endpoint) {
    if (endpoint.named) return {};
    for (u32 tries = 0; tries < 0x100000; ++tries) {
        Address a;
        a.bytes[0] = kFamilyUnix;
        const u32 number = __atomic_fetch_add(&g_next_automatic, 1, __ATOMIC_RELAXED) & 0xfffff;
        const fmt::Line<8> digits("{:05x}", number);
        std::memcpy(a.bytes + kPathOffset + 1, digits.view().data(), 5);
        a.length = kPathOffset + 6;
        auto r = bind_abstract(endpoint, a);
        if (r || r.error() != Error::addrinuse) return r;
    }
    return Err(Error::nospc);
}

void unbind_name(Endpoint& endpoint) {
    vfs::Path node;
    sync::MutexGuard guard(names_lock);
    if (endpoint.node) {
        endpoint.node.dentry->inode()->attach(nullptr);
        std::swap(node.mount, endpoint.node.mount);
        std::swap(node.dentry, endpoint.node.dentry);
    } else if (is_abstract(endpoint.name)) {
        for (Endpoint** link = &g_abstract[bucket_of(endpoint.name)]; *link != nullptr;
             link = &(*link)->name_next) {
            if (*link != &endpoint) continue;
            *link = endpoint.name_next;
            break;
        }
    }
}

Result<Ref<Endpoint>> find_name(const Address& address, Kind kind) {
    TRY(check_address(address));
    Ref<Endpoint> found;
    if (is_abstract(address)) {
        sync::MutexGuard guard(names_lock);
        Endpoint* e = find_abstract_locked(address, kind);
        if (e == nullptr || !e->try_ref()) return Err(Error::connrefused);
        return adopt_ref(e);
    }
    const auto start = vfs::lookup_start_of_current();
    TRY_ASSIGN(vfs::Path path, vfs::lookup(start, path_of(address), vfs::kLookupFollow));
    vfs::Inode& inode = *path.dentry->inode();
    TRY(vfs::permission(inode, vfs::kMayWrite, process::current_credentials()));
    if ((inode.mode & vfs::kTypeMask) != vfs::kSocket) return Err(Error::connrefused);
    {
        sync::MutexGuard guard(names_lock);
        auto* e = static_cast<Endpoint*>(inode.attached.load(std::memory_order_acquire));
        if (e == nullptr || !e->try_ref()) return Err(Error::connrefused);
        found = adopt_ref(e);
    }
    if (found->kind != kind) return Err(Error::prototype);
    return found;
}

Address name_of(Endpoint& endpoint) {
    sync::MutexGuard guard(names_lock);
    return endpoint.name;
}

}  // namespace tenon::net::local
