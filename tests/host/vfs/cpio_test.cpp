#include "core/vfs/cpio.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace tenon::vfs::cpio {
namespace {

// Appends one newc entry; `name_room` fills the name up with NULs, as builders do for alignment.
void append(std::string& out, const std::string& name, u32 mode, const std::string& data,
            u32 ino = 1, u32 nlink = 1, usize name_room = 0) {
    usize name_size = std::max(name.size() + 1, name_room);
    char header[111];
    std::snprintf(header, sizeof(header),
                  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino, mode, 7, 8,
                  nlink, 0x60000000, static_cast<u32>(data.size()), 1, 2, 3, 4,
                  static_cast<u32>(name_size), 0);
    out += header;
    std::string padded = name;
    padded.resize(name_size, '\0');
    out += padded;
    while (out.size() % 4) out += '\0';
    out += data;
    while (out.size() % 4) out += '\0';
}
void finish(std::string& out) {
    append(out, "TRAILER!!!", 0, "");
}
std::span<const u8> bytes(const std::string& s) {
    return {reinterpret_cast<const u8*>(s.data()), s.size()};
}
struct Read {
    std::vector<std::string> names;
    End end;
    u64 offset;
};
Read read_all(const std::string& archive) {
    // A copy of exactly that size, so that the sanitizer sees every byte beyond it.
    std::vector<u8> exact(archive.begin(), archive.end());
    Reader reader(exact);
    Entry entry;
    Read r;
    while (reader.next(entry)) {
        r.names.emplace_back(entry.name);
        for (u8 b : entry.data) r.offset += b;  // touch all of it
    }
    r.end = reader.end();
    r.offset = reader.offset();
    return r;
}

TEST(Cpio, reads_names_contents_and_attributes) {
    std::string a;
    append(a, "./etc", 040755, "");
    append(a, "etc/motd", 0100644, "hello", 42, 2);
    finish(a);
    Reader reader(bytes(a));
    Entry e;
    ASSERT_TRUE(reader.next(e));
    EXPECT_EQ(e.name, "etc");
    ASSERT_TRUE(reader.next(e));
    EXPECT_EQ(e.name, "etc/motd");
    EXPECT_EQ(e.mode, 0100644u);
    EXPECT_EQ(e.uid, 7u);
    EXPECT_EQ(e.gid, 8u);
    EXPECT_EQ(e.ino, 42u);
    EXPECT_EQ(e.nlink, 2u);
    EXPECT_EQ(e.mtime_s, 0x60000000u);
    EXPECT_EQ(e.rdev_major, 3u);
    EXPECT_EQ(e.rdev_minor, 4u);
    EXPECT_EQ(std::string(e.data.begin(), e.data.end()), "hello");
    EXPECT_FALSE(reader.next(e));
    EXPECT_EQ(reader.end(), End::finished);
}

TEST(Cpio, gives_the_root_an_empty_name) {
    std::string a;
    append(a, ".", 040755, "");
    append(a, "/", 040755, "");
    finish(a);
    Read r = read_all(a);
    ASSERT_EQ(r.names.size(), 2u);
    EXPECT_EQ(r.names[0], "");
    EXPECT_EQ(r.names[1], "");
}

TEST(Cpio, takes_names_filled_up_with_nuls) {
    std::string a;
    append(a, "bin/sh", 0100755, "x", 1, 1, 200);
    finish(a);
    Read r = read_all(a);
    ASSERT_EQ(r.names.size(), 1u);
    EXPECT_EQ(r.names[0], "bin/sh");
    EXPECT_EQ(r.end, End::finished);
}

TEST(Cpio, reads_archives_one_after_the_other_with_padding) {
    std::string a;
    append(a, "one", 0100644, "1");
    finish(a);
    a.append(512 - a.size() % 512, '\0');
    std::string b;
    append(b, "two", 0100644, "22");
    finish(b);
    Read r = read_all(a + b + std::string(100, '\0'));
    ASSERT_EQ(r.names.size(), 2u);
    EXPECT_EQ(r.names[1], "two");
    EXPECT_EQ(r.end, End::finished);
}

TEST(Cpio, aligns_the_second_archive_by_its_own_start) {
    std::string a;
    append(a, "one", 0100644, "1");
    finish(a);
    a += std::string(2, '\0');  // the next one starts at an odd place
    std::string b;
    append(b, "two", 0100644, "22");
    append(b, "three", 0100644, "333");
    finish(b);
    Read r = read_all(a + b);
    EXPECT_EQ(r.names.size(), 3u);
    EXPECT_EQ(r.end, End::finished);
}

TEST(Cpio, keeps_what_came_before_a_cut_at_every_byte) {
    std::string a;
    append(a, "one", 0100644, "first");
    usize after_one = a.size();
    append(a, "two", 0100644, "second file");
    finish(a);
    for (usize cut = 1; cut < a.size(); cut++) {
        Read r = read_all(a.substr(0, cut));
        EXPECT_NE(r.end, End::finished) << cut;
        EXPECT_EQ(r.names.size() >= 1, cut + 3 >= after_one) << cut;
    }
}

TEST(Cpio, says_that_an_archive_is_compressed) {
    EXPECT_EQ(read_all("\x1f\x8b\x08 and so on").end, End::compressed);
    EXPECT_EQ(read_all("\x28\xb5\x2f\xfd and so on").end, End::compressed);
    EXPECT_EQ(read_all("not an archive at all").end, End::bad_magic);
}

TEST(Cpio, refuses_sizes_beyond_the_archive_and_bad_digits) {
    std::string a;
    append(a, "one", 0100644, "1");
    finish(a);
    std::string huge = a;
    huge.replace(6 + 6 * 8, 8, "FFFFFFFF");
    EXPECT_EQ(read_all(huge).end, End::truncated);
    std::string digits = a;
    digits[6 + 8] = 'z';
    EXPECT_EQ(read_all(digits).end, End::bad_header);
    std::string name = a;
    name.replace(6 + 11 * 8, 8, "00000000");
    EXPECT_EQ(read_all(name).end, End::bad_header);
}

TEST(Cpio, never_reads_outside_whatever_the_bytes_are) {
    std::string a;
    append(a, "dir", 040755, "");
    append(a, "dir/file", 0100644, std::string(300, 'x'));
    append(a, "dir/link", 0120777, "file");
    finish(a);
    std::mt19937 random(20261121);
    for (int round = 0; round < 20000; round++) {
        std::string mutated = a;
        for (u32 n = random() % 4 + 1; n != 0; n--)
            mutated[random() % mutated.size()] = static_cast<char>(random());
        read_all(mutated);
    }
}

}  // namespace
}  // namespace tenon::vfs::cpio
