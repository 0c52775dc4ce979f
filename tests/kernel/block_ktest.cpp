// The block layer's promises to itself: a handle names one issue of one request.
#include <tenon/block/block.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "ktest.h"

using namespace tenon;

namespace {

constexpr std::string_view kNode = "/dev/ktestdisk";
constexpr u32 kDepth = 2;

// What a test's driver was given, and how it answers.
struct Seen {
    std::atomic<u32> count{0};
    block::RequestHandle handles[64];
    std::atomic<bool> answers{true}, has_room{true};
    Error status = Error::none;
};

class Driver final : public block::DiskOps {
  public:
    explicit Driver(Seen& seen) : seen_(seen) {}
    Result<void> submit(block::Queue&, const block::Request& request) override {
        if (!seen_.has_room) return Err(Error::again);
        const u32 n = seen_.count.fetch_add(1);
        if (n < std::size(seen_.handles)) seen_.handles[n] = request.handle();
        if (request.operation() == block::Operation::read)
            for (const auto& s : request.segments())
                std::memset(static_cast<u8*>(mm::page_address(s.page)) + s.offset, 0x5a,
                            s.length_bytes);
        if (seen_.answers) (void)block::complete(request.handle(), seen_.status);
        return {};
    }

  private:
    Seen& seen_;
};

Result<module::Held> add_disk(ktest::Run& t, Seen& seen, u64 timeout_ns = 30'000'000'000) {
    std::unique_ptr<Driver> driver(new (std::nothrow) Driver(seen));
    return block::register_disk(
        t.context(),
        {.name = "ktestdisk", .sectors = 64, .queue_depth = kDepth, .timeout_ns = timeout_ns},
        std::move(driver));
}

Result<Ref<vfs::File>> open_disk() {
    return vfs::open(vfs::lookup_start_of_current(), kNode,
                     {.flags = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenDirect});
}

// Reads the first sector past the cache.
Result<usize> read_sector(vfs::File& file, u8* into) {
    auto buffer = vfs::IoBuffer::kernel(into, block::kSectorBytes);
    return file.read_at(buffer, 0);
}

// A page, for its alignment.
struct Sector {
    Sector() : page(mm::alloc_page(mm::Alloc::zero).value_or(nullptr)) {}
    ~Sector() {
        if (page != nullptr) mm::page_unref(page);
    }
    TENON_NONCOPYABLE(Sector);
    u8* bytes() const { return static_cast<u8*>(mm::page_address(page)); }
    mm::Page* page;
};

KTEST(a_second_answer_is_refused) {
    Seen seen;
    auto disk = add_disk(t, seen);
    REQUIRE(disk.has_value());
    auto file = open_disk();
    REQUIRE(file.has_value());
    Sector sector;
    REQUIRE(sector.page != nullptr);
    const auto got = read_sector(**file, sector.bytes());
    EXPECT(got.has_value() && *got == block::kSectorBytes);
    EXPECT(sector.bytes()[0] == 0x5a && sector.bytes()[511] == 0x5a);
    REQUIRE(seen.count == 1);
    EXPECT(!block::complete(seen.handles[0], Error::none));
    // The same tag, in use by another request: the old handle is not taken for it.
    seen.answers = false;
    t.parallel(2, [&](u32 index) {
        if (index == 0) {
            Sector other;
            EXPECT(other.page != nullptr && read_sector(**file, other.bytes()).has_value());
        } else {
            while (seen.count < 2) sched::sleep_ns(1'000'000);
            EXPECT(!block::complete(seen.handles[0], Error::none));
            EXPECT(block::complete(seen.handles[1], Error::none));
            EXPECT(!block::complete(seen.handles[1], Error::none));
        }
    });
    EXPECT(!block::complete({~u64{0}}, Error::none));
}

KTEST(what_a_driver_answers_reaches_the_reader) {
    Seen seen;
    auto disk = add_disk(t, seen);
    REQUIRE(disk.has_value());
    auto file = open_disk();
    REQUIRE(file.has_value());
    Sector sector;
    REQUIRE(sector.page != nullptr);
    seen.status = Error::nospc;
    const auto got = read_sector(**file, sector.bytes());
    EXPECT(!got && got.error() == Error::nospc);
    // No room is not an error: the request comes again.
    seen.status = Error::none;
    seen.has_room = false;
    t.parallel(2, [&](u32 index) {
        if (index == 0) {
            EXPECT(read_sector(**file, sector.bytes()).has_value());
        } else {
            sched::sleep_ns(20'000'000);
            seen.has_room = true;
        }
    });
}

KTEST(a_request_that_nobody_answers_times_out) {
    Seen seen;
    seen.answers = false;
    auto disk = add_disk(t, seen, 100'000'000);
    REQUIRE(disk.has_value());
    auto file = open_disk();
    REQUIRE(file.has_value());
    Sector sector;
    REQUIRE(sector.page != nullptr);
    const auto got = read_sector(**file, sector.bytes());
    EXPECT(!got && got.error() == Error::timedout);
    EXPECT(!block::complete(seen.handles[0], Error::none));
}

KTEST(a_disk_that_goes_ends_what_is_under_way) {
    Seen seen;
    seen.answers = false;
    auto disk = add_disk(t, seen);
    REQUIRE(disk.has_value());
    auto file = open_disk();
    REQUIRE(file.has_value());
    // More than fit into the queue: some wait.
    t.parallel(kDepth + 3, [&](u32 index) {
        if (index == 0) {
            while (seen.count < kDepth) sched::sleep_ns(1'000'000);
            sched::sleep_ns(5'000'000);
            EXPECT(seen.count == kDepth);
            disk->release();
            return;
        }
        Sector sector;
        const auto got = read_sector(**file, sector.bytes());
        EXPECT(!got && got.error() == Error::io);
    });
    EXPECT(!open_disk().has_value());
    Sector sector;
    const auto got = read_sector(**file, sector.bytes());
    EXPECT(!got && got.error() == Error::io);
    // The name is free again while the old one is still open.
    seen.answers = true;
    auto next = add_disk(t, seen);
    EXPECT(next.has_value());
}

}  // namespace

KTEST_MODULE("ktest_block", &a_second_answer_is_refused, &what_a_driver_answers_reaches_the_reader,
             &a_request_that_nobody_answers_times_out, &a_disk_that_goes_ends_what_is_under_way);
