// A disk, its queues and its requests.
//
// Theory. A Disk is the block layer's, a driver's instance only serves it. It is `live` while an
// instance does, `held` while one went and the next is awaited, `dead` for good. A request waits in
// its queue's list, is in a slot (a tag) while the driver has it, and goes back to the list, in the
// order of submission, when the driver went. A slot's generation is new with each issue, so that a
// handle names one issue.
//
// Locks: Disk::lock guards state, lists and slots, in any context; nothing is taken under it, and
// no driver is called. Who calls the driver counts in `calls`, for which a departure waits.
#pragma once

#include <tenon/block/block.h>
#include <tenon/device/device.h>
#include <tenon/lib/intrusive.h>
#include <tenon/mm/mapping.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/vfs/char_device.h>

namespace tenon::block {

class Disk;
inline constexpr u32 kMajor = 259;  // "blkext": disks whose numbers are handed out
inline constexpr u32 kMaxDisks = 64;

struct IoRequest final : Request {
    IoRequest(Operation operation, u64 sector, u64 sectors, std::span<const Segment> segments);
    void issue(RequestHandle handle) { handle_ = handle; }

    ListHook hook;     // its queue's list
    u64 sequence = 0;  // of submission
    u64 started_ns = 0, deadline_ns = 0;
    std::atomic<u32> refs{1};
    Error status = Error::none;
    std::atomic<bool> done{false};
};

struct HardwareQueue final : Queue {
    void init(u32 index, PageStore* store) {
        index_ = index;
        store_ = store;
    }
    List<IoRequest, &IoRequest::hook> waiting;
    sync::WaitQueue done;
};

struct Slot {
    IoRequest* request = nullptr;
    u64 generation = 0;
};

// Contents in memory, of which nothing is ever dropped by itself.
class Memory final : public PageStore, mm::PageSource {
  public:
    Memory() : mapping_(this) {}
    Result<mm::Page*> page(u64 index, bool for_write) override;
    void discard(u64 first, u64 end) override {
        mapping_.punch(first << kPageShift, end << kPageShift);
    }
    u64 page_count() const override { return mapping_.page_count(); }

  private:
    Result<void> read_page(mm::Mapping&, mm::Page&, u64) override { return {}; }
    Result<void> write_page(mm::Mapping&, mm::Page&, u64) override { return {}; }
    bool memory_only() const override { return true; }
    mm::Mapping mapping_;
};

struct Statistics {
    struct Kind {
        u64 requests = 0, sectors = 0, ns = 0;
    } by_operation[4];
    u64 busy_ns = 0, busy_since_ns = 0;
    u64 holds = 0, replayed = 0, refused = 0, timeouts = 0;
    u64 longest_hold_ns = 0;
};

class Disk final : public RefCounted<Disk>, public mm::PageSource {
  public:
    enum class State : u8 { live, held, dead };

    static Result<Ref<Disk>> create(module::Context& core, const DiskOptions& options, u32 index,
                                    std::string_view module_name);
    ~Disk();
    void on_last_ref();

    std::string_view name() const { return name_; }
    std::string_view module_name() const { return module_name_; }
    u32 index() const { return index_; }
    State state() const { return state_.load(std::memory_order_acquire); }
    bool alive() const { return state() != State::dead; }
    u64 size_bytes() const { return size_bytes_.load(std::memory_order_relaxed); }
    std::atomic<u64>* size_word() { return &size_bytes_; }
    const DiskOptions& options() const { return options_; }
    std::atomic<bool> read_only{false};
    bool same_medium(const DiskOptions& other) const;

    // --- The driver's coming and going (disk.cpp). Thread context.
    // claim(): for the held disk's next instance, and it alone: attach() follows, or unclaim().
    bool claim();
    void unclaim();
    void attach(std::unique_ptr<DiskOps> ops, module::Gate& gate);
    void detach();
    bool give_up();  // what is held and not claimed, for good
    void kill();

    // --- Requests (queue.cpp). Sleeps until the request ended; Error::io for a dead disk.
    Result<void> transfer(Operation operation, u64 sector, u64 sectors,
                          std::span<const Segment> segments);
    bool complete(u32 tag, u64 generation, Error status);
    void dispatch();

    // --- Open files. The driver stays while there are some.
    Result<void> open(bool exclusive);
    void close(bool exclusive);

    // --- The cache (cache.cpp)
    mm::Mapping& mapping() { return mapping_; }
    Result<void> sync();           // write back, then flush the device
    Result<void> flush_buffers();  // and forget
    sync::RwMutex& io_lock() { return io_lock_; }

    Statistics statistics();
    u32 in_flight();
    // The node and the folder in sysfs (device.cpp).
    Result<void> publish(module::Context& core);
    void unpublish();

    sync::RcuHead rcu;

  private:
    Disk() : mapping_(this) {}
    Result<void> read_page(mm::Mapping& mapping, mm::Page& page, u64 index) override;
    Result<void> write_page(mm::Mapping& mapping, mm::Page& page, u64 index) override;
    Result<void> page_io(Operation operation, mm::Page& page, u64 index);
    bool dispatch_one(HardwareQueue& queue);
    void submission_failed(HardwareQueue& queue, RequestHandle handle, Error error);
    IoRequest* take_locked(u32 tag, u64 generation);
    void wait_again_locked(IoRequest& request);
    HardwareQueue& queue_of_tag(u32 tag) { return queues_[tag / options_.queue_depth]; }
    void arm(u64 in_ns);
    void on_timer() { (void)work_.queue(); }
    void tick();  // the worker: dispatches, looks for time-outs, gives up waiting
    void finish(IoRequest& request, HardwareQueue& queue, Error status);
    void fail_waiting(Error error);
    void bury();  // what is dead
    // Its driver went, and nobody took its place. With the lock.
    bool is_free_locked() const { return state() == State::held && gate_ && !claimed_; }

    char name_[32] = {};
    char module_name_[56] = {};
    DiskOptions options_;
    u32 index_ = 0;
    std::atomic<u64> size_bytes_{0};

    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    std::atomic<State> state_{State::held};
    module::Gated<DiskOps> ops_;
    Ref<module::Gate> gate_;  // held: set when the departure is over
    bool claimed_ = false;
    u32 calls_ = 0;
    sync::WaitQueue calls_ended_;
    std::unique_ptr<HardwareQueue[]> queues_;
    std::unique_ptr<Slot[]> slots_;
    u32 in_flight_ = 0;
    u64 next_sequence_ = 0;
    std::atomic<bool> over_{false};     // it is being destroyed
    std::atomic<bool> ticking_{false};  // the timer looks for time-outs
    u64 refused_since_ns_ = 0;          // the driver's gate was closed; 0: it is not
    u64 held_since_ns_ = 0;
    Statistics statistics_;

    sync::Mutex open_lock_{sync::LockRank::sleeping_leaf};
    u32 opens_ = 0;
    bool exclusive_ = false;
    sync::RwMutex io_lock_{sync::LockRank::pipe};  // user memory is copied under it
    mm::Mapping mapping_;
    Memory memory_;
    module::Held device_;
    module::WorkHandle work_;
    module::TimerHandle timer_;  // last: it queues the work
};

// table.cpp: the disks, by index.
Ref<Disk> find_disk(u32 index);
void forget_disk(Disk& disk);
void start(module::Context& core);
void stop();
// Milliseconds that a disk waits for its driver's next instance; whether an ordinary unload is
// taken for a restart (tests).
u64 hold_limit_ns();
bool unload_is_restart();

// file.cpp
std::unique_ptr<vfs::DeviceOpener> make_opener();

}  // namespace tenon::block
