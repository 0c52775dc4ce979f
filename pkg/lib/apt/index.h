// Packages files, and what is kept of them.
//
// Theory. A Packages file is read once, when it comes in: each stanza is checked, and the fields
// that count are written to an index of our own in the same syntax, a third as long, compressed by
// zstd at its quickest level. A run that needs the packages reads the indexes into one block of
// text (Catalog) with a table of records that point into it: no allocation a package. Debian's main
// has 63,440 packages.
#pragma once

#include <stdint.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apt {

// One stanza of an index; views into the reader's buffer.
class StanzaView {
  public:
    explicit StanzaView(std::string_view text) : text_(text) {}
    std::string_view text() const { return text_; }
    // The value without the blanks around it; continuation lines are part of it. Names compare
    // without case. Empty when there is none.
    std::string_view get(std::string_view name) const;

  private:
    std::string_view text_;
};

// Calls `each` for every stanza, in order. A stanza over 4 MiB is an error; so is a NUL byte.
Status for_each_stanza(ByteStream& in, const std::function<Status(StanzaView)>& each);

struct IndexReport {
    size_t packages = 0;
    std::vector<std::string> left_out;  // sentences: the first few packages that are malformed
    size_t left_out_count = 0;
};

// The contents of an index of our own, from a Packages file. What makes a package impossible to
// install safely (no digest, a bad version, a file name that leaves the repository) leaves it out.
Result<std::string> make_index(ByteStream& packages, IndexReport& report);
// Of one stanza; empty when all is well.
std::string trouble_with(const StanzaView& s);
std::string compress_index(std::string_view text);

// One package that could be installed.
struct Record {
    std::string_view name = {}, version = {}, arch = {};
    std::string_view text = {};  // its stanza
    uint32_t origin = 0;    // which index it came from, by the number that add() was given
    std::string_view get(std::string_view field) const { return StanzaView(text).get(field); }
    std::string spec() const { return std::string(name) + " " + std::string(version); }
};

// Every package of every index that was added.
class Catalog {
  public:
    Catalog() = default;
    Catalog(const Catalog&) = delete;
    Catalog& operator=(const Catalog&) = delete;

    // `index`: compressed, as compress_index() gives it. Same-named records of several indexes all
    // stay.
    Status add(ByteStream& index, uint32_t origin);
    // The same of plain text.
    Status add_text(std::string text, uint32_t origin);
    // Call it once after the last add(): sorts by name, then as they came.
    void finish();

    const std::vector<Record>& records() const { return records_; }
    // Those of one name: [first, last) in records().
    std::pair<size_t, size_t> range(std::string_view name) const;

  private:
    std::vector<std::unique_ptr<std::string>> texts_;
    std::vector<Record> records_;
};

}  // namespace tenon::pkg::apt
