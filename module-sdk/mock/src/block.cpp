// The module block_core, as far as a driver calls it: one request after the other.
#include <tenon/mock/block.h>

#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon::mock {

namespace {

struct Request final : block::Request {
    Request(block::Operation operation, u64 sector, u64 sectors) {
        operation_ = operation;
        sector_ = sector;
        sectors_ = sectors;
    }
    void issue(u64 handle) { handle_ = {handle}; }
    Result<void> add(u32 length_bytes) {
        TRY_ASSIGN(mm::Page * page, mm::alloc_page());
        segments_[segment_count_++] = {page, 0, length_bytes};
        return {};
    }
    ~Request() {
        for (const block::Segment& s : segments()) mm::page_unref(s.page);
    }
};

struct Store final : block::PageStore {
    std::map<u64, mm::Page*> pages;
    ~Store() { discard(0, ~u64{0}); }
    Result<mm::Page*> page(u64 index, bool for_write) override {
        module::GateAttribution core(nullptr);
        auto at = pages.find(index);
        if (at == pages.end()) {
            if (!for_write) return nullptr;
            TRY_ASSIGN(mm::Page * page, mm::alloc_page());
            at = pages.emplace(index, page).first;
        }
        mm::page_ref(at->second);
        return at->second;
    }
    void discard(u64 first, u64 end) override {
        module::GateAttribution core(nullptr);
        std::erase_if(pages, [&](auto& entry) {
            if (entry.first < first || entry.first >= end) return false;
            mm::page_unref(entry.second);
            return true;
        });
    }
    u64 page_count() const override { return pages.size(); }
};

struct Queue final : block::Queue {
    explicit Queue(Store& store) { store_ = &store; }
};

struct State {
    std::string name;
    block::DiskOptions options;
    module::Gated<block::DiskOps> ops;
    Store store;
    Queue queue{store};
};

std::vector<std::unique_ptr<State>>& disks() {
    static auto* list = new std::vector<std::unique_ptr<State>>;
    return *list;
}
State* find(std::string_view name) {
    for (auto& d : disks())
        if (d->name == name) return d.get();
    return nullptr;
}

// The request that the driver has.
u64 under_way = 0, last_handle = 0;
Error answer = Error::none;

void let_go(void* state) {
    module::GateAttribution core(nullptr);
    std::erase_if(disks(), [&](auto& d) { return d.get() == state; });
}

Result<void> carry_out(std::string_view name, Request& request) {
    State* disk = find(name);
    if (disk == nullptr) return Err(Error::nxio);
    if (request.sector() + request.sectors() > disk->options.sectors) return Err(Error::nospc);
    if (disk->options.read_only && request.operation() != block::Operation::read)
        return Err(Error::perm);
    const u64 deadline = now_ns() + disk->options.timeout_ns;
    for (;;) {
        under_way = ++last_handle;
        request.issue(under_way);
        const auto taken =
            disk->ops.call(&block::DiskOps::submit, static_cast<block::Queue&>(disk->queue),
                           static_cast<const block::Request&>(request));
        if (taken || taken.error() != Error::again) {
            if (!taken) return Err(taken.error());
            break;
        }
        if (now_ns() >= deadline) return Err(Error::timedout);
        advance(1'000'000);
    }
    settle();
    while (under_way != 0 && now_ns() < deadline)
        advance(std::min(deadline - now_ns(), u64{100'000}));
    if (std::exchange(under_way, 0) != 0) return Err(Error::timedout);
    return answer == Error::none ? Result<void>{} : Err(answer);
}

// In pieces of as many pages as a request holds.
template <typename Piece>
Result<void> in_pieces(std::string_view name, block::Operation operation, u64 sector, u64 bytes,
                       Piece&& piece) {
    for (u64 done = 0; done < bytes;) {
        const u64 n = std::min<u64>(bytes - done, block::kMaxSegments * kPageSize);
        Request request(operation, sector + (done >> block::kSectorShift),
                        n >> block::kSectorShift);
        for (u64 at = 0; at < n; at += kPageSize)
            TRY(request.add(static_cast<u32>(std::min<u64>(n - at, kPageSize))));
        TRY(piece(request, done));
        done += n;
    }
    return {};
}

u8* bytes(const block::Segment& s) {
    return static_cast<u8*>(mm::page_address(s.page)) + s.offset;
}

}  // namespace

bool Disk::exists() const {
    return find(name_) != nullptr;
}
u64 Disk::sectors() const {
    const State* disk = find(name_);
    return disk != nullptr ? disk->options.sectors : 0;
}

Result<std::string> Disk::read(u64 sector, u64 count) const {
    std::string out;
    TRY(in_pieces(name_, block::Operation::read, sector, count << block::kSectorShift,
                  [&](Request& request, u64) -> Result<void> {
                      TRY(carry_out(name_, request));
                      for (const auto& s : request.segments())
                          out.append(reinterpret_cast<const char*>(bytes(s)), s.length_bytes);
                      return {};
                  }));
    return out;
}

Result<void> Disk::write(u64 sector, std::string_view content) const {
    if (content.size() % block::kSectorBytes != 0) return Err(Error::inval);
    return in_pieces(name_, block::Operation::write, sector, content.size(),
                     [&](Request& request, u64 done) {
                         for (const auto& s : request.segments()) {
                             std::memcpy(bytes(s), content.data() + done, s.length_bytes);
                             done += s.length_bytes;
                         }
                         return carry_out(name_, request);
                     });
}

Result<void> Disk::flush() const {
    Request request(block::Operation::flush, 0, 0);
    return carry_out(name_, request);
}
Result<void> Disk::discard(u64 sector, u64 count) const {
    Request request(block::Operation::discard, sector, count);
    return carry_out(name_, request);
}

}  // namespace tenon::mock

namespace tenon::block {

Result<module::Held> register_disk(module::Context& context, const DiskOptions& options,
                                   std::unique_ptr<DiskOps> ops) {
    if (!ops) return Err(Error::nomem);
    if (options.name.empty() || options.sectors == 0) return Err(Error::inval);
    if (mock::find(options.name) != nullptr) return Err(Error::exist);
    auto state = std::make_unique<mock::State>();
    state->name = options.name;
    state->options = options;
    state->options.name = state->name;
    state->ops = module::Gated<DiskOps>::own(std::move(ops), &context.gate());
    mock::State* disk = state.get();
    mock::disks().push_back(std::move(state));
    auto held = context.hold("disk", &mock::let_go, disk);
    if (!held) mock::let_go(disk);
    return held;
}

bool complete(RequestHandle handle, Error status) {
    if (handle.value == 0 || handle.value != mock::under_way) return false;
    mock::under_way = 0;
    mock::answer = status;
    return true;
}

}  // namespace tenon::block
