// RPM's header: a bounded table of tags over a block of big-endian data.
// Spec: rpm's docs/manual/format_header.md.
//
// A header has one immutable region, which in a package is all of the main header. What it claims
// (counts, offsets, the region) is checked once, in parse(); entries may not overlap, so nothing in
// here takes more memory than the bytes that were really there.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/rpm/tags.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::rpm {

// installed: a main header with what an installation has added behind its immutable region.
enum class HeaderKind { signature, main, installed };

// One tag as it is stored.
struct HeaderEntry {
    Tag tag = 0;
    uint32_t type = 0, count = 0;
    std::string_view data;
};

class Header {
  public:
    // Reads one header at the stream's place, and the padding behind a signature header.
    static Result<Header> read(ByteStream& stream, HeaderKind kind);
    // `bytes` from the magic on.
    static Result<Header> parse(std::string bytes, HeaderKind kind);

    bool has(Tag tag) const { return find(tag) != nullptr; }
    // The number of values; 0 when absent.
    size_t count(Tag tag) const;
    // A tag that is absent, or of another class of types, gives the empty value. That a known tag
    // of a main header has its type was checked in parse().
    std::string_view string(Tag tag) const;  // the first one of several
    std::vector<std::string_view> strings(Tag tag) const;
    std::vector<uint64_t> numbers(Tag tag) const;
    uint64_t number(Tag tag, uint64_t otherwise = 0) const;
    std::string_view bytes(Tag tag) const;

    // Without the region's own, by tag.
    std::vector<HeaderEntry> entries() const;

    // Does an immutable region hold all that the package's builder wrote? rpm 3 made none.
    bool has_region() const { return has_region_; }
    // All of it, magic included: what the header's digests and signatures are made of.
    std::string_view raw() const { return raw_; }

  private:
    struct Entry {
        Tag tag;
        uint32_t type;
        uint32_t offset;  // in data()
        uint32_t count;
        uint32_t len_bytes;
    };

    Status check_region(HeaderKind kind);
    Status check_entries(HeaderKind kind);
    Entry raw_entry(size_t index) const;
    const Entry* find(Tag tag) const;
    std::string_view data() const;

    std::string raw_;
    uint32_t index_count_ = 0;
    uint32_t data_bytes_ = 0;
    bool has_region_ = false;
    uint32_t region_end_ = 0;     // offset in data() behind the region's trailer
    std::vector<Entry> entries_;  // by tag
};

}  // namespace tenon::pkg::rpm
