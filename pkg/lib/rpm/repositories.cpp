#include "pkg/lib/rpm/repositories.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "pkg/lib/openpgp/signed_text.h"
#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/stream.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

constexpr const char* kDirectories[] = {"/etc/yum.repos.d", "/etc/zypp/repos.d"};
constexpr const char* kVariableDirectories[] = {"/etc/yum/vars", "/etc/dnf/vars"};
constexpr const char* kRepomd = "repomd.xml";
constexpr const char* kSignature = "repomd.xml.asc";
constexpr size_t kRepomdMaxBytes = 16 << 20, kSignatureMaxBytes = 1 << 20;
constexpr uint64_t kFileMaxBytes = uint64_t{512} << 20;  // of metadata, compressed
constexpr const char* kArch = "x86_64";
constexpr size_t kCacheHash = 16;

bool is_id(std::string_view s) {
    return !s.empty() && s != "." && s != ".." && s.size() <= 128 &&
           std::all_of(s.begin(), s.end(), [](char c) {
               return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':';
           });
}

std::optional<bool> bool_of(std::string_view s) {
    for (const char* yes : {"1", "yes", "true", "on"})
        if (iequals(s, yes)) return true;
    for (const char* no : {"0", "no", "false", "off"})
        if (iequals(s, no)) return false;
    return std::nullopt;
}

// $NAME and ${NAME}; what is not known stays as it is.
std::string expanded(std::string_view text, const std::map<std::string, std::string>& variables) {
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] != '$') {
            out += text[i];
            continue;
        }
        size_t at = i + 1;
        const bool braced = at < text.size() && text[at] == '{';
        if (braced) at++;
        size_t end = at;
        while (end < text.size() &&
               (is_alpha(text[end]) || is_digit(text[end]) || text[end] == '_'))
            end++;
        auto known = variables.find(std::string(text.substr(at, end - at)));
        const bool closed = !braced || (end < text.size() && text[end] == '}');
        if (known == variables.end() || !closed) {
            out += '$';
            continue;
        }
        out += known->second;
        i = end - (braced ? 0 : 1);
    }
    return out;
}

// Lists are separated by white space, commas and new lines.
std::vector<std::string> words_of(std::string_view text) {
    std::string plain(text);
    std::replace(plain.begin(), plain.end(), ',', ' ');
    std::vector<std::string> out;
    for (std::string_view w : split_words(plain)) out.emplace_back(w);
    return out;
}

// A section of an INI file.
struct Section {
    std::string id;
    size_t line = 0;
    std::map<std::string, std::string> values;
};

Result<std::vector<Section>> sections_of(std::string_view text) {
    std::vector<Section> out;
    std::string* value = nullptr;  // a line that begins with white space goes on with it
    size_t number = 0;
    for (std::string_view raw : split_lines(text)) {
        number++;
        const std::string_view line = trim(raw);
        if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
        if (value && is_space(raw[0])) {
            *value += " " + std::string(line);
            continue;
        }
        if (line.starts_with('[') && line.ends_with(']')) {
            out.push_back({.id = std::string(trim(line.substr(1, line.size() - 2))),
                           .line = number,
                           .values = {}});
            value = nullptr;
            continue;
        }
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos || out.empty())
            return fail("line %zu is neither a section nor NAME=VALUE", number);
        value = &out.back().values[std::string(trim(line.substr(0, equals)))];
        *value = trim(line.substr(equals + 1));
    }
    return out;
}

Status read_flag(const Section& s, const char* name, bool& to) {
    auto found = s.values.find(name);
    if (found == s.values.end()) return {};
    auto flag = bool_of(found->second);
    if (!flag) return fail("%s=%s is neither yes nor no", name, found->second.c_str());
    to = *flag;
    return {};
}

// nullopt: it is not enabled.
Result<std::optional<Repository>> repository_of(
    const Section& s, const std::map<std::string, std::string>& variables) {
    bool enabled = true;
    Repository r;
    r.id = s.id;
    TRY(read_flag(s, "enabled", enabled));
    if (!enabled) return std::nullopt;
    if (!is_id(s.id)) return fail("'%s' is no name for a repository", s.id.c_str());
    TRY(read_flag(s, "gpgcheck", r.check_packages));
    TRY(read_flag(s, "repo_gpgcheck", r.check_metadata));
    auto text = [&](const char* name) {
        auto found = s.values.find(name);
        return found == s.values.end() ? std::string() : expanded(found->second, variables);
    };
    r.name = text("name");
    if (const std::string priority = text("priority"); !priority.empty()) {
        unsigned long long v = 0;
        if (!parse_u64(priority, v) || v > 999)
            return fail("priority=%s is no number up to 999", priority.c_str());
        r.priority = static_cast<int>(v);
    }
    for (const char* name : {"exclude", "excludepkgs"})
        for (auto& w : words_of(text(name))) r.excluded.push_back(std::move(w));
    for (const auto& uri : words_of(text("gpgkey")))
        if (auto path = local_path(uri)) r.key_files.push_back(*path);
    for (std::string uri : words_of(text("baseurl"))) {
        while (uri.ends_with('/')) uri.pop_back();
        if (!uri.starts_with("http://") && !uri.starts_with("https://") && !local_path(uri))
            return fail("'%s' is neither an http, an https nor a file URL", uri.c_str());
        if (uri.contains('$'))
            return fail("nobody says what stands for the variable in %s", uri.c_str());
        r.base_uris.push_back(std::move(uri));
    }
    if (r.base_uris.empty())
        return fail("the repository %s has no baseurl%s", s.id.c_str(),
                    text("metalink").empty() && text("mirrorlist").empty()
                        ? ""
                        : " (lists of mirrors are not read)");
    return r;
}

std::string dir_of(const Repository& r) {
    return std::string(kMetadata) + "/" + r.id;
}

std::string kept_path(const Repository& r, const RepositoryFile& f) {
    return dir_of(r) + "/" + f.checksum.hex + "-" + f.type;
}

bool has_name(const RepositoryFile& f) {
    return f.checksum.algorithm && !f.checksum.hex.empty() &&
           std::all_of(f.checksum.hex.begin(), f.checksum.hex.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

uint64_t newest(const Repomd& repomd) {
    uint64_t out = 0;
    for (const auto& f : repomd.files) out = std::max(out, f.timestamp);
    return out;
}

Result<Repomd> parsed(const std::string& xml) {
    auto stream = Source::memory(xml);
    return Repomd::parse(stream);
}

// The file of metadata at `path`, for open(2), is what repomd.xml says: counts what is in it.
Result<size_t> check_file(const std::string& path, const RepositoryFile& about) {
    TRY_SET(Source file, Source::open(path));
    size_t count = 0;
    TRY(read_repository_file(file, about, [&](ByteStream& xml) -> Status {
        auto one = [&](auto&&) -> Status {
            count++;
            return {};
        };
        return about.type == "filelists" ? read_filelists(xml, one) : read_primary(xml, one);
    }));
    return count;
}

std::string host_path(Root& root, const std::string& path) {
    return root.is_system() ? path : root.dir() + path;
}

// Brings a file of metadata to its place in the cache, unless it is there, and counts.
Result<size_t> keep_file(Root& cache, Fetcher& fetcher, const Repository& r,
                         const std::string& base, const RepositoryFile& about) {
    if (!has_name(about)) return fail("repomd.xml states no checksum of %s", about.href.c_str());
    const std::string kept = kept_path(r, about), scratch = dir_of(r) + "/download";
    TRY_SET(bool there, cache.exists(kept));
    if (there)
        if (auto count = check_file(host_path(cache, kept), about)) return *count;
    if (about.size_bytes > kFileMaxBytes) return fail("%s is too long", about.href.c_str());
    const Expected expected{.size_bytes = about.size_bytes, .digest_hex = {}};
    const std::string uri = base + "/" + uri_escaped(about.href);
    TRY_SET(auto path, fetcher.bring(uri, about.size_bytes ? &expected : nullptr, scratch));
    if (!path) return fail("%s is not there", uri.c_str());
    auto count = check_file(*path, about);
    if (local_path(uri)) {
        // It may change where it lies.
        if (!count) return std::unexpected(std::move(count.error()).in(uri));
        TRY_SET(Source from, Source::open(*path));
        TRY(cache.unlink(scratch));
        TRY_SET(Fd to, cache.create_exclusive(scratch, 0644));
        std::vector<char> block(256 * 1024);
        for (;;) {
            TRY_SET(size_t n, from.read(block.data(), block.size()));
            if (n == 0) break;
            TRY(write_all(to.get(), std::string_view(block.data(), n), scratch.c_str()));
        }
        count = check_file(host_path(cache, scratch), about);
    }
    if (!count) {
        TRY(cache.unlink(scratch));
        return std::unexpected(std::move(count.error()).in(uri));
    }
    TRY(cache.rename(scratch, kept));
    return *count;
}

struct Head {
    std::string base, xml, signature;
};

Result<std::string> judged(const Repository& r, const Head& head, const openpgp::Keyring& keys,
                           int64_t now) {
    if (!r.check_metadata) return std::string();
    if (head.signature.empty())
        return fail("its metadata is not signed, and repo_gpgcheck asks for it");
    return openpgp::check_detached(head.xml, head.signature, keys, now);
}

// repomd.xml of the first base that has one.
Result<Head> fetch_head(Fetcher& fetcher, const Repository& r) {
    std::string why;
    for (const auto& base : r.base_uris) {
        const std::string uri = base + "/repodata/" + kRepomd;
        auto xml = fetcher.read(uri, kRepomdMaxBytes);
        if (!xml || !*xml) {
            why += "\n  " + (xml ? uri + " is not there" : xml.error().text);
            continue;
        }
        Head head{.base = base, .xml = std::move(**xml), .signature = {}};
        if (r.check_metadata) {
            TRY_SET(auto signature,
                    fetcher.read(base + "/repodata/" + kSignature, kSignatureMaxBytes));
            if (signature) head.signature = std::move(*signature);
        }
        return head;
    }
    return fail("the repository %s gives no metadata:%s", r.id.c_str(), why.c_str());
}

// nullopt: nothing is kept.
Result<std::optional<Head>> kept_head(Root& cache, const Repository& r) {
    Head head;
    TRY_SET(auto base, cache.read_if_there(dir_of(r) + "/base"));
    TRY_SET(auto xml, cache.read_if_there(dir_of(r) + "/" + kRepomd));
    TRY_SET(auto signature, cache.read_if_there(dir_of(r) + "/" + kSignature));
    if (!base || !xml) return std::nullopt;
    head.base = trim(*base);
    head.xml = std::move(*xml);
    if (signature) head.signature = std::move(*signature);
    return head;
}

void drop_details(Package& p) {
    p.description.clear();
    p.license.clear();
    p.url.clear();
    p.group.clear();
    p.packager.clear();
    p.build_host.clear();
    p.distribution.clear();
    p.suggests.clear();
    p.enhances.clear();
}

}  // namespace

std::map<std::string, std::string> variables_of(Root& root) {
    std::map<std::string, std::string> out{{"basearch", kArch}, {"arch", kArch}};
    for (const char* file : {"/etc/os-release", "/usr/lib/os-release"}) {
        auto text = root.read_if_there(file);
        if (!text || !*text) continue;
        for (std::string_view line : split_lines(**text)) {
            if (!line.starts_with("VERSION_ID=")) continue;
            std::string_view value = trim(line.substr(11));
            if (value.size() >= 2 && (value[0] == '"' || value[0] == '\''))
                value = value.substr(1, value.size() - 2);
            out.try_emplace("releasever", value);
        }
        break;
    }
    for (const char* dir : kVariableDirectories) {
        auto there = root.stat_follow(dir);
        if (!there || !*there) continue;
        auto names = root.list(dir);
        if (!names) continue;
        for (const auto& name : *names) {
            auto text = root.read_if_there(std::string(dir) + "/" + name);
            if (text && *text)
                out[name] = trim(std::string_view(**text).substr(0, (*text)->find('\n')));
        }
    }
    return out;
}

Result<std::vector<Repository>> parse_repositories(
    std::string_view text, const std::string& name,
    const std::map<std::string, std::string>& variables) {
    std::vector<Repository> out;
    auto sections = sections_of(text);
    if (!sections) return std::unexpected(std::move(sections.error()).in(name));
    for (const Section& s : *sections) {
        if (s.id == "main") continue;
        const std::string where = format("%s:%zu", name.c_str(), s.line);
        auto r = repository_of(s, variables);
        if (!r) return std::unexpected(std::move(r.error()).in(where));
        if (!*r) continue;
        (*r)->where = where;
        out.push_back(std::move(**r));
    }
    return out;
}

Result<std::vector<Repository>> read_repositories(Root& root) {
    std::vector<Repository> out;
    const auto variables = variables_of(root);
    for (const char* dir : kDirectories) {
        TRY_SET(auto there, root.stat_follow(dir));
        if (!there || !S_ISDIR(there->st_mode)) continue;
        TRY_SET(auto names, root.list(dir));
        std::sort(names.begin(), names.end());
        for (const auto& n : names) {
            if (!n.ends_with(".repo") || n.starts_with('.')) continue;
            const std::string path = std::string(dir) + "/" + n;
            TRY_SET(auto text, root.read_if_there(path));
            if (!text) continue;
            TRY_SET(auto list, parse_repositories(*text, path, variables));
            for (Repository& r : list) {
                const bool known = std::any_of(out.begin(), out.end(),
                                               [&](const Repository& o) { return o.id == r.id; });
                if (known)
                    return fail("%s: there are two repositories %s", r.where.c_str(), r.id.c_str());
                out.push_back(std::move(r));
            }
        }
    }
    return out;
}

Result<openpgp::Keyring> keys_of(Root& root, const Repository& r, const openpgp::Keyring& known) {
    openpgp::Keyring keys = known;
    for (const auto& path : r.key_files) {
        TRY_SET(auto text, root.read_if_there(path));
        if (!text) continue;
        if (Status s = keys.add(*text); !s) return std::unexpected(std::move(s.error()).in(path));
    }
    return keys;
}

Result<MetadataReport> update_repository(Root& cache, Fetcher& fetcher, const Repository& r,
                                         const openpgp::Keyring& keys, int64_t now) {
    MetadataReport report;
    TRY_SET(Head head, fetch_head(fetcher, r));
    auto in_repository = [&](Error e) { return std::unexpected(std::move(e).in(head.base)); };
    auto signer = judged(r, head, keys, now);
    if (!signer) return in_repository(signer.error());
    report.signer = std::move(*signer);
    auto repomd = parsed(head.xml);
    if (!repomd) return in_repository(repomd.error());
    const RepositoryFile* primary = repomd->file("primary");
    if (!primary) return in_repository(Error{"repomd.xml names no list of packages"});
    TRY_SET(auto old, kept_head(cache, r));
    if (old) {
        // Somebody who shows yesterday's metadata hides what was mended since.
        auto before = parsed(old->xml);
        if (before && newest(*repomd) < newest(*before) && head.xml != old->xml)
            return in_repository(Error{"its metadata is older than what came before"});
    }
    TRY(cache.mkdir_all(dir_of(r), 0755));
    TRY_SET(report.packages, keep_file(cache, fetcher, r, head.base, *primary));
    report.unchanged = old && old->xml == head.xml && old->base == head.base;
    // repomd.xml counts, and comes last: a run that ends before leaves the old one and its files.
    if (head.signature.empty())
        TRY(cache.unlink(dir_of(r) + "/" + kSignature));
    else
        TRY(cache.write_file(dir_of(r) + "/" + kSignature, head.signature));
    TRY(cache.write_file(dir_of(r) + "/base", head.base + "\n"));
    TRY(cache.write_file(dir_of(r) + "/" + kRepomd, head.xml));
    std::set<std::string> keep{"base", kRepomd, kSignature};
    for (const auto& f : repomd->files) keep.insert(f.checksum.hex + "-" + f.type);
    TRY_SET(auto names, cache.list(dir_of(r)));
    for (const auto& n : names)
        if (!keep.contains(n)) TRY(cache.unlink(dir_of(r) + "/" + n));
    return report;
}

Status prune_metadata(Root& cache, const std::vector<Repository>& repositories) {
    TRY_SET(bool there, cache.exists(kMetadata));
    if (!there) return {};
    TRY_SET(auto names, cache.list(kMetadata));
    for (const auto& n : names)
        if (std::none_of(repositories.begin(), repositories.end(),
                         [&](const Repository& r) { return r.id == n; }))
            TRY(cache.remove_tree(std::string(kMetadata) + "/" + n));
    return {};
}

Result<Metadata> load_metadata(Root& cache, const Repository& r, const openpgp::Keyring& keys,
                               int64_t now, Details details) {
    TRY_SET(auto head, kept_head(cache, r));
    if (!head) return fail("the metadata of %s is not here yet: pkg update", r.id.c_str());
    auto in_repository = [&](Error e) { return std::unexpected(std::move(e).in(r.id)); };
    if (auto signer = judged(r, *head, keys, now); !signer) return in_repository(signer.error());
    Metadata out{
        .repository = r, .base_uri = head->base, .repomd = {}, .keys = keys, .packages = {}};
    TRY_SET(out.repomd, parsed(head->xml));
    const RepositoryFile* primary = out.repomd.file("primary");
    if (!primary || !has_name(*primary))
        return in_repository(Error{"repomd.xml names no list of packages"});
    TRY_SET(Source file, Source::open(host_path(cache, kept_path(r, *primary))));
    Status done = read_repository_file(file, *primary, [&](ByteStream& xml) {
        return read_primary(xml, [&](RepositoryPackage&& p) -> Status {
            const std::string& arch = p.package.arch;
            if (arch != kArch && arch != "noarch") return {};
            for (const auto& pattern : r.excluded)
                if (fnmatch(pattern.c_str(), p.package.name.c_str(), 0) == 0 ||
                    fnmatch(pattern.c_str(), p.package.nevra().c_str(), 0) == 0)
                    return {};
            if (details == Details::no) drop_details(p.package);
            out.packages.push_back(std::move(p));
            return {};
        });
    });
    if (!done) return in_repository(done.error());
    return out;
}

Status add_files(Root& cache, Fetcher& fetcher, Metadata& metadata,
                 const std::set<std::string>& paths) {
    const Repository& r = metadata.repository;
    const RepositoryFile* about = metadata.repomd.file("filelists");
    if (!about) return {};
    TRY_SET(size_t count, keep_file(cache, fetcher, r, metadata.base_uri, *about));
    (void)count;
    std::unordered_map<std::string_view, RepositoryPackage*> by_id;
    for (auto& p : metadata.packages) by_id[p.checksum.hex] = &p;
    TRY_SET(Source file, Source::open(host_path(cache, kept_path(r, *about))));
    return read_repository_file(file, *about, [&](ByteStream& xml) {
        return read_filelists(xml, [&](FileList&& list) -> Status {
            auto found = by_id.find(list.package_id);
            if (found == by_id.end()) return {};
            for (const auto* some : {&list.files, &list.directories, &list.ghosts})
                for (const auto& path : *some) {
                    if (!paths.contains(path)) continue;
                    File f;
                    f.path = path;
                    found->second->package.files.push_back(std::move(f));
                }
            return {};
        });
    });
}

Result<Download> download_of(const Metadata& metadata, const RepositoryPackage& p) {
    const std::string name = p.package.nevra();
    if (!p.checksum.algorithm || *p.checksum.algorithm == HashAlgorithm::md5 ||
        p.checksum.hex.empty() || p.size_bytes == 0)
        return fail("the metadata of %s does not say what %s must be",
                    metadata.repository.id.c_str(), name.c_str());
    if (name.contains('/')) return fail("'%s' is no name of a file", name.c_str());
    Download d;
    d.uri = metadata.base_uri + "/" + uri_escaped(p.href);
    d.name = name + "." + p.checksum.hex.substr(0, kCacheHash) + ".rpm";
    d.what = name;
    d.expected = {.size_bytes = p.size_bytes,
                  .algorithm = *p.checksum.algorithm,
                  .digest_hex = p.checksum.hex};
    d.check = [&metadata, name](const std::string& path) -> Status {
        TRY_SET(RpmFile file, RpmFile::open(path));
        if (file.package().nevra() != name) return fail("it is %s", file.package().nevra().c_str());
        if (!metadata.repository.check_packages) return {};
        TRY_SET(Verdict verdict, file.verify(metadata.keys));
        if (!verdict.damage.empty()) return fail("it is damaged: %s", verdict.damage.c_str());
        if (!verdict.is_signed)
            return fail("it is not signed, and its repository's gpgcheck asks for it");
        if (!verdict.distrust.empty()) return fail("%s", verdict.distrust.c_str());
        return {};
    };
    return d;
}

}  // namespace tenon::pkg::rpm
