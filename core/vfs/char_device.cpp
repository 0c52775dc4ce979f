// Device numbers, character and block: who opens which.
#include <tenon/sync/revocation.h>
#include <tenon/vfs/char_device.h>

#include <cstring>

#include "core/module/crossing.h"

namespace tenon::vfs {

namespace {

struct Range : RefCounted<Range> {
    u32 major = 0, first = 0, count = 0;
    char name[48] = {};
    module::Gated<DeviceOpener> opener;
    sync::Revocation opens;  // calls to it
    Range* next = nullptr;
};

bool overlap(const Range& r, u32 major, u64 first, u64 count) {
    return r.major == major && first < u64{r.first} + r.count && r.first < first + count;
}

using Visit = void (*)(u32 major, std::string_view name, void*);

// Ranges by major, then first minor.
class NumberSpace {
  public:
    Result<u32> add(u32 major, u32 first_minor, u32 count, std::string_view name,
                    module::Gated<DeviceOpener> opener);
    void remove(u32 major, u32 first_minor, u32 count);
    Result<module::Gated<FileOps>> open(DeviceNumber number, u32 open_flags);
    void for_each(Visit visit, void* context);

  private:
    bool major_used_locked(u32 major) const {
        for (const Range* r = first_; r != nullptr; r = r->next)
            if (r->major == major) return true;
        return false;
    }
    sync::Mutex lock_{sync::LockRank::sleeping_leaf};
    Range* first_ = nullptr;
};

Result<u32> NumberSpace::add(u32 major, u32 first_minor, u32 count, std::string_view name,
                             module::Gated<DeviceOpener> opener) {
    Ref<Range> range = adopt_ref(new (std::nothrow) Range);
    if (!range) return Err(Error::nomem);
    range->major = major;
    range->first = first_minor;
    range->count = count;
    range->opener = std::move(opener);
    usize n = std::min(name.size(), sizeof(range->name) - 1);
    std::memcpy(range->name, name.data(), n);
    sync::MutexGuard guard(lock_);
    if (major == 0) {
        // The majors that Linux hands out itself: 254 downwards, then 511 downwards.
        for (u32 m = 254; m >= 234 && range->major == 0; m--)
            if (!major_used_locked(m)) range->major = m;
        for (u32 m = 511; m >= 384 && range->major == 0; m--)
            if (!major_used_locked(m)) range->major = m;
    }
    bool taken = range->major == 0;
    for (Range* r = first_; r != nullptr && !taken; r = r->next)
        taken = overlap(*r, range->major, first_minor, count);
    if (taken) return Err(Error::busy);
    Range** link = &first_;
    while (*link != nullptr && ((*link)->major < range->major ||
                                ((*link)->major == range->major && (*link)->first < first_minor)))
        link = &(*link)->next;
    range->next = *link;
    *link = range.release();
    return (*link)->major;
}

void NumberSpace::remove(u32 major, u32 first_minor, u32 count) {
    Ref<Range> gone;
    {
        sync::MutexGuard guard(lock_);
        for (Range** link = &first_; *link != nullptr; link = &(*link)->next) {
            Range* r = *link;
            if (r->major != major || r->first != first_minor || r->count != count) continue;
            *link = r->next;
            gone = adopt_ref(r);
            break;
        }
    }
    // Open files hold handles of their own, which answer nodev once the owner's gate is closed.
    if (!gone) return;
    gone->opens.revoke();
    gone->opener.reset();
}

Result<module::Gated<FileOps>> NumberSpace::open(DeviceNumber number, u32 open_flags) {
    Ref<Range> range;
    {
        sync::MutexGuard guard(lock_);
        for (Range* r = first_; r != nullptr; r = r->next)
            if (overlap(*r, number.major, number.minor, 1)) {
                range = Ref<Range>(r);
                break;
            }
    }
    if (!range) return Err(Error::nxio);
    const module::Uncut counted;
    const sync::Revocation::Call call(range->opens);
    if (!call) return Err(Error::nxio);
    return range->opener.call(&DeviceOpener::open, number, open_flags);
}

void NumberSpace::for_each(Visit visit, void* context) {
    sync::MutexGuard guard(lock_);
    u32 last = ~0u;
    const char* last_name = nullptr;
    for (Range* r = first_; r != nullptr; r = r->next) {
        if (r->major == last && last_name != nullptr && std::strcmp(last_name, r->name) == 0)
            continue;
        visit(r->major, r->name, context);
        last = r->major;
        last_name = r->name;
    }
}

constinit NumberSpace characters, blocks;

}  // namespace

Result<u32> register_char_device(u32 major, u32 first_minor, u32 count, std::string_view name,
                                 module::Gated<DeviceOpener> opener) {
    return characters.add(major, first_minor, count, name, std::move(opener));
}
void unregister_char_device(u32 major, u32 first_minor, u32 count) {
    characters.remove(major, first_minor, count);
}
Result<module::Gated<FileOps>> open_char_device(DeviceNumber number, u32 open_flags) {
    return characters.open(number, open_flags);
}
void for_each_char_device(Visit visit, void* context) {
    characters.for_each(visit, context);
}

Result<u32> register_block_device(u32 major, u32 first_minor, u32 count, std::string_view name,
                                  module::Gated<DeviceOpener> opener) {
    return blocks.add(major, first_minor, count, name, std::move(opener));
}
void unregister_block_device(u32 major, u32 first_minor, u32 count) {
    blocks.remove(major, first_minor, count);
}
Result<module::Gated<FileOps>> open_block_device(DeviceNumber number, u32 open_flags) {
    return blocks.open(number, open_flags);
}
void for_each_block_device(Visit visit, void* context) {
    blocks.for_each(visit, context);
}

}  // namespace tenon::vfs
