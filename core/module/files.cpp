// Files of the root file system, as the loader reads them.
#include <tenon/mm/vmalloc.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>

#include "core/module/module.h"

namespace tenon::module {

FileBytes::~FileBytes() {
    if (data != nullptr) mm::vfree(data);
}

Result<FileBytes> read_whole_file(std::string_view path, usize limit_bytes) {
    // The kernel's own view, whoever asks: a worker has no root, a program may be in a chroot.
    TRY_ASSIGN(auto fs,
               process::FsContext::create(vfs::root_of_everything(), vfs::root_of_everything()));
    const auto credentials = process::Credentials::root();
    const vfs::LookupStart start{*fs, nullptr, *credentials};
    TRY_ASSIGN(auto file, vfs::open(start, path, vfs::OpenRequest{.flags = vfs::kOpenRead}));
    const u64 size = file->inode().size_bytes.load(std::memory_order_relaxed);
    if (size > limit_bytes) return Err(Error::fbig);
    FileBytes out;
    if (size == 0) return out;
    TRY_ASSIGN(void* memory, mm::vmalloc(size));
    out.data = static_cast<u8*>(memory);
    while (out.size_bytes < size) {
        auto buffer = vfs::IoBuffer::kernel(static_cast<void*>(out.data + out.size_bytes),
                                            size - out.size_bytes);
        TRY_ASSIGN(const usize n, file->read(buffer));
        if (n == 0) break;
        out.size_bytes += n;
    }
    return out;
}

}  // namespace tenon::module
