#include "personality/linux/keys/files.h"

#include <tenon/mm/slab.h>

#include "personality/linux/keys/keyring.h"
#include "personality/linux/keys/task_keys.h"

namespace tenon::personality::keys {

namespace {

using linux_keys::Listing;
using linux_keys::Setting;

void show_expiry(fmt::Sink& out, const Key& key) {
    if (key.expiry == 0) {
        out.write("perm");
        return;
    }
    const i64 left = key.expiry - now_seconds();
    if (left <= 0) {
        out.write("expd");
        return;
    }
    constexpr struct {
        i64 below, unit;
        char letter;
    } kScales[] = {{60, 1, 's'}, {3600, 60, 'm'}, {86400, 3600, 'h'}, {7 * 86400, 86400, 'd'}};
    i64 unit = 7 * 86400;
    char letter = 'w';
    for (const auto& scale : kScales) {
        if (left >= scale.below) continue;
        unit = scale.unit;
        letter = scale.letter;
        break;
    }
    fmt::print(out, "{:3}{}", left / unit, letter);
}

void show_key(fmt::Sink& out, const Key& key) {
    fmt::print(out, "{:08x} I{}-{}-{}{} {:5} ", static_cast<u32>(key.serial),
               key.revoked ? 'R' : '-', key.in_quota ? 'Q' : '-', key.negative ? 'N' : '-',
               key.invalidated ? 'i' : '-', key.ref_count());
    show_expiry(out, key);
    fmt::print(out, " {:08x} {:5} {:5} {:<9} {}", key.permissions, key.uid, shown_gid(key),
               key.type->name, key.description);
    if (key.negative) {
        // no contents
    } else if (key.is_keyring()) {
        if (key.links.empty())
            out.write(": empty");
        else
            fmt::print(out, ": {}", key.links.size());
    } else {
        fmt::print(out, ": {}", key.payload.size());
    }
    out.write("\n");
}

class KeyFiles final : public linux_keys::Files {
  public:
    Result<void> list(Listing what, fmt::Sink& out) override {
        Locked locked;
        if (what == Listing::key_users) {
            list_users(out);
            return {};
        }
        store().for_each_key([&](Key& key) {
            const bool possessed = search_own({key.index(), &key, true}).has_value();
            if (permit(key, possessed, Need::view)) show_key(out, key);
        });
        return {};
    }
    Result<u32> value(Setting which) override { return limit(which).load(); }
    Result<void> set(Setting which, u32 value) override {
        limit(which).store(value);
        if (which == Setting::gc_delay) {
            // What waits for a collection may have waited long enough.
            Locked locked;
            store().key_may_die_at(now_seconds());
        }
        return {};
    }

  private:
    static void list_users(fmt::Sink& out) {
        store().for_each_account([&](const Account& a) {
            if (a.keys == 0) return;
            fmt::print(out, "{:5}: {:5} {}/{} {}/{} {}/{}\n", a.uid, a.keys, a.keys, a.keys,
                       a.counted_keys, store().key_limit(a), a.counted_bytes,
                       store().byte_limit(a));
        });
    }
    static std::atomic<u32>& limit(Setting which) {
        Limits& limits = store().limits;
        switch (which) {
            case Setting::maxkeys:
                return limits.max_keys;
            case Setting::maxbytes:
                return limits.max_bytes;
            case Setting::root_maxkeys:
                return limits.root_max_keys;
            case Setting::root_maxbytes:
                return limits.root_max_bytes;
            case Setting::gc_delay:
                return limits.gc_delay_seconds;
            default:
                return limits.persistent_expiry_seconds;
        }
    }
};

}  // namespace

Result<module::Held> offer_files(module::Context& context) {
    return module::offer(context, linux_keys::kService,
                         std::unique_ptr<linux_keys::Files>(mm::make<KeyFiles>()));
}

}  // namespace tenon::personality::keys
