#include "pkg/lib/apt/index.h"

#include <string.h>
#include <zstd.h>

#include <algorithm>

#include "pkg/lib/hash.h"
#include "pkg/lib/relation.h"
#include "pkg/lib/text.h"
#include "pkg/lib/version.h"

namespace tenon::pkg::apt {

namespace {

constexpr size_t kBlockBytes = 256 * 1024;
constexpr size_t kMaxStanzaBytes = 4 * 1024 * 1024;
constexpr size_t kMaxIndexBytes = size_t{1} << 30;
constexpr size_t kShownLeftOut = 5;
constexpr int kQuickest = 1;

// The fields that are kept, in this order.
constexpr const char* kKept[] = {
    "Package",  "Version",   "Architecture", "Multi-Arch",  "Essential",      "Protected",
    "Priority", "Section",   "Pre-Depends",  "Depends",     "Recommends",     "Suggests",
    "Breaks",   "Conflicts", "Replaces",     "Provides",    "Installed-Size", "Filename",
    "Size",     "SHA256",    "SHA512",       "Description",
};
constexpr const char* kRelations[] = {"Pre-Depends", "Depends",   "Recommends", "Suggests",
                                      "Breaks",      "Conflicts", "Replaces",   "Provides"};

// The end of the first stanza in `s`: where its empty line begins; npos when it has none yet.
size_t stanza_end(std::string_view s, size_t from, size_t& next) {
    for (size_t at = from;; at++) {
        const void* found = at < s.size() ? memchr(s.data() + at, '\n', s.size() - at) : nullptr;
        if (!found) return std::string_view::npos;
        at = static_cast<size_t>(static_cast<const char*>(found) - s.data());
        // Blank lines with blanks in them count as empty.
        size_t k = at + 1;
        while (k < s.size() && (s[k] == ' ' || s[k] == '\t' || s[k] == '\r')) k++;
        if (k >= s.size()) return std::string_view::npos;
        if (s[k] == '\n') {
            next = k + 1;
            return at + 1;
        }
    }
}

bool harmless_filename(std::string_view path) {
    if (path.empty() || path.starts_with('/') || path.size() > 4000) return false;
    for (std::string_view part : split(path, '/'))
        if (part == "..") return false;
    for (char c : path)
        if (static_cast<unsigned char>(c) < ' ' || c == 127) return false;
    return true;
}

}  // namespace

std::string_view StanzaView::get(std::string_view name) const {
    std::string_view s = text_;
    while (!s.empty()) {
        size_t line_end = s.find('\n');
        if (line_end == std::string_view::npos) line_end = s.size();
        if (s.size() > name.size() && s[name.size()] == ':' &&
            iequals(s.substr(0, name.size()), name)) {
            size_t end = line_end;
            while (end + 1 < s.size() && (s[end + 1] == ' ' || s[end + 1] == '\t')) {
                end = s.find('\n', end + 1);
                if (end == std::string_view::npos) end = s.size();
            }
            return trim(s.substr(name.size() + 1, end - name.size() - 1));
        }
        if (line_end == s.size()) break;
        s.remove_prefix(line_end + 1);
    }
    return {};
}

Status for_each_stanza(ByteStream& in, const std::function<Status(StanzaView)>& each) {
    std::string buffer;
    bool at_end = false;
    size_t searched = 0, begin = 0;
    for (;;) {
        size_t next = 0;
        size_t end = stanza_end(buffer, searched, next);
        if (end == std::string::npos && !at_end) {
            if (buffer.size() - begin > kMaxStanzaBytes) return fail("a stanza is too long");
            buffer.erase(0, begin);
            begin = 0;
            // The last line may go on, or be the newline before an empty one.
            searched = buffer.rfind('\n');
            if (searched == std::string::npos) searched = 0;
            size_t have = buffer.size();
            buffer.resize(have + kBlockBytes);
            TRY_SET(size_t n, in.read_full(buffer.data() + have, kBlockBytes));
            if (memchr(buffer.data() + have, 0, n)) return fail("it holds a NUL byte");
            buffer.resize(have + n);
            at_end = n < kBlockBytes;
            continue;
        }
        if (end == std::string::npos) end = next = buffer.size();
        std::string_view stanza = std::string_view(buffer).substr(begin, end - begin);
        if (!trim(stanza).empty()) TRY(each(StanzaView(stanza)));
        begin = searched = next;
        if (at_end && begin >= buffer.size()) return {};
    }
}

std::string trouble_with(const StanzaView& s) {
    std::string name(s.get("Package"));
    if (!valid_package_name(name)) return "a package has the bad name '" + name + "'";
    std::string who = "package " + name + ": ";
    if (!valid_architecture(s.get("Architecture"))) return who + "bad architecture";
    if (auto v = Version::parse(s.get("Version")); !v) return who + v.error().text;
    for (const char* f : kRelations)
        if (auto r = parse_dependencies(s.get(f)); !r) return who + f + ": " + r.error().text;
    if (!harmless_filename(s.get("Filename"))) return who + "bad file name";
    unsigned long long size = 0;
    if (!parse_u64(s.get("Size"), size) || size == 0) return who + "bad size";
    std::string raw;
    bool sha256 = from_hex(s.get("SHA256"), raw) && raw.size() == 32;
    bool sha512 = from_hex(s.get("SHA512"), raw) && raw.size() == 64;
    if (!sha256 && !sha512) return who + "neither a SHA256 nor a SHA512 digest";
    return {};
}

Result<std::string> make_index(ByteStream& packages, IndexReport& report) {
    std::string out;
    TRY(for_each_stanza(packages, [&](StanzaView s) -> Status {
        if (std::string trouble = trouble_with(s); !trouble.empty()) {
            if (report.left_out_count++ < kShownLeftOut) report.left_out.push_back(trouble);
            return {};
        }
        // One walk over the lines, not one a field.
        std::string_view lines[std::size(kKept)];
        std::string_view text = s.text();
        while (!text.empty()) {
            size_t end = text.find('\n');
            while (end != std::string_view::npos && end + 1 < text.size() &&
                   (text[end + 1] == ' ' || text[end + 1] == '\t'))
                end = text.find('\n', end + 1);
            std::string_view field = text.substr(0, end);
            text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
            std::string_view key = field.substr(0, field.find(':'));
            for (size_t i = 0; i < std::size(kKept); i++)
                if (lines[i].empty() && iequals(key, kKept[i])) lines[i] = field;
        }
        for (size_t i = 0; i < std::size(kKept); i++) {
            std::string_view line = lines[i];
            if (line.empty()) continue;
            // Of the description the first line.
            if (i + 1 == std::size(kKept)) line = line.substr(0, line.find('\n'));
            out += line;
            out += '\n';
        }
        out += '\n';
        if (out.size() > kMaxIndexBytes) return fail("it is too long");
        report.packages++;
        return {};
    }));
    return out;
}

std::string compress_index(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    size_t n = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), kQuickest);
    out.resize(ZSTD_isError(n) ? 0 : n);
    return out;
}

Status Catalog::add(ByteStream& index, uint32_t origin) {
    TRY_SET(auto plain, decompress(index, Filter::zstd));
    std::string text;
    for (;;) {
        size_t have = text.size();
        if (have > kMaxIndexBytes) return fail("it is too long");
        // Growing by doubling would hold twice what is needed.
        if (text.capacity() < have + kBlockBytes) text.reserve(have + have / 4 + kBlockBytes);
        text.resize(have + kBlockBytes);
        TRY_SET(size_t n, plain->read_full(text.data() + have, kBlockBytes));
        text.resize(have + n);
        if (n < kBlockBytes) break;
    }
    return add_text(std::move(text), origin);
}

Status Catalog::add_text(std::string all, uint32_t origin) {
    texts_.push_back(std::make_unique<std::string>(std::move(all)));
    std::string_view text = *texts_.back();
    while (!text.empty()) {
        size_t next = 0, end = stanza_end(text, 0, next);
        if (end == std::string_view::npos) end = next = text.size();
        Record r{.text = text.substr(0, end), .origin = origin};
        text.remove_prefix(next);
        if (trim(r.text).empty()) continue;
        r.name = r.get("Package");
        r.version = r.get("Version");
        r.arch = r.get("Architecture");
        if (r.name.empty() || r.version.empty() || r.arch.empty())
            return fail("an index is damaged; 'pkg update' makes it anew");
        records_.push_back(r);
    }
    return {};
}

void Catalog::finish() {
    auto by_name = [](const Record& a, const Record& b) { return a.name < b.name; };
    // One repository's Packages is in order already.
    if (!std::is_sorted(records_.begin(), records_.end(), by_name))
        std::stable_sort(records_.begin(), records_.end(), by_name);
    records_.shrink_to_fit();
}

std::pair<size_t, size_t> Catalog::range(std::string_view name) const {
    auto [first, last] =
        std::equal_range(records_.begin(), records_.end(), name, [](const auto& a, const auto& b) {
            auto key = [](const auto& x) -> std::string_view {
                if constexpr (requires { x.name; })
                    return x.name;
                else
                    return x;
            };
            return key(a) < key(b);
        });
    return {static_cast<size_t>(first - records_.begin()),
            static_cast<size_t>(last - records_.begin())};
}

}  // namespace tenon::pkg::apt
