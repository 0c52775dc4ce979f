#include "personality/linux/exec/file_capabilities.h"

#include <cstring>

#include "personality/linux/abi.h"

namespace tenon::personality {

namespace {

// All forms begin alike; the third ends with the user that is root where they count.
struct Attribute {
    u32 magic;
    u32 set[2 * VFS_CAP_U32];  // permitted and inheritable by turns, low words first
    u32 root;
};
// XATTR_CAPS_SZ_n, whose macros name a type without our namespace.
constexpr usize kFirst = 12, kSecond = 20, kThird = sizeof(Attribute);
static_assert(kSecond == sizeof(uapi::vfs_cap_data) && kThird == sizeof(uapi::vfs_ns_cap_data));

// Words of each set; 0: these bytes are no attribute.
u32 words_of(const Attribute& a, usize size) {
    if (size < sizeof(a.magic)) return 0;
    switch (a.magic & VFS_CAP_REVISION_MASK) {
        case VFS_CAP_REVISION_1:
            return size == kFirst ? VFS_CAP_U32_1 : 0;
        case VFS_CAP_REVISION_2:
            return size == kSecond ? VFS_CAP_U32_2 : 0;
        case VFS_CAP_REVISION_3:
            return size == kThird ? VFS_CAP_U32_3 : 0;
        default:
            return 0;
    }
}
// Of a form that is written today, with no other flags.
bool is_current(const Attribute& a, usize size) {
    constexpr u32 known = VFS_CAP_REVISION_MASK | VFS_CAP_FLAGS_EFFECTIVE;
    return words_of(a, size) == VFS_CAP_U32 && (a.magic & ~known) == 0;
}

// Inode lock held. Error::nodata, opnotsupp: none.
Result<usize> read(vfs::Inode& inode, Attribute& out) {
    u8 bytes[sizeof(Attribute)] = {};
    TRY_ASSIGN(const usize size,
               inode.ops().call(&vfs::InodeOps::get_xattr, inode,
                                std::string_view(kCapabilityAttribute), std::span<u8>(bytes)));
    std::memcpy(&out, bytes, sizeof(out));
    return size;
}

}  // namespace

Result<FileCapabilities> file_capabilities(vfs::Inode& inode) {
    Attribute a;
    usize size;
    {
        sync::ReadGuard guard(inode.lock);
        Result<usize> got = read(inode, a);
        if (!got) return Err(got.error() == Error::opnotsupp ? Error::nodata : got.error());
        size = *got;
    }
    const u32 words = words_of(a, size);
    if (words == 0) return Err(Error::inval);
    // Those of another user namespace's root.
    if (size == kThird && a.root != 0) return Err(Error::nodata);
    FileCapabilities caps;
    for (u32 i = 0; i < words; ++i) {
        caps.permitted |= u64{a.set[2 * i]} << (32 * i);
        caps.inheritable |= u64{a.set[2 * i + 1]} << (32 * i);
    }
    caps.permitted &= process::kAllCapabilities;
    caps.inheritable &= process::kAllCapabilities;
    caps.effective = a.magic & VFS_CAP_FLAGS_EFFECTIVE;
    return caps;
}

Result<void> check_file_capabilities(std::span<const u8> value) {
    Attribute a{};
    std::memcpy(&a, value.data(), std::min(value.size(), sizeof(a)));
    return is_current(a, value.size()) ? Result<void>{} : Err(Error::inval);
}

Result<usize> show_file_capabilities(vfs::Inode& inode, std::span<u8> out) {
    Attribute a;
    TRY_ASSIGN(usize size, read(inode, a));
    if (!is_current(a, size)) return Err(Error::inval);
    // Root's own are shown in the second form.
    if (size == kThird && a.root == 0) {
        a.magic = VFS_CAP_REVISION_2 | (a.magic & VFS_CAP_FLAGS_EFFECTIVE);
        size = kSecond;
    }
    if (out.empty()) return size;
    if (out.size() < size) return Err(Error::range);
    std::memcpy(out.data(), &a, size);
    return size;
}

}  // namespace tenon::personality
