// Names, files, the page cache and pipes, through the calls that the personality makes.
#include <tenon/mm/mapping.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>
#include <tenon/vfs/pipe.h>

#include <cstring>

#include "ktest.h"

using namespace tenon;

namespace {

// The test's own tmpfs directory, gone at its end. Names are below it.
constexpr std::string_view kHome = "/tmp/ktest";

vfs::LookupStart start() {
    return vfs::lookup_start_of_current();
}

struct Home {
    Home() { made = vfs::make_node(start(), kHome, vfs::kDirectory | 0755, {}).has_value(); }
    ~Home() { (void)vfs::unlink(start(), kHome, vfs::UnlinkKind::directory); }
    bool made;
};

Result<Ref<vfs::File>> open_file(std::string_view path, u32 flags) {
    return vfs::open(start(), path, {.flags = flags, .mode = 0644});
}

Result<usize> write_text(vfs::File& file, std::string_view text) {
    auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
    return file.write(buffer);
}

Error error_of(auto&& result) {
    return result ? Error{} : result.error();
}

Result<void> truncate(vfs::File& file, u64 size_bytes) {
    return vfs::truncate_inode(file.inode(), size_bytes, start().cred);
}

bool exists(std::string_view path) {
    return vfs::lookup(start(), path, 0).has_value();
}

constexpr u32 kMake = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenCreate | vfs::kOpenExclusive;

KTEST(names_are_made_found_and_removed) {
    Home home;
    REQUIRE(home.made);
    EXPECT(error_of(vfs::make_node(start(), kHome, vfs::kDirectory | 0755, {})) == Error::exist);
    EXPECT(error_of(vfs::lookup(start(), "/tmp/ktest/none", 0)) == Error::noent);
    {
        auto file = open_file("/tmp/ktest/a", kMake);
        REQUIRE(file.has_value());
        EXPECT(error_of(open_file("/tmp/ktest/a", kMake)) == Error::exist);
        EXPECT(error_of(vfs::lookup(start(), "/tmp/ktest/a/b", 0)) == Error::notdir);
        EXPECT(error_of(vfs::unlink(start(), kHome, vfs::UnlinkKind::directory)) ==
               Error::notempty);
        EXPECT(error_of(vfs::unlink(start(), "/tmp/ktest/a", vfs::UnlinkKind::directory)) ==
               Error::notdir);
        auto path = vfs::lookup(start(), "/tmp/ktest/a", 0);
        REQUIRE(path.has_value());
        EXPECT(path->dentry->name() == "a");
        EXPECT(vfs::link(*path, start(), "/tmp/ktest/b").has_value());
        EXPECT(path->dentry->inode()->nlink == 2);
        EXPECT(vfs::unlink(start(), "/tmp/ktest/a", vfs::UnlinkKind::file).has_value());
        EXPECT(!exists("/tmp/ktest/a") && exists("/tmp/ktest/b"));
        EXPECT(write_text(**file, "still there").value_or(0) == 11);
        EXPECT(vfs::unlink(start(), "/tmp/ktest/b", vfs::UnlinkKind::file).has_value());
        EXPECT((*file)->inode().nlink == 0);
    }
    EXPECT(vfs::make_symlink(start(), "/tmp/ktest/l", "/tmp/ktest/l").has_value());
    EXPECT(error_of(vfs::lookup(start(), "/tmp/ktest/l", vfs::kLookupFollow)) == Error::loop);
    EXPECT(vfs::unlink(start(), "/tmp/ktest/l", vfs::UnlinkKind::file).has_value());
}

KTEST(rename_moves_replaces_and_refuses) {
    Home home;
    REQUIRE(home.made);
    const auto rename = [](std::string_view from, std::string_view to, u32 flags = 0) {
        return vfs::rename(start(), from, start(), to, flags);
    };
    for (std::string_view name : {"/tmp/ktest/x", "/tmp/ktest/y"}) {
        auto file = open_file(name, kMake);
        REQUIRE(file.has_value());
        EXPECT(write_text(**file, name).has_value());
    }
    REQUIRE(vfs::make_node(start(), "/tmp/ktest/d", vfs::kDirectory | 0755, {}).has_value());
    EXPECT(error_of(rename("/tmp/ktest/x", "/tmp/ktest/y", vfs::kRenameNoReplace)) == Error::exist);
    EXPECT(rename("/tmp/ktest/x", "/tmp/ktest/y", vfs::kRenameExchange).has_value());
    {
        auto file = open_file("/tmp/ktest/y", vfs::kOpenRead);
        REQUIRE(file.has_value());
        char text[32] = {};
        auto buffer = vfs::IoBuffer::kernel(text, sizeof text);
        EXPECT((*file)->read(buffer).value_or(0) == 12);
        EXPECT(std::string_view(text) == "/tmp/ktest/x");
    }
    EXPECT(rename("/tmp/ktest/x", "/tmp/ktest/y").has_value());
    EXPECT(!exists("/tmp/ktest/x"));
    EXPECT(error_of(rename("/tmp/ktest/d", "/tmp/ktest/d/inside")) == Error::inval);
    EXPECT(error_of(rename("/tmp/ktest/d", "/tmp/ktest/y")) == Error::notdir);
    EXPECT(error_of(rename("/tmp/ktest/y", "/tmp/ktest/d")) == Error::isdir);
    EXPECT(rename("/tmp/ktest/y", "/tmp/ktest/d/z").has_value());
    EXPECT(rename("/tmp/ktest/d", "/tmp/ktest/e").has_value());
    EXPECT(exists("/tmp/ktest/e/z"));
    EXPECT(vfs::unlink(start(), "/tmp/ktest/e/z", vfs::UnlinkKind::file).has_value());
    EXPECT(vfs::unlink(start(), "/tmp/ktest/e", vfs::UnlinkKind::directory).has_value());
}

KTEST(lookups_find_one_of_two_names_while_it_is_renamed) {
    Home home;
    REQUIRE(home.made);
    static std::atomic<bool> stop;
    static std::atomic<u32> found;
    stop = false;
    found = 0;
    {
        REQUIRE(open_file("/tmp/ktest/one", kMake).has_value());
    }
    REQUIRE(vfs::make_node(start(), "/tmp/ktest/d", vfs::kDirectory | 0755, {}).has_value());
    // Paths are looked up from the thread's own root: kernel threads have that of everything.
    t.parallel(5, [&](u32 me) {
        if (me == 0) {
            for (u32 i = 0; i < 600; ++i) {
                EXPECT(vfs::rename(start(), "/tmp/ktest/one", start(), "/tmp/ktest/d/two", 0)
                           .has_value());
                EXPECT(vfs::rename(start(), "/tmp/ktest/d/two", start(), "/tmp/ktest/one", 0)
                           .has_value());
                if (i % 16 == 0) sched::yield();
            }
            stop = true;
            return;
        }
        while (!stop.load()) {
            if (auto path = vfs::lookup(start(), me % 2 ? "/tmp/ktest/one" : "/tmp/ktest/d/two", 0))
                found.fetch_add(1);
            EXPECT(exists("/tmp/ktest/d"));
            // A directory that comes and goes beside it.
            char name[] = "/tmp/ktest/d/dir0";
            name[sizeof name - 2] = static_cast<char>('0' + me);
            EXPECT(vfs::make_node(start(), name, vfs::kDirectory | 0755, {}).has_value());
            EXPECT(vfs::unlink(start(), name, vfs::UnlinkKind::directory).has_value());
            sched::yield();
        }
    });
    EXPECT(found.load() > 0);
    EXPECT(vfs::unlink(start(), "/tmp/ktest/one", vfs::UnlinkKind::file).has_value());
    EXPECT(vfs::unlink(start(), "/tmp/ktest/d", vfs::UnlinkKind::directory).has_value());
}

KTEST(the_page_cache_holds_what_was_written) {
    auto file = vfs::make_memory_file("ktest", 0, vfs::kOpenRead | vfs::kOpenWrite);
    REQUIRE(file.has_value());
    constexpr u64 kPages = 40;
    static u8 page[kPageSize];
    for (u64 i = 0; i < kPages; i += 2) {  // every other page: holes between
        std::memset(page, static_cast<int>(i + 1), sizeof page);
        auto buffer = vfs::IoBuffer::kernel(page, sizeof page);
        EXPECT((*file)->write_at(buffer, i * kPageSize).value_or(0) == kPageSize);
    }
    mm::Mapping* mapping = (*file)->inode().mapping();
    REQUIRE(mapping != nullptr);
    EXPECT(mapping->page_count() == kPages / 2);
    EXPECT(mapping->next_present(1) == 2 && mapping->next_absent(0) == 1);
    EXPECT(mapping->next_present(kPages) == ~u64{0});
    for (u64 i = 0; i < kPages - 1; ++i) {
        auto buffer = vfs::IoBuffer::kernel(page, sizeof page);
        EXPECT((*file)->read_at(buffer, i * kPageSize).value_or(0) == kPageSize);
        const u8 want = static_cast<u8>(i % 2 == 0 ? i + 1 : 0);
        EXPECT(page[0] == want && page[kPageSize - 1] == want);
    }
    EXPECT(mapping->page_count() == kPages / 2);  // reading a hole makes no page
    auto held = mapping->get(2, false);
    REQUIRE(held.has_value());
    mapping->punch(2 * kPageSize, 3 * kPageSize);
    EXPECT(mapping->find(2) == nullptr);
    mm::page_unref(*held);
    EXPECT(truncate(**file, kPageSize / 2).has_value());
    EXPECT(mapping->page_count() == 1);
    EXPECT(truncate(**file, kPageSize).has_value());
    auto buffer = vfs::IoBuffer::kernel(page, sizeof page);
    EXPECT((*file)->read_at(buffer, 0).value_or(0) == kPageSize);
    EXPECT(page[kPageSize / 2 - 1] == 1 && page[kPageSize / 2] == 0);
    // The caller's page is taken over.
    auto fresh = mm::alloc_page(mm::Alloc::zero);
    REQUIRE(fresh.has_value());
    EXPECT(mapping->adopt(7, *fresh).has_value());
    mm::Page* again = mapping->find(7);
    EXPECT(again == *fresh);
    if (again != nullptr) mm::page_unref(again);
    EXPECT(mapping->page_count() == 2);
    EXPECT(truncate(**file, 0).has_value());
    EXPECT(mapping->page_count() == 0);
}

KTEST(one_page_serves_all_who_ask_at_once) {
    auto made = vfs::make_memory_file("ktest", 64 * kPageSize, vfs::kOpenRead | vfs::kOpenWrite);
    REQUIRE(made.has_value());
    vfs::File& file = **made;
    mm::Mapping& mapping = *file.inode().mapping();
    t.parallel(6, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 800; ++i) {
            const u64 index = random.below(64);
            if (me == 0 && i % 8 == 0) {
                mapping.punch(index * kPageSize, (index + 4) * kPageSize);
                continue;
            }
            auto page = mapping.get(index, true);
            REQUIRE(page.has_value());
            EXPECT((*page)->index == index);
            auto* word = static_cast<std::atomic<u64>*>(mm::page_address(*page));
            word->fetch_add(1);
            mm::page_unref(*page);
            if (i % 16 == 0) sched::yield();
        }
    });
    EXPECT(mapping.page_count() <= 64);
}

KTEST(a_pipe_carries_every_byte_in_order) {
    auto pipe = vfs::make_pipe(0);
    REQUIRE(pipe.has_value());
    constexpr u64 kTotal = 1 << 20;
    EXPECT(vfs::pipe_of(*pipe->read_end) != nullptr);
    t.parallel(2, [&](u32 me) {
        static u8 chunk[2][5000];
        ktest::Random random(me + 1);
        u8 next = 0;
        for (u64 done = 0; done < kTotal;) {
            const usize n = std::min<u64>(1 + random.below(5000), kTotal - done);
            if (me == 0) {
                for (usize i = 0; i < n; ++i) chunk[0][i] = next++;
                auto buffer = vfs::IoBuffer::kernel(chunk[0], n);
                auto wrote = pipe->write_end->write(buffer);
                REQUIRE(wrote.has_value() && *wrote == n);
                done += n;
                continue;
            }
            auto buffer = vfs::IoBuffer::kernel(chunk[1], n);
            auto got = pipe->read_end->read(buffer);
            REQUIRE(got.has_value() && *got != 0);
            bool same = true;
            for (usize i = 0; i < *got; ++i) same &= chunk[1][i] == next++;
            EXPECT(same);
            done += *got;
        }
    });
    EXPECT(vfs::pipe_of(*pipe->read_end)->bytes() == 0);
}

KTEST(a_pipe_tells_its_ends_what_happened) {
    auto made = vfs::make_pipe(vfs::kOpenNonblock);
    REQUIRE(made.has_value());
    vfs::PipeEnds pipe = std::move(*made);
    char byte = 'x';
    auto buffer = vfs::IoBuffer::kernel(&byte, 1);
    EXPECT(error_of(pipe.read_end->read(buffer)) == Error::again);
    EXPECT((pipe.write_end->poll(nullptr) & vfs::kPollOut) != 0);
    const u32 room = vfs::pipe_of(*pipe.write_end)->capacity_bytes();
    EXPECT(room == 65536);
    u64 filled = 0;
    for (;;) {
        static char block[4096];
        auto some = vfs::IoBuffer::kernel(block, sizeof block);
        auto wrote = pipe.write_end->write(some);
        if (!wrote) {
            EXPECT(wrote.error() == Error::again);
            break;
        }
        filled += *wrote;
    }
    EXPECT(filled == room);
    EXPECT((pipe.write_end->poll(nullptr) & vfs::kPollOut) == 0);
    EXPECT(vfs::pipe_of(*pipe.read_end)->bytes() == room);
    pipe.write_end = nullptr;
    EXPECT((pipe.read_end->poll(nullptr) & vfs::kPollHup) != 0);
    for (u64 left = filled; left != 0;) {
        static char block[4096];
        auto some = vfs::IoBuffer::kernel(block, sizeof block);
        auto got = pipe.read_end->read(some);
        REQUIRE(got.has_value() && *got != 0);
        left -= *got;
    }
    auto rest = vfs::IoBuffer::kernel(&byte, 1);
    EXPECT(pipe.read_end->read(rest).value_or(1) == 0);
}

}  // namespace

KTEST_MODULE("ktest_vfs", &names_are_made_found_and_removed, &rename_moves_replaces_and_refuses,
             &lookups_find_one_of_two_names_while_it_is_renamed,
             &the_page_cache_holds_what_was_written, &one_page_serves_all_who_ask_at_once,
             &a_pipe_carries_every_byte_in_order, &a_pipe_tells_its_ends_what_happened);
