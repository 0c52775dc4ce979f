#include "core/vfs/cpio.h"

#include <cstring>

namespace tenon::vfs::cpio {

namespace {

constexpr usize kHeaderBytes = 110;
constexpr std::string_view kTrailer = "TRAILER!!!";

bool hex8(const u8* p, u32& out) {
    u32 v = 0;
    for (int i = 0; i < 8; i++) {
        u8 c = p[i];
        u32 d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if (c >= 'a' && c <= 'f')
            d = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            d = c - 'A' + 10;
        else
            return false;
        v = v << 4 | d;
    }
    out = v;
    return true;
}

bool is_compressed(std::span<const u8> p) {
    auto starts = [&](std::initializer_list<u8> magic) {
        return p.size() >= magic.size() && std::memcmp(p.data(), magic.begin(), magic.size()) == 0;
    };
    return starts({0x1f, 0x8b}) || starts({0x28, 0xb5, 0x2f, 0xfd}) ||
           starts({0xfd, '7', 'z', 'X', 'Z', 0}) || starts({'B', 'Z', 'h'}) ||
           starts({0x89, 'L', 'Z', 'O'}) || starts({0x5d, 0, 0}) || starts({2, '!', 'L', 0x18});
}

}  // namespace

const char* describe(End end) {
    switch (end) {
        case End::none:
            return "still reading";
        case End::finished:
            return "complete";
        case End::bad_magic:
            return "no cpio header where one should be";
        case End::bad_header:
            return "a cpio header is damaged";
        case End::truncated:
            return "the archive ends in the middle of an entry";
        case End::compressed:
            return "the archive is compressed, which is not supported";
        case End::no_trailer:
            return "the archive has no trailer: it may be cut short";
    }
    return "?";
}

bool Reader::next(Entry& entry) {
    if (end_ != End::none) return false;
    for (;;) {
        if (!inside_) {
            // Between archives: zero padding.
            while (at_ < all_.size() && all_[at_] == 0) at_++;
            if (at_ == all_.size()) return stop(End::finished);
            start_ = at_;
        }
        u64 left = all_.size() - at_;
        const u8* p = all_.data() + at_;
        if (left == 0) return stop(End::no_trailer);
        if (left < 6) return stop(End::truncated);
        if (std::memcmp(p, "070701", 6) != 0 && std::memcmp(p, "070702", 6) != 0) {
            if (!inside_ && is_compressed(all_.subspan(at_))) return stop(End::compressed);
            return stop(End::bad_magic);
        }
        if (left < kHeaderBytes) return stop(End::truncated);
        u32 field[13];
        for (int i = 0; i < 13; i++)
            if (!hex8(p + 6 + i * 8, field[i])) return stop(End::bad_header);
        u64 name_length = field[11], data_length = field[6];
        if (name_length == 0 || name_length > 4096) return stop(End::bad_header);
        u64 name_at = at_ + kHeaderBytes;
        u64 data_at = start_ + align_up(name_at + name_length - start_, 4);
        u64 next_at = start_ + align_up(data_at + data_length - start_, 4);
        if (name_at + name_length > all_.size() || data_at + data_length > all_.size())
            return stop(End::truncated);
        const char* name = reinterpret_cast<const char*>(all_.data() + name_at);
        if (name[name_length - 1] != '\0') return stop(End::bad_header);
        // Builders fill the name up with NULs, so that the data starts on a page.
        std::string_view text(name);
        inside_ = true;
        at_ = next_at < all_.size() ? next_at : all_.size();
        if (text == kTrailer) {
            inside_ = false;
            archives_++;
            continue;
        }
        while (text.starts_with("./") || text.starts_with("/"))
            text.remove_prefix(text[0] == '/' ? 1 : 2);
        while (text.ends_with('/')) text.remove_suffix(1);
        if (text == ".") text = {};
        entry.name = text;
        entry.ino = field[0];
        entry.mode = field[1];
        entry.uid = field[2];
        entry.gid = field[3];
        entry.nlink = field[4];
        entry.mtime_s = field[5];
        entry.dev_major = field[7];
        entry.dev_minor = field[8];
        entry.rdev_major = field[9];
        entry.rdev_minor = field[10];
        entry.data = all_.subspan(data_at, data_length);
        entry.data_offset = data_at;
        return true;
    }
}

}  // namespace tenon::vfs::cpio
