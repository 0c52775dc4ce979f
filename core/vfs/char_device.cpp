// Character device numbers: who opens which.
#include <tenon/vfs/char_device.h>

#include <cstring>

namespace tenon::vfs {

namespace {

struct Range {
    u32 major, first, count;
    char name[48];
    module::Gated<DeviceOpener> opener;
    Range* next;
};
constinit sync::Mutex table_lock{sync::LockRank::sleeping_leaf};
constinit Range* table = nullptr;

bool overlap(const Range& r, u32 major, u64 first, u64 count) {
    return r.major == major && first < u64{r.first} + r.count && r.first < first + count;
}

bool major_used_locked(u32 major) {
    for (Range* r = table; r != nullptr; r = r->next)
        if (r->major == major) return true;
    return false;
}

}  // namespace

Result<u32> register_char_device(u32 major, u32 first_minor, u32 count, std::string_view name,
                                 module::Gated<DeviceOpener> opener) {
    auto* range =
        new (std::nothrow) Range{major, first_minor, count, {}, std::move(opener), nullptr};
    if (range == nullptr) return Err(Error::nomem);
    usize n = std::min(name.size(), sizeof(range->name) - 1);
    std::memcpy(range->name, name.data(), n);
    sync::MutexGuard guard(table_lock);
    if (major == 0) {
        // The majors that Linux hands out itself: 254 downwards, then 511 downwards.
        for (u32 m = 254; m >= 234 && range->major == 0; m--)
            if (!major_used_locked(m)) range->major = m;
        for (u32 m = 511; m >= 384 && range->major == 0; m--)
            if (!major_used_locked(m)) range->major = m;
    }
    bool taken = range->major == 0;
    for (Range* r = table; r != nullptr && !taken; r = r->next)
        taken = overlap(*r, range->major, first_minor, count);
    if (taken) {
        delete range;
        return Err(Error::busy);
    }
    Range** link = &table;
    while (*link != nullptr && ((*link)->major < range->major ||
                                ((*link)->major == range->major && (*link)->first < first_minor)))
        link = &(*link)->next;
    range->next = *link;
    *link = range;
    return range->major;
}

void unregister_char_device(u32 major, u32 first_minor, u32 count) {
    Range* gone = nullptr;
    {
        sync::MutexGuard guard(table_lock);
        for (Range** link = &table; *link != nullptr; link = &(*link)->next) {
            Range* r = *link;
            if (r->major != major || r->first != first_minor || r->count != count) continue;
            *link = r->next;
            gone = r;
            break;
        }
    }
    // Open files hold handles of their own, which answer nodev once the owner's gate is closed.
    delete gone;
}

Result<module::Gated<FileOps>> open_char_device(DeviceNumber number, u32 open_flags) {
    module::Gated<DeviceOpener> opener;
    {
        sync::MutexGuard guard(table_lock);
        for (Range* r = table; r != nullptr; r = r->next)
            if (overlap(*r, number.major, number.minor, 1)) {
                opener = r->opener.alias();
                break;
            }
    }
    if (!opener) return Err(Error::nxio);
    return opener.call(&DeviceOpener::open, number, open_flags);
}

void for_each_char_device(void (*visit)(u32 major, std::string_view name, void*), void* context) {
    sync::MutexGuard guard(table_lock);
    u32 last = ~0u;
    const char* last_name = nullptr;
    for (Range* r = table; r != nullptr; r = r->next) {
        if (r->major == last && last_name != nullptr && std::strcmp(last_name, r->name) == 0)
            continue;
        visit(r->major, r->name, context);
        last = r->major;
        last_name = r->name;
    }
}

}  // namespace tenon::vfs
