// Unpacks the initrd into the root tmpfs, straight into its directories.
//
// A file whose contents start on a page is not copied: its frames become its page cache. The last
// of them usually also holds the next header; what stands behind the contents is cleared once
// everything else in that page was used. Frames that no
// file took go back to the allocator. Damage ends the unpacking with a message; what came before
// it stays.
#include <tenon/arch/page_table.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/vfs/cpio.h"
#include "core/vfs/internal.h"
#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs {

namespace {

// Files with several names, until the end of their archive.
struct HardLink {
    u64 ino;
    u32 dev_major, dev_minor;
    Ref<Inode> inode;
    HardLink* next;
};

class Unpacker {
  public:
    Unpacker(std::span<const u8> archive, Inode& root)
        : archive_(archive), reader_(archive), root_(root) {}
    ~Unpacker() { forget_links(); }

    // The number of entries; what went wrong is logged.
    u64 run() {
        cpio::Entry entry;
        u64 count = 0, failed = 0;
        u32 archive = 0;
        for (;;) {
            // Nothing that was read stands in it any more.
            if (tail_ != 0 && reader_.offset() >= align_up(tail_, kPageSize)) clear_tail();
            if (!reader_.next(entry)) break;
            if (reader_.archive_number() != archive) {
                forget_links();
                archive = reader_.archive_number();
            }
            Result<void> done = unpack(entry);
            if (done) {
                count++;
                continue;
            }
            if (failed++ < 5) log::err("initrd: {}: {}: left out", entry.name, done.error());
        }
        if (failed > 5) log::err("initrd: {} entries were left out", failed);
        if (reader_.end() != cpio::End::finished)
            log::err("initrd: {} at byte {} of {}: kept the {} entries before it",
                     cpio::describe(reader_.end()), reader_.offset(), archive_.size(), count);
        clear_tail();
        release_to(align_up(archive_.size(), kPageSize));
        return count;
    }

  private:
    Result<Inode*> directory_of(std::string_view path, std::string_view& name);
    Result<void> unpack(const cpio::Entry& entry);
    Result<void> fill(tmpfs::Node& node, const cpio::Entry& entry);
    bool adopt(tmpfs::Node& node, const cpio::Entry& entry);
    void clear_tail() {
        std::memset(const_cast<u8*>(archive_.data()) + tail_, 0,
                    align_up(tail_, kPageSize) - tail_);
        tail_ = 0;
    }
    HardLink* find_link(const cpio::Entry& entry);
    void forget_links();
    // Frames before `offset` that nobody took.
    void release_to(u64 offset);
    PhysAddr phys_at(u64 offset) const { return arch::virt_to_phys(archive_.data() + offset); }

    std::span<const u8> archive_;
    cpio::Reader reader_;
    Inode& root_;
    HardLink* links_[64] = {};
    u64 tail_ = 0;  // where contents end inside the last adopted page; 0: nowhere
    u64 released_ = 0;
    char last_prefix_text_[256];  // a copy: the archive goes as it is read
    std::string_view last_prefix_;
    Inode* last_directory_ = nullptr;
};

// The directory that holds `path`, made if the archive forgot it.
Result<Inode*> Unpacker::directory_of(std::string_view path, std::string_view& name) {
    usize slash = path.rfind('/');
    name = slash == path.npos ? path : path.substr(slash + 1);
    std::string_view prefix = slash == path.npos ? std::string_view() : path.substr(0, slash);
    if (name.empty() || name.size() > kNameMax || name == "." || name == "..")
        return Err(Error::inval);
    if (last_directory_ != nullptr && prefix == last_prefix_) return last_directory_;
    Inode* at = &root_;
    std::string_view rest = prefix;
    while (!rest.empty()) {
        usize end = rest.find('/');
        std::string_view part = rest.substr(0, end);
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        if (part.empty() || part == ".") continue;
        if (part == ".." || part.size() > kNameMax) return Err(Error::inval);
        Inode* next = tmpfs::find_entry(*at, part);
        if (next == nullptr) {
            CreateRequest request;
            request.mode = kDirectory | 0755;
            TRY_ASSIGN(Ref<Inode> made, tmpfs::make_inode(root_.super(), request));
            next = made.get();
            TRY(tmpfs::add_entry(*at, part, std::move(made)));
        }
        if (!next->is_dir()) return Err(Error::notdir);
        at = next;
    }
    last_directory_ = nullptr;
    if (prefix.size() <= sizeof(last_prefix_text_)) {
        prefix.copy(last_prefix_text_, prefix.size());
        last_prefix_ = {last_prefix_text_, prefix.size()};
        last_directory_ = at;
    }
    return at;
}

Result<void> Unpacker::unpack(const cpio::Entry& entry) {
    auto set_attributes = [&](Inode& inode) {
        inode.mode = (inode.mode & kTypeMask) | (entry.mode & kPermMask);
        inode.uid = entry.uid;
        inode.gid = entry.gid;
        inode.mtime = inode.atime = {static_cast<i64>(entry.mtime_s), 0};
    };
    if (entry.name.empty()) {
        if (is_dir(entry.mode)) set_attributes(root_);
        return {};
    }
    std::string_view name;
    TRY_ASSIGN(Inode * directory, directory_of(entry.name, name));
    Inode* old = tmpfs::find_entry(*directory, name);
    if (old != nullptr && old->is_dir()) {
        if (!is_dir(entry.mode)) return Err(Error::isdir);
        set_attributes(*old);
        return {};
    }
    HardLink* link = entry.nlink > 1 && !is_dir(entry.mode) ? find_link(entry) : nullptr;
    if (old != nullptr) {
        if (link != nullptr && link->inode.get() == old) return {};
        old->nlink--;
        TRY(tmpfs::remove_entry(*directory, name));
    }
    if (link != nullptr && link->inode) {
        TRY(tmpfs::add_entry(*directory, name, link->inode));
        link->inode->nlink++;
        if (is_regular(entry.mode) && !entry.data.empty())
            TRY(fill(static_cast<tmpfs::Node&>(*link->inode), entry));
        set_attributes(*link->inode);
        return {};
    }
    switch (entry.mode & kTypeMask) {
        case kRegular:
        case kDirectory:
        case kSymlink:
        case kCharDevice:
        case kBlockDevice:
        case kFifo:
        case kSocket:
            break;
        default:
            return Err(Error::inval);
    }
    CreateRequest request;
    request.mode = entry.mode;
    request.rdev = {entry.rdev_major, entry.rdev_minor};
    if (is_symlink(entry.mode)) {
        if (entry.data.empty() || entry.data.size() >= kPathMax) return Err(Error::inval);
        request.target = {reinterpret_cast<const char*>(entry.data.data()), entry.data.size()};
    }
    TRY_ASSIGN(Ref<Inode> made, tmpfs::make_inode(root_.super(), request));
    Inode& inode = *made;
    if (link != nullptr) link->inode = made;
    TRY(tmpfs::add_entry(*directory, name, std::move(made)));
    if (is_regular(entry.mode) && !entry.data.empty())
        TRY(fill(static_cast<tmpfs::Node&>(inode), entry));
    set_attributes(inode);
    return {};
}

Result<void> Unpacker::fill(tmpfs::Node& node, const cpio::Entry& entry) {
    mm::Mapping* mapping = node.mapping();
    if (mapping == nullptr) return Err(Error::nomem);
    if (adopt(node, entry)) {
        node.size_bytes = entry.data.size();
        node.settle_pages();
        return {};
    }
    for (u64 at = 0; at < entry.data.size(); at += kPageSize) {
        TRY_ASSIGN(mm::Page * page, mapping->get(at >> kPageShift, true));
        std::memcpy(mm::page_address(page), entry.data.data() + at,
                    std::min<u64>(kPageSize, entry.data.size() - at));
        mapping->mark_dirty(page);
        mm::page_unref(page);
        node.size_bytes = std::min<u64>(at + kPageSize, entry.data.size());
    }
    node.settle_pages();
    return {};
}

bool Unpacker::adopt(tmpfs::Node& node, const cpio::Entry& entry) {
    if (!is_aligned(reinterpret_cast<uptr>(entry.data.data()), kPageSize)) return false;
    mm::Mapping& mapping = *node.mapping();
    if (mapping.page_count() != 0) return false;
    u64 end = entry.data_offset + entry.data.size();
    u64 pages = align_up(entry.data.size(), kPageSize) >> kPageShift;
    clear_tail();
    tail_ = end;
    release_to(entry.data_offset);
    released_ = entry.data_offset + pages * kPageSize;
    mapping.adopt_extent(Pfn::of(phys_at(entry.data_offset)), pages);
    return true;
}

void Unpacker::release_to(u64 offset) {
    offset = align_down(offset, kPageSize);
    if (offset <= released_) return;
    mm::release_boot_memory(phys_at(released_), offset - released_);
    released_ = offset;
}

// The entry's place among the files with several names; `inode` is null for the first.
HardLink* Unpacker::find_link(const cpio::Entry& entry) {
    HardLink*& bucket = links_[entry.ino % std::size(links_)];
    for (HardLink* l = bucket; l != nullptr; l = l->next)
        if (l->ino == entry.ino && l->dev_major == entry.dev_major &&
            l->dev_minor == entry.dev_minor)
            return l;
    auto* fresh =
        new (std::nothrow) HardLink{entry.ino, entry.dev_major, entry.dev_minor, {}, bucket};
    if (fresh != nullptr) bucket = fresh;
    return fresh;
}

void Unpacker::forget_links() {
    for (HardLink*& bucket : links_)
        while (HardLink* l = bucket) {
            bucket = l->next;
            delete l;
        }
}

}  // namespace

Result<void> init_root(std::span<const u8> initrd) {
    Inode& root = *root_of_everything().dentry->inode();
    Unpacker unpacker(initrd, root);
    u64 count = unpacker.run();
    log::info("initrd: {} entries, {} KiB", count, initrd.size() / 1024);
    if (count == 0) return Err(Error::inval);
    return {};
}

}  // namespace tenon::vfs
