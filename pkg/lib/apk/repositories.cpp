#include "pkg/lib/apk/repositories.h"

#include <algorithm>
#include <set>

#include "pkg/lib/apk/file.h"
#include "pkg/lib/stream.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr const char* kFile = "/etc/apk/repositories";
constexpr const char* kDirectory = "/etc/apk/repositories.d";
constexpr const char* kIndexV2 = "APKINDEX.tar.gz";
constexpr const char* kIndexV3 = "Packages.adb";
constexpr size_t kIndexMaxBytes = 64 << 20;
// A file name has at most 255 bytes.
constexpr size_t kNameMax = 160, kNameKept = 100, kNameHash = 32;
constexpr size_t kCacheHash = 16;

Result<std::string> uri_of(std::string_view word) {
    while (word.size() > 1 && word.ends_with('/')) word.remove_suffix(1);
    if (word.starts_with('/')) return "file:" + uri_escaped(word);
    const std::string text(word);
    if (word.starts_with("http://") || word.starts_with("https://")) return text;
    if (word.starts_with("file:") && local_path(text)) return text;
    return fail("'%s' is neither an http or https URL nor an absolute path", text.c_str());
}

bool names_index(std::string_view uri) {
    return uri.ends_with(".adb") || uri.ends_with(".tar.gz");
}

Result<std::vector<Repository>> parse_line(std::string_view line) {
    std::vector<std::string_view> words = split_words(line);
    size_t at = 0;
    Repository r;
    if (words[at].starts_with('@')) {
        r.tag = words[at++].substr(1);
        if (!valid_name(r.tag)) return fail("'@%s' is no tag", r.tag.c_str());
    }
    const bool layout_named =
        at < words.size() && (words[at] == "v2" || words[at] == "v3" || words[at] == "ndx");
    if (layout_named) {
        r.layout = words[at] == "v2"   ? Repository::Layout::v2
                   : words[at] == "v3" ? Repository::Layout::v3
                                       : Repository::Layout::index;
        at++;
    }
    if (at == words.size()) return fail("there is no URL or path");
    TRY_SET(r.uri, uri_of(words[at++]));
    if (!layout_named && names_index(r.uri)) r.layout = Repository::Layout::index;
    if (at == words.size()) return std::vector<Repository>{r};
    if (!layout_named || r.layout == Repository::Layout::index)
        return fail("'%s' is too much", std::string(words[at]).c_str());
    std::vector<Repository> out;
    for (; at < words.size(); at++) {
        out.push_back(r);
        out.back().uri += "/" + uri_escaped(words[at]);
    }
    return out;
}

// As the file is called that keeps it: what the URI says, without what a name cannot hold.
std::string kept_name(std::string_view uri) {
    size_t at = uri.find("://");
    std::string_view from = uri.substr(at != std::string::npos ? at + 3 : uri.find(':') + 1);
    std::string out;
    for (char c : from)
        if (c == '/')
            out += '_';
        else if (is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '+')
            out += c;
        else
            out += format("%%%02x", static_cast<unsigned char>(c));
    if (out.size() <= kNameMax) return out;
    return out.substr(0, kNameKept) +
           to_hex(hash_of(HashAlgorithm::sha256, from)).substr(0, kNameHash) + "_" +
           out.substr(out.rfind('_') + 1).substr(0, 20);
}

std::string kept_path(std::string_view uri) {
    return std::string(kIndexes) + "/" + kept_name(uri);
}

Result<IndexContents> judged(std::string_view data, const KeyRing& keys, bool allow_untrusted) {
    TRY_SET(auto index, open_index_memory(data, keys));
    if (!allow_untrusted) TRY(require_good(index.signatures));
    return index;
}

std::string signer_of(const IndexContents& index) {
    for (const auto& s : index.signatures)
        if (s.state == Signature::State::good) return s.key;
    return "";
}

// nullopt: it is not there.
Result<std::optional<std::string>> fetch_index(Fetcher& fetcher, Root& cache,
                                               const std::string& uri) {
    const std::string scratch = std::string(kIndexes) + "/download";
    TRY(cache.mkdir_all(kIndexes, 0755));
    TRY_SET(auto path, fetcher.bring(uri, nullptr, scratch));
    if (!path) return std::nullopt;
    auto read = [&]() -> Result<std::string> {
        TRY_SET(Source file, Source::open(*path));
        if (file.size_bytes() > kIndexMaxBytes) return fail("it is too long");
        std::string out(file.size_bytes(), '\0');
        TRY_SET(size_t n, file.read_full(out.data(), out.size()));
        out.resize(n);
        return out;
    };
    auto data = read();
    TRY(cache.unlink(scratch));
    if (!data) return std::unexpected(std::move(data.error()).in(uri));
    return std::move(*data);
}

// Every architecture has a directory of its own, but for an index that is named itself.
std::vector<std::string> archs_of(const Repository& r, const std::vector<std::string>& archs) {
    if (r.layout == Repository::Layout::index && !archs.empty()) return {archs[0]};
    return archs;
}

}  // namespace

std::vector<std::string> Repository::index_uris(const std::string& arch) const {
    if (layout == Layout::index) return {uri};
    const std::string dir = uri + "/" + arch + "/";
    if (layout == Layout::v2) return {dir + kIndexV2};
    if (layout == Layout::v3) return {dir + kIndexV3};
    return {dir + kIndexV2, dir + kIndexV3};
}

Result<std::vector<Repository>> parse_repositories(std::string_view text, const std::string& name) {
    std::vector<Repository> out;
    size_t number = 0;
    for (std::string_view line : split_lines(text)) {
        number++;
        line = trim(line);
        if (line.empty() || line.starts_with('#')) continue;
        const std::string where = format("%s:%zu", name.c_str(), number);
        auto parsed = parse_line(line);
        if (!parsed) return std::unexpected(std::move(parsed.error()).in(where));
        for (Repository& r : *parsed) {
            r.where = where;
            bool known = std::any_of(out.begin(), out.end(), [&](const Repository& o) {
                return o.uri == r.uri && o.tag == r.tag && o.layout == r.layout;
            });
            if (!known) out.push_back(std::move(r));
        }
    }
    return out;
}

Result<std::vector<Repository>> read_repositories(Root& root) {
    std::vector<std::string> files = {kFile};
    TRY_SET(auto dir, root.stat_follow(kDirectory));
    if (dir && S_ISDIR(dir->st_mode)) {
        TRY_SET(auto names, root.list(kDirectory));
        std::sort(names.begin(), names.end());
        for (const auto& n : names)
            if (n.ends_with(".list") && !n.starts_with('.'))
                files.push_back(std::string(kDirectory) + "/" + n);
    }
    std::vector<Repository> out;
    for (const auto& file : files) {
        TRY_SET(auto text, root.read_if_there(file));
        if (!text) continue;
        TRY_SET(auto list, parse_repositories(*text, file));
        out.insert(out.end(), list.begin(), list.end());
    }
    return out;
}

Result<IndexReport> update_repository(Root& cache, Fetcher& fetcher, const Repository& repository,
                                      const std::vector<std::string>& archs, const KeyRing& keys,
                                      bool allow_untrusted) {
    IndexReport report{.unchanged = true, .signer = {}};
    // All are judged before the first is kept.
    std::vector<std::pair<std::string, std::string>> good;
    std::set<std::string> gone;
    const auto wanted = archs_of(repository, archs);
    for (const auto& arch : wanted) {
        const auto uris = repository.index_uris(arch);
        bool found = false;
        for (const auto& uri : uris) {
            if (found) {
                gone.insert(kept_path(uri));
                continue;
            }
            TRY_SET(auto data, fetch_index(fetcher, cache, uri));
            if (!data) {
                gone.insert(kept_path(uri));
                continue;
            }
            found = true;
            auto index = judged(*data, keys, allow_untrusted);
            if (!index) return std::unexpected(std::move(index.error()).in(uri));
            report.packages += index->packages.size();
            report.signer = signer_of(*index);
            TRY_SET(auto old, cache.read_if_there(kept_path(uri)));
            if (old && *old == *data) continue;
            report.unchanged = false;
            good.emplace_back(kept_path(uri), std::move(*data));
        }
        if (!found && arch == wanted[0])
            return fail("%s: it has no index for %s (%s)", repository.uri.c_str(), arch.c_str(),
                        join(uris, ", ").c_str());
    }
    for (const auto& [path, data] : good) TRY(cache.write_file(path, data));
    for (const auto& path : gone) TRY(cache.unlink(path));
    return report;
}

Status prune_indexes(Root& cache, const std::vector<Repository>& repositories,
                     const std::vector<std::string>& archs) {
    TRY_SET(bool there, cache.exists(kIndexes));
    if (!there) return {};
    std::set<std::string> keep;
    for (const auto& r : repositories)
        for (const auto& arch : archs_of(r, archs))
            for (const auto& uri : r.index_uris(arch)) keep.insert(kept_name(uri));
    TRY_SET(auto names, cache.list(kIndexes));
    for (const auto& n : names)
        if (!keep.contains(n)) TRY(cache.unlink(std::string(kIndexes) + "/" + n));
    return {};
}

Result<Indexes> load_indexes(Root& cache, const std::vector<Repository>& repositories,
                             const std::vector<std::string>& archs, const KeyRing& keys,
                             bool allow_untrusted) {
    Indexes out;
    for (const auto& r : repositories) {
        const auto wanted = archs_of(r, archs);
        for (const auto& arch : wanted) {
            bool found = false;
            for (const auto& uri : r.index_uris(arch)) {
                TRY_SET(auto data, cache.read_if_there(kept_path(uri)));
                if (!data) continue;
                found = true;
                // The key may have gone since it was fetched.
                auto index = judged(*data, keys, allow_untrusted);
                if (!index) {
                    out.missing.push_back("the index of " + r.str() +
                                          " cannot be used: " + index.error().text);
                    break;
                }
                out.list.push_back({.repository = r,
                                    .base_uri = uri.substr(0, uri.rfind('/') + 1),
                                    .packages = std::move(index->packages)});
                break;
            }
            if (!found && arch == wanted[0])
                out.missing.push_back("the index of " + r.str() + " is not here yet: pkg update");
        }
    }
    return out;
}

Result<Download> download_of(const Index& index, const Package& p, const KeyRing& keys) {
    TRY(p.check());
    const std::string name = p.display_name();
    if (p.checksum.kind == Checksum::Kind::none || p.file_size_bytes == 0)
        return fail("the index of %s does not say what %s must be", index.repository.uri.c_str(),
                    name.c_str());
    if (name.contains('/')) return fail("'%s' is no name of a file", name.c_str());
    Download d;
    d.uri = index.base_uri + uri_escaped(name) + ".apk";
    d.name = name + "." + to_hex(p.checksum.bytes).substr(0, kCacheHash) + ".apk";
    d.what = name;
    d.expected.size_bytes = p.file_size_bytes;
    d.check = [checksum = p.checksum, name, &keys](const std::string& path) -> Status {
        TRY_SET(ApkFile file, ApkFile::open(path, keys));
        if (file.package().display_name() != name)
            return fail("it is %s", file.package().display_name().c_str());
        if (!same_identity(file.package().checksum, checksum))
            return fail("its checksum is %s and should be %s",
                        file.package().checksum.str().c_str(), checksum.str().c_str());
        TRY(file.check());
        return {};
    };
    return d;
}

}  // namespace tenon::pkg::apk
