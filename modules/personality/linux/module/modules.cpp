// init_module, finit_module, delete_module. Spec: the man pages of these names.
#include <tenon/mm/user_copy.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/loader.h>
#include <tenon/process/process.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/inode.h>

#include <cstring>
#include <memory>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

// <linux/module.h> of the user-space headers.
constexpr u32 kIgnoreVersions = 1, kIgnoreVermagic = 2, kCompressed = 4;
constexpr usize kMaxImageBytes = 256 << 20;
constexpr usize kMaxParameterBytes = 64 << 10;
constexpr usize kNameBytes = 56;  // MODULE_NAME_LEN
constexpr usize kElfHeaderBytes = 64;

struct Vfree {
    void operator()(u8* p) const { mm::vfree(p); }
};
using Image = std::unique_ptr<u8, Vfree>;

Result<Image> make_image(usize size_bytes) {
    if (size_bytes > kMaxImageBytes) return Err(Error::nomem);
    TRY_ASSIGN(void* memory, mm::vmalloc(size_bytes));
    return Image(static_cast<u8*>(memory));
}

Result<i64> load(std::span<const u8> image, u64 uargs, u32 flags) {
    std::unique_ptr<char[]> text(new (std::nothrow) char[kMaxParameterBytes]);
    if (!text) return Err(Error::nomem);
    TRY_ASSIGN(const usize length,
               mm::copy_string_from_user({text.get(), kMaxParameterBytes}, UserAddr{uargs},
                                         Error::inval));
    TRY(module::load_image(image, {text.get(), length}, flags));
    return 0;
}

bool may_load() {
    return process::capable(process::Capability::sys_module) &&
           setting(linux_settings::Setting::modules_disabled) == 0;
}

}  // namespace

Result<i64> sys_init_module(u64 umod, u64 len, u64 uargs) {
    if (!may_load()) return Err(Error::perm);
    if (len < kElfHeaderBytes) return Err(Error::noexec);
    TRY_ASSIGN(auto image, make_image(len));
    TRY(mm::copy_from_user(image.get(), UserAddr{umod}, len));
    return load({image.get(), len}, uargs, 0);
}

Result<i64> sys_finit_module(i32 fd, u64 uargs, u32 flags) {
    if (!may_load()) return Err(Error::perm);
    if ((flags & ~(kIgnoreVersions | kIgnoreVermagic | kCompressed)) != 0) return Err(Error::inval);
    TRY_ASSIGN(auto file, current()->files->get(fd));
    if (!file->readable()) return Err(Error::badf);
    if (!vfs::is_regular(file->inode().mode)) return Err(Error::inval);
    const u64 size = file->inode().size_bytes.load(std::memory_order_relaxed);
    if (size == 0) return Err(Error::inval);
    TRY_ASSIGN(auto image, make_image(size));
    usize have = 0;
    while (have < size) {
        auto buffer = vfs::IoBuffer::kernel(static_cast<void*>(image.get() + have), size - have);
        TRY_ASSIGN(const usize n, file->read_at(buffer, have));
        if (n == 0) break;
        have += n;
    }
    if (have != size) return Err(Error::io);
    if ((flags & kCompressed) != 0) return Err(Error::opnotsupp);
    u32 load_flags = 0;
    if ((flags & kIgnoreVersions) != 0) load_flags |= module::kLoadIgnoreVersions;
    if ((flags & kIgnoreVermagic) != 0) load_flags |= module::kLoadIgnoreVermagic;
    return load({image.get(), size}, uargs, load_flags);
}

Result<i64> sys_delete_module(u64 name_user, u32 flags) {
    if (!may_load()) return Err(Error::perm);
    char name[kNameBytes];
    auto length = mm::copy_string_from_user(name, UserAddr{name_user}, Error::noent);
    if (!length) return Err(length.error());
    u32 how = 0;
    if ((flags & O_TRUNC) != 0) how |= module::kUnloadForce;
    if ((flags & O_NONBLOCK) != 0) how |= module::kUnloadNonblock;
    TRY(module::unload({name, *length}, how));
    return 0;
}

}  // namespace tenon::personality
