// Disks: what a driver of one implements, and how it answers.
//
//     class Nvme final : public block::DiskOps {
//         Result<void> submit(block::Queue& queue, const block::Request& request) override {
//             ... program the device, keep request.handle() ...
//         }
//         irq::Handled on_interrupt() { ... block::complete(handle, Error::none); ... }
//     };
//     TRY_ASSIGN(disk_, block::register_disk(context, {.name = "nvme0n1", .sectors = n},
//     move(ops)));
//
// Requests belong to the block layer. A driver gets one to look at during submit() and keeps its
// handle, a number. A handle that was answered before, or that was given to an earlier instance of
// the driver, is refused: a late answer is not taken for that of a request which came after.
#pragma once

#include <tenon/mm/page.h>
#include <tenon/module/context.h>

namespace tenon::block {

inline constexpr u32 kSectorBytes = 512, kSectorShift = 9;  // the unit of all sector numbers
inline constexpr u32 kMaxSegments = 32;                     // of a request; a page at most each

enum class Operation : u8 { read, write, flush, discard };

// A piece of the memory that a request moves: within one page, a multiple of kSectorBytes long.
struct Segment {
    mm::Page* page = nullptr;
    u32 offset = 0, length_bytes = 0;
};

// Names one issue of one request.
struct RequestHandle {
    u64 value = 0;
};

// What is to be done. Valid until submit() returns.
class Request {
  public:
    Operation operation() const { return operation_; }
    u64 sector() const { return sector_; }
    u64 sectors() const { return sectors_; }
    std::span<const Segment> segments() const { return {segments_, segment_count_}; }
    RequestHandle handle() const { return handle_; }

  protected:
    Request() = default;
    ~Request() = default;
    Operation operation_ = Operation::read;
    u32 segment_count_ = 0;
    u64 sector_ = 0, sectors_ = 0;
    RequestHandle handle_;
    Segment segments_[kMaxSegments];
};

// Memory that a disk's contents live in, for drivers without hardware. It belongs to the disk,
// which outlives an instance of its driver: so do the contents.
class PageStore {
  public:
    // Page `index` of the disk with a reference (mm::page_unref()); null for a hole. May sleep.
    virtual Result<mm::Page*> page(u64 index, bool for_write) = 0;
    virtual void discard(u64 first, u64 end) = 0;
    virtual u64 page_count() const = 0;

  protected:
    ~PageStore() = default;
};

// One of a disk's hardware queues.
class Queue {
  public:
    u32 index() const { return index_; }
    PageStore& store() const { return *store_; }

  protected:
    Queue() = default;
    ~Queue() = default;
    u32 index_ = 0;
    PageStore* store_ = nullptr;
};

class DiskOps {
  public:
    virtual ~DiskOps() = default;
    // Starts a request; complete() tells how it ended, in any context, also before this returns.
    // Thread context, may sleep. Errors: again (no room: it comes again after the next completion,
    // or soon), any other ends the request.
    virtual Result<void> submit(Queue& queue, const Request& request) = 0;
};

struct DiskOptions {
    std::string_view name;  // below /dev
    u64 sectors = 0;
    u32 logical_block_bytes = kSectorBytes, physical_block_bytes = kSectorBytes;
    u32 queues = 1;        // 1..kMaxQueues
    u32 queue_depth = 64;  // requests in flight in each, 1..256
    u64 timeout_ns = 30'000'000'000;
    bool read_only = false;
    bool has_write_cache = false;  // flushes mean something
    bool can_discard = false;
    bool rotational = false;
};
inline constexpr u32 kMaxQueues = 16;

// Publishes a disk: /dev/NAME, /sys/block/NAME. Dropping the handle takes it away: what is under
// way ends with Error::io. When the driver's module goes in order to come again (a restart after a
// fault, an update), the disk stays and its requests wait, those in flight too, until the next
// instance registers a disk of the same name and size; they are then submitted in their order.
// Errors: exist, inval, nomem, nospc.
TENON_API Result<module::Held> register_disk(module::Context& context, const DiskOptions& options,
                                             std::unique_ptr<DiskOps> ops);

// Ends a request, with Error::none or what went wrong. False: the handle is of no request that is
// under way. Any context.
TENON_API bool complete(RequestHandle handle, Error status);

}  // namespace tenon::block
