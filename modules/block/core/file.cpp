// An open /dev node of a disk. Spec: man 2 read, write, lseek, open (O_DIRECT); Linux block/fops.c.
#include <tenon/mm/address_space.h>

#include <algorithm>
#include <cstring>

#include "disk.h"

namespace tenon::block {

namespace {

// What maps the disk's cache into a program.
class Backing final : public mm::VmaBacking {
  public:
    explicit Backing(Ref<Disk> disk) : disk_(std::move(disk)) {}
    Result<Frame> fault(u64, bool) override { return Err(Error::io); }
    mm::Mapping* mapping() override { return &disk_->mapping(); }
    std::atomic<u64>* size_bytes() override { return disk_->size_word(); }

  private:
    Ref<Disk> disk_;
};

// Pages between a program's memory and the device, for O_DIRECT.
class Bounce {
  public:
    ~Bounce() {
        for (u32 i = 0; i < count_; ++i) mm::page_unref(segments_[i].page);
    }
    Result<void> reserve(usize bytes) {
        for (; count_ * kPageSize < bytes; ++count_) {
            TRY_ASSIGN(segments_[count_].page, mm::alloc_page());
        }
        return {};
    }
    std::span<const Segment> cut(usize bytes) {
        u32 n = 0;
        for (; bytes != 0; ++n) {
            segments_[n].length_bytes = static_cast<u32>(std::min<usize>(bytes, kPageSize));
            bytes -= segments_[n].length_bytes;
        }
        return {segments_, n};
    }
    static u8* data(const Segment& s) { return static_cast<u8*>(mm::page_address(s.page)); }

  private:
    Segment segments_[kMaxSegments];
    u32 count_ = 0;
};

class DiskFile final : public vfs::BlockFileOps {
  public:
    DiskFile(Ref<Disk> disk, bool exclusive) : disk_(std::move(disk)), exclusive_(exclusive) {}
    ~DiskFile() override { disk_->close(exclusive_); }

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        const u64 size = disk_->size_bytes();
        if (position >= size || buffer.remaining() == 0) return usize{0};
        buffer.truncate(size - position);
        if (!disk_->alive()) return Err(Error::io);
        sync::ReadGuard guard(disk_->io_lock());
        if (file.flags() & vfs::kOpenDirect) return direct(Operation::read, buffer, position);
        return cached(buffer, position, Direction::out);
    }

    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        if (disk_->read_only) return Err(Error::perm);
        if (buffer.remaining() == 0) return usize{0};
        const u64 size = disk_->size_bytes();
        if (file.flags() & vfs::kOpenAppend) position = size;
        if (position >= size) return Err(Error::nospc);
        buffer.truncate(size - position);
        if (!disk_->alive()) return Err(Error::io);
        const u64 start = position;
        sync::ReadGuard guard(disk_->io_lock());
        const auto done = file.flags() & vfs::kOpenDirect
                              ? direct(Operation::write, buffer, position)
                              : cached(buffer, position, Direction::in);
        if (done && (file.flags() & (vfs::kOpenSync | vfs::kOpenDsync))) {
            TRY(disk_->mapping().write_back(start, position));
            if (disk_->options().has_write_cache) TRY(disk_->transfer(Operation::flush, 0, 0, {}));
        }
        return done;
    }

    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        i64 base = 0;
        const i64 size = static_cast<i64>(disk_->size_bytes());
        if (whence == Whence::current)
            base = static_cast<i64>(file.position());
        else if (whence == Whence::end)
            base = size;
        else if (whence != Whence::set)
            return Err(Error::inval);
        i64 to = 0;
        if (__builtin_add_overflow(base, offset, &to) || to < 0 || to > size)
            return Err(Error::inval);
        return static_cast<u64>(to);
    }

    Result<void> map(vfs::File&, mm::MapRequest& request) override {
        auto* backing = new (std::nothrow) Backing(disk_);
        if (backing == nullptr) return Err(Error::nomem);
        request.backing = adopt_ref(static_cast<mm::VmaBacking*>(backing));
        return {};
    }

    Result<void> sync(vfs::File&, bool) override { return disk_->sync(); }

    Geometry geometry() override {
        const DiskOptions& o = disk_->options();
        return {.size_bytes = disk_->size_bytes(),
                .logical_block_bytes = o.logical_block_bytes,
                .physical_block_bytes = std::max(o.physical_block_bytes, o.logical_block_bytes),
                .read_only = disk_->read_only,
                .can_discard = o.can_discard};
    }
    Result<void> set_read_only(bool read_only) override {
        disk_->read_only = read_only;
        return {};
    }
    Result<void> flush_buffers() override { return disk_->flush_buffers(); }
    Result<void> discard(u64 offset, u64 length) override {
        if (!disk_->options().can_discard) return Err(Error::opnotsupp);
        TRY(check_range(offset, length));
        sync::WriteGuard guard(disk_->io_lock());
        disk_->mapping().punch(offset, offset + length);
        return disk_->transfer(Operation::discard, offset >> kSectorShift, length >> kSectorShift,
                               {});
    }
    Result<void> zero_out(u64 offset, u64 length) override {
        TRY(check_range(offset, length));
        sync::WriteGuard guard(disk_->io_lock());
        for (const u64 end = offset + length; offset < end;) {
            const usize part = std::min<u64>(end - offset, kPageSize - (offset & (kPageSize - 1)));
            TRY_ASSIGN(mm::Page * page, disk_->mapping().get(offset >> kPageShift, true));
            std::memset(static_cast<u8*>(mm::page_address(page)) + (offset & (kPageSize - 1)), 0,
                        part);
            disk_->mapping().mark_dirty(page);
            mm::page_unref(page);
            offset += part;
        }
        return disk_->sync();
    }

  private:
    enum class Direction : u8 { in, out };

    Result<void> check_range(u64 offset, u64 length) {
        if (disk_->read_only) return Err(Error::perm);
        const u64 mask = disk_->options().logical_block_bytes - 1;
        if (((offset | length) & mask) != 0 || offset + length < offset ||
            offset + length > disk_->size_bytes())
            return Err(Error::inval);
        return {};
    }

    // Through the page cache. No page is locked while bytes are copied.
    Result<usize> cached(vfs::IoBuffer& buffer, u64& position, Direction direction) {
        usize done = 0;
        Error failed = Error::none;
        while (buffer.remaining() != 0 && failed == Error::none) {
            const usize offset = position & (kPageSize - 1);
            const usize part = std::min(buffer.remaining(), kPageSize - offset);
            const auto page = disk_->mapping().get(position >> kPageShift, true);
            if (!page) {
                failed = page.error();
                break;
            }
            u8* at = static_cast<u8*>(mm::page_address(*page)) + offset;
            const auto moved =
                direction == Direction::in ? buffer.get(at, part) : buffer.put(at, part);
            if (direction == Direction::in) disk_->mapping().mark_dirty(*page);
            mm::page_unref(*page);
            if (!moved) {
                failed = moved.error();
                break;
            }
            done += *moved;
            position += *moved;
            if (*moved < part) failed = Error::fault;
        }
        if (done == 0 && failed != Error::none) return Err(failed);
        return done;
    }

    // Past the cache, which is kept right where it holds pages of the range.
    Result<usize> direct(Operation operation, vfs::IoBuffer& buffer, u64& position) {
        const u64 mask = disk_->options().logical_block_bytes - 1;
        if (((position | buffer.remaining() | buffer.front().base) & mask) != 0)
            return Err(Error::inval);
        const bool cache_in_use = disk_->mapping().page_count() != 0;
        if (cache_in_use) TRY(disk_->mapping().write_back(position, position + buffer.remaining()));
        Bounce bounce;
        TRY(bounce.reserve(std::min<usize>(buffer.remaining(), kMaxSegments * kPageSize)));
        usize done = 0;
        while (buffer.remaining() != 0) {
            const usize n = std::min<usize>(buffer.remaining(), kMaxSegments * kPageSize);
            const auto segments = bounce.cut(n);
            if (operation == Operation::write) {
                for (const Segment& s : segments) {
                    TRY_ASSIGN(const usize moved, buffer.get(Bounce::data(s), s.length_bytes));
                    if (moved < s.length_bytes) return Err(Error::fault);
                }
            }
            if (auto r = disk_->transfer(operation, position >> kSectorShift, n >> kSectorShift,
                                         segments);
                !r) {
                if (done == 0) return Err(r.error());
                break;
            }
            u64 at = position;
            for (const Segment& s : segments) {
                if (operation == Operation::read) {
                    TRY_ASSIGN(const usize moved, buffer.put(Bounce::data(s), s.length_bytes));
                    if (moved < s.length_bytes) return Err(Error::fault);
                } else if (cache_in_use) {
                    refresh(at, Bounce::data(s), s.length_bytes);
                }
                at += s.length_bytes;
            }
            position += n;
            done += n;
        }
        return done;
    }

    void refresh(u64 at, const u8* data, usize length) {
        while (length != 0) {
            const usize offset = at & (kPageSize - 1), part = std::min(length, kPageSize - offset);
            if (mm::Page* page = disk_->mapping().find(at >> kPageShift)) {
                std::memcpy(static_cast<u8*>(mm::page_address(page)) + offset, data, part);
                mm::page_unref(page);
            }
            at += part;
            data += part;
            length -= part;
        }
    }

    Ref<Disk> disk_;
    bool exclusive_;
};

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        Ref<Disk> disk = find_disk(number.minor);
        if (!disk) return Err(Error::nxio);
        const bool exclusive = (flags & vfs::kOpenExclusive) != 0;
        TRY(disk->open(exclusive));
        auto* file = new (std::nothrow) DiskFile(disk, exclusive);
        if (file == nullptr) {
            disk->close(exclusive);
            return Err(Error::nomem);
        }
        return module::Gated<vfs::FileOps>::own(std::unique_ptr<vfs::FileOps>(file));
    }
};

}  // namespace

std::unique_ptr<vfs::DeviceOpener> make_opener() {
    return std::unique_ptr<vfs::DeviceOpener>(new (std::nothrow) Opener);
}

}  // namespace tenon::block
