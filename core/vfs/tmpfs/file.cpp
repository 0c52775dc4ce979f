// Reading, writing and mapping tmpfs files: copies between the page cache and the caller.
//
// No page is locked while bytes are copied, so a fault of the user buffer, even on a page of the
// same file, is resolved like any other.
#include <tenon/mm/page.h>
#include <tenon/process/task.h>

#include "core/vfs/internal.h"
#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs::tmpfs {

namespace {

Node& node_of(File& file) {
    return static_cast<Node&>(file.inode());
}

void note_read(File& file) {
    if (!(file.flags() & kOpenNoAtime)) file.path().mount->note_access(file.inode());
}

class RegularOps final : public FileOps {
  public:
    Result<usize> read(File& file, IoBuffer& buffer, u64& position) override {
        Inode& inode = file.inode();
        u64 size = inode.size_bytes.load(std::memory_order_acquire);
        buffer.truncate(position < size ? size - position : 0);
        mm::Mapping* mapping = inode.mapping_if_any();
        usize done = 0;
        while (buffer.remaining() != 0) {
            usize offset = position & (kPageSize - 1);
            usize part = std::min(buffer.remaining(), kPageSize - offset);
            mm::Page* page = mapping != nullptr ? mapping->find(position >> kPageShift) : nullptr;
            Result<usize> moved = buffer.put_zeros(0);
            if (page != nullptr) {
                moved = buffer.put(static_cast<u8*>(mm::page_address(page)) + offset, part);
                mm::page_unref(page);
            } else {
                moved = buffer.put_zeros(part);
            }
            if (!moved) {
                if (done == 0) return moved;
                break;
            }
            done += *moved;
            position += *moved;
            if (*moved < part) break;
        }
        note_read(file);
        return done;
    }

    Result<usize> write(File& file, IoBuffer& buffer, u64& position) override {
        Node& node = node_of(file);
        mm::Mapping* mapping = node.mapping();
        if (mapping == nullptr) return Err(Error::nomem);
        if (position + buffer.remaining() < position ||
            position + buffer.remaining() > (u64{1} << 62))
            return Err(Error::fbig);
        usize done = 0;
        Error failed = Error::none;
        u64 pages_before = mapping->page_count();
        while (buffer.remaining() != 0) {
            usize offset = position & (kPageSize - 1);
            usize part = std::min(buffer.remaining(), kPageSize - offset);
            Result<mm::Page*> page = mapping->get(position >> kPageShift, true);
            if (!page) {
                failed = page.error();
                break;
            }
            Result<usize> moved =
                buffer.get(static_cast<u8*>(mm::page_address(*page)) + offset, part);
            mapping->mark_dirty(*page);
            mm::page_unref(*page);
            if (!moved) {
                failed = moved.error();
                break;
            }
            done += *moved;
            position += *moved;
            if (position > node.size_bytes.load(std::memory_order_relaxed))
                node.size_bytes.store(position, std::memory_order_release);
            if (*moved < part) {
                failed = Error::fault;
                break;
            }
        }
        if (mapping->page_count() != pages_before) node.settle_pages();
        if (done == 0 && failed != Error::none) return Err(failed);
        node.touch_mtime();
        return done;
    }

    Result<u64> seek(File& file, i64 offset, Whence whence) override {
        if (whence != Whence::data && whence != Whence::hole)
            return FileOps::seek(file, offset, whence);
        Inode& inode = file.inode();
        u64 size = inode.size_bytes.load(std::memory_order_relaxed);
        if (offset < 0 || static_cast<u64>(offset) >= size) return Err(Error::nxio);
        u64 from = static_cast<u64>(offset);
        mm::Mapping* mapping = inode.mapping_if_any();
        u64 index = from >> kPageShift;
        if (whence == Whence::data) {
            u64 found = mapping != nullptr ? mapping->next_present(index) : ~u64{0};
            if (found == ~u64{0} || found << kPageShift >= size) return Err(Error::nxio);
            return found == index ? from : found << kPageShift;
        }
        u64 hole = mapping != nullptr ? mapping->next_absent(index) : index;
        if (hole == index) return from;
        return std::min(hole << kPageShift, size);
    }

    Result<void> map(File& file, mm::MapRequest& request) override {
        Inode& inode = file.inode();
        if (mm::has(request.flags, mm::VmaFlags::shared)) {
            u32 sealed = inode.live_seals() & (Inode::kSealWrite | Inode::kSealFutureWrite);
            if (sealed != 0) {
                if (mm::has(request.prot, mm::Prot::write)) return Err(Error::perm);
                request.max_prot = mm::Prot::read | mm::Prot::exec;
            }
        }
        if (inode.mapping() == nullptr) return Err(Error::nomem);
        note_read(file);
        return {};
    }

    Result<void> allocate(File& file, u32 mode, u64 offset, u64 length) override {
        Node& node = node_of(file);
        constexpr u32 known = kAllocateKeepSize | kAllocatePunchHole;
        if (mode & ~known) return Err(Error::opnotsupp);
        mm::Mapping* mapping = node.mapping();
        if (mapping == nullptr) return Err(Error::nomem);
        sync::WriteGuard guard(node.lock);
        drop_privilege(node, *current()->credentials);
        u32 seals = node.live_seals();
        if (mode & kAllocatePunchHole) {
            if (!(mode & kAllocateKeepSize)) return Err(Error::opnotsupp);
            if (seals & (Inode::kSealWrite | Inode::kSealFutureWrite)) return Err(Error::perm);
            mapping->punch(offset, offset + length);
            node.settle_pages();
            node.touch_mtime();
            return {};
        }
        u64 size = node.size_bytes.load(std::memory_order_relaxed);
        if ((seals & Inode::kSealGrow) && offset + length > size) return Err(Error::perm);
        u64 first = offset >> kPageShift, end = align_up(offset + length, kPageSize) >> kPageShift;
        if (end - first > node.state().room_pages()) return Err(Error::nospc);
        for (u64 i = first; i < end; i++) {
            Result<mm::Page*> page = mapping->get(i, true);
            if (!page) {
                node.settle_pages();
                return Err(page.error());
            }
            mm::page_unref(*page);
        }
        node.settle_pages();
        if (!(mode & kAllocateKeepSize) && offset + length > size)
            node.size_bytes.store(offset + length, std::memory_order_release);
        node.touch_ctime();
        return {};
    }
};
constinit RegularOps ops;

}  // namespace

FileOps& file_ops() {
    return ops;
}

}  // namespace tenon::vfs::tmpfs
