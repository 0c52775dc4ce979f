#include "pkg/lib/apk/file.h"

#include <unordered_map>
#include <unordered_set>

namespace tenon::pkg::apk {

namespace {

// The longest that is ever put behind a file's name: it waits beside one that its user changed.
constexpr size_t kSuffixMax = sizeof(".apk-new.pkg-new") - 1;

class CheckSink final : public EntrySink {
  public:
    explicit CheckSink(ContentSink* contents) : contents_(contents) {}

    std::vector<TarEntry> entries;

    Status entry(const TarEntry& e, EntryData& data) override {
        TRY(check_place(e));
        if (e.type == FileType::hard_link) {
            auto it = seen_.find(e.link);
            if (it == seen_.end() || (entries[it->second].type != FileType::regular &&
                                      entries[it->second].type != FileType::hard_link))
                return fail("'%s' is a hard link to '%s', which is no file that came before it",
                            e.path.c_str(), e.link.c_str());
        }
        const bool taken = contents_ && e.type == FileType::regular;
        if (taken) TRY(contents_->begin(entries.size(), e));
        uint64_t total = 0;
        char buffer[32768];
        for (;;) {
            TRY_SET(size_t n, data.read(buffer, sizeof(buffer)));
            if (n == 0) break;
            if (taken) TRY(contents_->write(buffer, n));
            total += n;
        }
        if (total != e.size_bytes) return fail("'%s' is truncated", e.path.c_str());
        if (taken) TRY(contents_->end());
        seen_.emplace(e.path, entries.size());
        entries.push_back(e);
        return {};
    }

  private:
    Status check_place(const TarEntry& e) {
        if (contents_ && e.path.size() - e.path.rfind('/') - 1 + kSuffixMax > 255)
            return fail("'%s' has a name too long to be replaced safely", e.path.c_str());
        if (e.path == "/." && e.type != FileType::directory)
            return fail("'%s' would replace the root directory", e.path.c_str());
        if (auto it = seen_.find(e.path); it != seen_.end())
            if (e.type != FileType::directory || entries[it->second].type != FileType::directory)
                return fail("'%s' appears twice", e.path.c_str());
        for (size_t at = e.path.rfind('/'); at != 0; at = e.path.rfind('/', at - 1)) {
            std::string parent = e.path.substr(0, at);
            auto it = seen_.find(parent);
            if (it != seen_.end() && entries[it->second].type != FileType::directory)
                return fail("'%s' lies below '%s', which is not a directory", e.path.c_str(),
                            it->first.c_str());
            parents_.insert(std::move(parent));
        }
        if (e.type != FileType::directory && parents_.contains(e.path))
            return fail("'%s' is a directory and something else", e.path.c_str());
        return {};
    }

    ContentSink* contents_;
    std::unordered_map<std::string, size_t> seen_;
    std::unordered_set<std::string> parents_;
};

Result<bool> is_adb(Source source) {
    char head[3];
    for (size_t have = 0; have < sizeof(head);) {
        TRY_SET(size_t n, source.read(head + have, sizeof(head) - have));
        if (n == 0) return fail("is too short to be a package");
        have += n;
    }
    return std::string_view(head, 3) == "ADB";
}

Result<IndexContents> read_index(Source source, const KeyRing& keys) {
    TRY_SET(bool v3, is_adb(source));
    TRY_SET(auto index, v3 ? read_index_v3(source, keys) : read_index_v2(source, keys));
    TRY(refuse_bad(index.signatures));
    return index;
}

}  // namespace

Result<ApkFile> ApkFile::read(std::string path, Source source, const KeyRing& keys) {
    auto in_file = [&](Error e) { return std::unexpected(std::move(e).in(path)); };
    ApkFile file(path, source);
    auto v3 = is_adb(source);
    if (!v3) return in_file(v3.error());
    file.format_ = *v3 ? 3 : 2;
    auto contents = *v3 ? read_v3(source, keys) : read_v2(source, keys);
    if (!contents) return in_file(contents.error());
    file.contents_ = std::move(*contents);
    if (Status s = refuse_bad(file.contents_.signatures); !s) return in_file(s.error());
    return file;
}

Result<ApkFile> ApkFile::open(const std::string& path, const KeyRing& keys) {
    auto source = Source::open(path);
    if (!source) return std::unexpected(std::move(source.error()).in(path));
    return read(path, std::move(*source), keys);
}

Result<ApkFile> ApkFile::open_memory(std::string_view data, const KeyRing& keys) {
    return read("memory", Source::memory(data), keys);
}

Status ApkFile::require_good() const {
    if (Status s = apk::require_good(contents_.signatures); !s)
        return std::unexpected(std::move(s.error()).in(path_));
    return {};
}

Status ApkFile::walk_data(EntrySink& sink) const {
    Source source = source_.again();
    Status done =
        format_ == 3 ? walk_v3(source, contents_, sink) : walk_v2(source, contents_, sink);
    if (!done) return std::unexpected(std::move(done.error()).in(path_));
    return {};
}

Result<std::vector<TarEntry>> ApkFile::check(ContentSink* contents) const {
    CheckSink sink(contents);
    TRY(walk_data(sink));
    return std::move(sink.entries);
}

Result<IndexContents> open_index(const std::string& path, const KeyRing& keys) {
    auto source = Source::open(path);
    if (!source) return std::unexpected(std::move(source.error()).in(path));
    auto index = read_index(std::move(*source), keys);
    if (!index) return std::unexpected(std::move(index.error()).in(path));
    return index;
}

Result<IndexContents> open_index_memory(std::string_view data, const KeyRing& keys) {
    return read_index(Source::memory(data), keys);
}

}  // namespace tenon::pkg::apk
