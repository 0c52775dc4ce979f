// Shared memory without a file: a backing that is nothing but a page cache.
#include <tenon/mm/address_space.h>

#include "core/mm/counters.h"

namespace tenon::mm {

namespace {

class ZeroSource final : public PageSource {
  public:
    Result<void> read_page(Mapping&, Page&, u64) override { return {}; }
    Result<void> write_page(Mapping&, Page&, u64) override { return {}; }
    bool memory_only() const override { return true; }
};
constinit ZeroSource zero_source;

constinit std::atomic<u64> next_inode{1024};

class SharedMemory final : public VmaBacking {
  public:
    SharedMemory(u64 length_bytes, std::string_view name)
        : size_(length_bytes), name_(name), inode_(next_inode.fetch_add(1)) {
        committed_pages.fetch_add(static_cast<i64>(length_bytes >> kPageShift));
    }
    ~SharedMemory() override {
        committed_pages.fetch_sub(static_cast<i64>(size_.load() >> kPageShift));
    }
    Result<Frame> fault(u64, bool) override { return Err(Error::io); }
    std::string_view name() const override { return name_; }
    Mapping* mapping() override { return &mapping_; }
    std::atomic<u64>* size_bytes() override { return &size_; }
    u64 inode_number() const override { return inode_; }

  private:
    Mapping mapping_{&zero_source};
    std::atomic<u64> size_;
    std::string_view name_;
    u64 inode_;
};

}  // namespace

Result<Ref<VmaBacking>> make_shared_memory(u64 length_bytes, std::string_view name) {
    auto* memory = new (std::nothrow) SharedMemory(align_up(length_bytes, kPageSize), name);
    if (memory == nullptr) return Err(Error::nomem);
    return adopt_ref<VmaBacking>(memory);
}

}  // namespace tenon::mm
