// Protection keys: what a module writes wildly does not reach the core's data. The test kernel.keys
// boots with `module.keys=on`; elsewhere the wild writes are skipped.
#include <tenon/arch/page_table.h>
#include <tenon/boot/boot_info.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/loader.h>
#include <tenon/process/credentials.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/lookup.h>

#include "ktest.h"
#include "victim.h"

using namespace tenon;

namespace {

bool keys_on() {
    return boot::parameter("module.keys").value == "on";
}

// Loads the victim with a wild write to `target` in its create(): refused, and nothing changed.
void write_wildly(ktest::Run& t, const volatile void* target) {
    const auto* byte = static_cast<const volatile u8*>(target);
    auto file =
        vfs::open(vfs::lookup_start_of_current(), ktest::kVictimFile, {.flags = vfs::kOpenRead});
    REQUIRE(file.has_value());
    const usize size = (*file)->inode().size_bytes.load();
    auto room = mm::vmalloc(size);
    REQUIRE(room.has_value());
    auto buffer = vfs::IoBuffer::kernel(*room, size);
    EXPECT((*file)->read(buffer).value_or(0) == size);
    const u8 before = *byte;
    fmt::Line<64> parameters("wild={}", reinterpret_cast<u64>(target));
    auto loaded = module::load_image({static_cast<u8*>(*room), size}, parameters.view());
    EXPECT(!loaded && loaded.error() == Error::io);
    EXPECT(*byte == before);
    if (loaded) (void)module::unload(ktest::kVictim, 0);
    mm::vfree(*room);
}

KTEST(a_wild_write_to_a_task_ends_the_call) {
    if (!keys_on()) return t.skip();
    write_wildly(t, &current()->name);
}

KTEST(a_wild_write_to_data_of_the_core_ends_the_call) {
    if (!keys_on()) return t.skip();
    // What the core exports as a variable.
    write_wildly(t, &tenon::arch::tenon_direct_map);
}

KTEST(a_wild_write_to_a_frame_record_ends_the_call) {
    if (!keys_on()) return t.skip();
    auto page = mm::alloc_page();
    REQUIRE(page.has_value());
    write_wildly(t, &(*page)->owner);
    mm::free_pages(*page, 0);
}

KTEST(a_wild_write_to_a_page_table_ends_the_call) {
    if (!keys_on()) return t.skip();
    auto table = mm::alloc_page(mm::Alloc::zero | mm::Alloc::page_table);
    REQUIRE(table.has_value());
    write_wildly(t, mm::page_address(*table));
    mm::free_pages(*table, 0);
}

KTEST(a_wild_write_to_an_object_of_the_core_ends_the_call) {
    if (!keys_on()) return t.skip();
    Ref<process::Credentials> credentials = process::Credentials::root();
    REQUIRE(credentials);
    write_wildly(t, credentials.get());
}

// Pages that were the core's are everybody's again, on every CPU.
KTEST(what_the_core_gave_back_can_be_written) {
    t.parallel(4, [&](u32) {
        for (u32 i = 0; i < 200; ++i) {
            auto table = mm::alloc_page(mm::Alloc::page_table);
            REQUIRE(table.has_value());
            mm::free_pages(*table, 0);
            auto page = mm::alloc_page();
            REQUIRE(page.has_value());
            auto* words = static_cast<volatile u64*>(mm::page_address(*page));
            words[i % 512] = i;
            EXPECT(words[i % 512] == i);
            mm::free_pages(*page, 0);
        }
    });
}

struct alignas(64) Aligned {
    u8 bytes[192];
};

KTEST(memory_of_every_size_is_the_modules_own) {
    for (usize size = 8; size <= 64 * 1024; size *= 2) {
        auto* p = static_cast<volatile u8*>(mm::kmalloc(size + 1));
        REQUIRE(p != nullptr);
        p[0] = 1;
        p[size] = 1;
        mm::kfree(const_cast<u8*>(p));
    }
    std::unique_ptr<Aligned> aligned(new (std::nothrow) Aligned);
    REQUIRE(aligned);
    aligned->bytes[191] = 1;
}

}  // namespace

KTEST_MODULE("ktest_keys", &a_wild_write_to_a_task_ends_the_call,
             &a_wild_write_to_data_of_the_core_ends_the_call,
             &a_wild_write_to_a_frame_record_ends_the_call,
             &a_wild_write_to_a_page_table_ends_the_call,
             &a_wild_write_to_an_object_of_the_core_ends_the_call,
             &what_the_core_gave_back_can_be_written, &memory_of_every_size_is_the_modules_own);
