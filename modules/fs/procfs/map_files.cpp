// /proc/PID/map_files: the files that are mapped, by range. Spec: man 5 proc; Linux
// fs/proc/base.c, proc_pid_readdir_map_files().
#include <tenon/mm/address_space.h>
#include <tenon/vfs/lookup.h>

#include "files.h"

namespace tenon::procfs {

namespace {

// Shared memory without a file of its own has a name all the same, and can be listed.
bool has_file(const mm::Vma& vma) {
    return vma.file || (vma.backing && vma.backing->mapping() != nullptr);
}

// Takes a hexadecimal number off `text`: no zeros before it, and as few digits as an address has.
Result<u64> take_address(std::string_view& text) {
    u64 value = 0;
    usize n = 0;
    for (; n < text.size() && n <= 16; ++n) {
        const char c = text[n];
        const i32 digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) break;
        value = value << 4 | static_cast<u64>(digit);
    }
    if (n == 0 || n > 16 || (n > 1 && text[0] == '0')) return Err(Error::noent);
    text.remove_prefix(n);
    return value;
}

// The mapping of just this range, if it has a file; the space is locked.
Result<const mm::Vma*> find_exact(mm::AddressSpace& space, UserRange range) {
    const mm::Vma* vma = space.find(range.start);
    if (vma == nullptr || vma->range.start != range.start || vma->range.end != range.end ||
        !has_file(*vma))
        return Err(Error::noent);
    return vma;
}

}  // namespace

Result<UserRange> parse_range(std::string_view name) {
    UserRange range;
    TRY_ASSIGN(range.start, take_address(name));
    if (name.empty() || name.front() != '-') return Err(Error::noent);
    name.remove_prefix(1);
    TRY_ASSIGN(range.end, take_address(name));
    if (!name.empty() || range.start >= range.end) return Err(Error::noent);
    return range;
}

Result<vfs::Mode> mapped_mode(const Subject& about) {
    const Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return Err(Error::noent);
    sync::ReadGuard guard(space->lock);
    TRY_ASSIGN(const mm::Vma* vma, find_exact(*space, about.range));
    if (!vma->file) return vfs::Mode{vfs::kSymlink | 0600};
    return static_cast<vfs::Mode>(vfs::kSymlink | (vma->file->readable() ? 0400 : 0) |
                                  (vma->file->writable() ? 0200 : 0));
}

Result<void> read_mappings(const Subject& about, vfs::DirSink& sink, u64& position) {
    const Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return {};
    for (;;) {
        UserRange range;
        {
            sync::ReadGuard guard(space->lock);
            const mm::Vma* vma = space->find(position);
            while (vma != nullptr && !has_file(*vma)) vma = space->next(const_cast<mm::Vma&>(*vma));
            if (vma == nullptr) return {};
            range = vma->range;
        }
        fmt::Line<40> name("{:x}-{:x}", range.start, range.end);
        if (!sink.entry(name.view(), range.start >> kPageShift, vfs::kSymlink, range.end))
            return {};
        position = range.end;
    }
}

namespace {

Result<Ref<vfs::File>> mapped_file(const Subject& about) {
    const Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return Err(Error::noent);
    sync::ReadGuard guard(space->lock);
    TRY_ASSIGN(const mm::Vma* vma, find_exact(*space, about.range));
    return vma->file;
}

Result<usize> link_mapped(const Subject& about, std::span<char> out) {
    TRY(may_look(about));
    TRY_ASSIGN(const Ref<vfs::File> file, mapped_file(about));
    if (file) return path_link(file->path(), out);
    const Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return Err(Error::noent);
    sync::ReadGuard guard(space->lock);
    TRY_ASSIGN(const mm::Vma* vma, find_exact(*space, about.range));
    if (!vma->backing) return Err(Error::noent);
    return link_text(vma->backing->name(), out);
}

// What was opened for mapping need not be within the caller's reach by any name. Error::noent for
// shared memory without a file: there is nothing to open.
Result<vfs::Path> follow_mapped(const Subject& about) {
    if (!process::capable(process::Capability::checkpoint_restore) &&
        !process::capable(process::Capability::sys_admin))
        return Err(Error::perm);
    TRY(may_look(about));
    TRY_ASSIGN(const Ref<vfs::File> file, mapped_file(about));
    if (!file) return Err(Error::noent);
    return file->path();
}

}  // namespace

constinit const Entry kMapLink = {
    .name = "", .mode = vfs::kSymlink | 0700, .link = link_mapped, .follow = follow_mapped};

}  // namespace tenon::procfs
