// The page cache of a disk.
#include "disk.h"

namespace tenon::block {

Result<mm::Page*> Memory::page(u64 index, bool for_write) {
    if (for_write) return mapping_.get(index, true);
    return mapping_.find(index);
}

// A page of the cache, or what of it lies on the disk.
Result<void> Disk::page_io(Operation operation, mm::Page& page, u64 index) {
    const u64 start = index << kPageShift, size = size_bytes();
    if (start >= size) return {};
    const u32 length = static_cast<u32>(std::min<u64>(kPageSize, size - start));
    const Segment segment{&page, 0, length};
    return transfer(operation, start >> kSectorShift, length >> kSectorShift, {&segment, 1});
}

Result<void> Disk::read_page(mm::Mapping&, mm::Page& page, u64 index) {
    return page_io(Operation::read, page, index);
}

Result<void> Disk::write_page(mm::Mapping&, mm::Page& page, u64 index) {
    return page_io(Operation::write, page, index);
}

Result<void> Disk::sync() {
    if (!alive()) return Err(Error::io);
    TRY(mapping_.write_back(0, ~u64{0}));
    if (!options_.has_write_cache) return {};
    return transfer(Operation::flush, 0, 0, {});
}

Result<void> Disk::flush_buffers() {
    sync::WriteGuard guard(io_lock_);
    TRY(sync());
    // Pages that a program may be writing to through memory stay.
    if (mapping_.writable_mappings() == 0) mapping_.truncate(0);
    return {};
}

}  // namespace tenon::block
