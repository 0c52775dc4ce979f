#include "pkg/lib/apt/update.h"

#include <errno.h>
#include <time.h>

#include <algorithm>
#include <set>

#include "pkg/lib/apt/trust.h"
#include "pkg/lib/openpgp/signed_text.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

using File = tenon::pkg::Source;  // bytes, where apt::Source is a repository

constexpr size_t kMaxReleaseBytes = 64 * 1024 * 1024;
// How far a clock may be behind the repository's.
constexpr int64_t kFutureSeconds = 3600;

struct Packing {
    const char* suffix;
    Filter filter;
};
constexpr Packing kPackings[] = {{".zst", Filter::zstd},
                                 {".xz", Filter::xz},
                                 {".gz", Filter::gzip},
                                 {".bz2", Filter::bzip2},
                                 {"", Filter::none}};

std::string list_path(const Source& source, std::string_view leaf) {
    return std::string(kLists) + "/" + source.list_name() + std::string(leaf);
}

std::string date_text(int64_t seconds) {
    time_t t = seconds;
    struct tm tm;
    char out[64];
    gmtime_r(&t, &tm);
    strftime(out, sizeof(out), "%Y-%m-%d %H:%M UTC", &tm);
    return out;
}

// The Packages files, without their compression, that a source asks for.
std::vector<std::string> wanted_indexes(const Source& source, const Release& release,
                                        const std::vector<std::string>& archs) {
    if (source.is_flat()) return {"Packages"};
    std::vector<std::string> out, of = archs;
    if (!source.architectures.empty())
        std::erase_if(of, [&](const std::string& a) {
            return std::find(source.architectures.begin(), source.architectures.end(), a) ==
                   source.architectures.end();
        });
    bool has_all = std::find(release.architectures.begin(), release.architectures.end(), "all") !=
                   release.architectures.end();
    if (has_all && release.no_support_for_all != "Packages") of.push_back("all");
    for (const auto& component : source.components)
        for (const auto& arch : of) out.push_back(component + "/binary-" + arch + "/Packages");
    return out;
}

// What tells one Packages file from the next; nullptr when the Release has none of this name.
const Expected* identity_of(const Release& release, const std::string& path) {
    auto plain = release.files.find(path);
    if (plain != release.files.end()) return &plain->second;
    for (const Packing& p : kPackings) {
        auto at = release.files.find(path + p.suffix);
        if (at != release.files.end()) return &at->second;
    }
    return nullptr;
}

std::string index_name(const Source& source, const std::string& path, const Expected& identity) {
    std::string flat = path;
    std::replace(flat.begin(), flat.end(), '/', '_');
    return source.list_name() + flat + "_" + identity.digest_hex.substr(0, 24) + ".index";
}

struct Accepted {
    std::string text;
    Release release;
    std::string signer;
    bool has_release = true;
};

Result<Accepted> fetch_release(Root& root, Fetcher& fetcher, const Source& source, int64_t now) {
    Accepted out;
    bool must_be_signed = !source.trusted.value_or(false);
    openpgp::Keyring keys;
    if (must_be_signed) {
        TRY_SET(keys, keys_for(root, source));
    }
    std::string base = source.release_uri();
    TRY_SET(auto in_release, fetcher.read(base + "InRelease", kMaxReleaseBytes));
    if (in_release) {
        auto in_file = [&](Error e) {
            return std::unexpected(std::move(e).in(base + "InRelease"));
        };
        auto parsed = openpgp::parse_clear_signed(*in_release);
        if (!parsed) return in_file(parsed.error());
        if (must_be_signed) {
            auto signer = openpgp::check_clear_signed(*parsed, keys, now);
            if (!signer) return in_file(signer.error());
            out.signer = std::move(*signer);
        }
        out.text = std::move(parsed->text);
    } else {
        TRY_SET(auto release, fetcher.read(base + "Release", kMaxReleaseBytes));
        if (!release) {
            if (must_be_signed)
                return fail("%s: there is neither InRelease nor Release", base.c_str());
            out.has_release = false;
            return out;
        }
        if (must_be_signed) {
            TRY_SET(auto signature, fetcher.read(base + "Release.gpg", kMaxReleaseBytes));
            if (!signature)
                return fail("%sRelease is not signed (there is no Release.gpg and no InRelease)",
                            base.c_str());
            auto signer = openpgp::check_detached(*release, *signature, keys, now);
            if (!signer) return std::unexpected(std::move(signer.error()).in(base + "Release.gpg"));
            out.signer = std::move(*signer);
        }
        out.text = std::move(*release);
    }
    auto parsed = Release::parse(out.text);
    if (!parsed) return std::unexpected(std::move(parsed.error()).in(base + "Release"));
    out.release = std::move(*parsed);
    return out;
}

// Whether a Release that is properly signed is one that should be believed now.
Status check_time(Root& root, const Source& source, const Release& release, int64_t now) {
    std::string base = source.release_uri();
    if (source.check_valid_until && release.valid_until && *release.valid_until < now)
        return fail("%s: its Release has expired (it was valid until %s)", base.c_str(),
                    date_text(*release.valid_until).c_str());
    if (release.date > now + kFutureSeconds)
        return fail("%s: its Release is from the future (%s); is the clock right?", base.c_str(),
                    date_text(release.date).c_str());
    TRY_SET(auto old_text, root.read_if_there(list_path(source, "Release")));
    if (!old_text) return {};
    auto old = Release::parse(*old_text);
    if (old && release.date < old->date)
        return fail("%s: its Release is of %s, older than the one of %s that was accepted before",
                    base.c_str(), date_text(release.date).c_str(), date_text(old->date).c_str());
    return {};
}

std::string last_component(const std::string& suite) {
    size_t slash = suite.rfind('/');
    return slash == std::string::npos ? suite : suite.substr(slash + 1);
}

class Updater {
  public:
    Updater(Root& root, Fetcher& fetcher, const Source& source,
            const std::vector<std::string>& archs)
        : root_(root), fetcher_(fetcher), source_(source), archs_(archs) {}

    Result<UpdateReport> run(int64_t now) {
        TRY_SET(Accepted accepted, fetch_release(root_, fetcher_, source_, now));
        report_.signer = accepted.signer;
        if (!accepted.has_release) {
            TRY(make_release_for_bare_packages(accepted));
        }
        Release& release = accepted.release;
        TRY(check_time(root_, source_, release, now));
        if (std::string suite = last_component(source_.suite);
            !source_.is_flat() && !release.suite.empty() && suite != release.suite &&
            suite != release.codename && source_.suite != release.suite &&
            source_.suite != release.codename)
            report_.warnings.push_back(
                format("it was asked for the suite %s and calls itself %s (%s)",
                       source_.suite.c_str(), release.suite.c_str(), release.codename.c_str()));
        TRY_SET(auto old, root_.read_if_there(list_path(source_, "Release")));
        report_.unchanged = old && *old == accepted.text;
        TRY(root_.mkdir_all(kLists, 0755));
        size_t found = 0;
        for (const auto& path : wanted_indexes(source_, release, archs_)) {
            const Expected* identity = identity_of(release, path);
            if (!identity) {
                report_.warnings.push_back("its Release names no " + path);
                continue;
            }
            TRY(update_index(release, path, *identity));
            found++;
        }
        if (found == 0)
            return fail("%s: it has no Packages file for this root", source_.release_uri().c_str());
        if (!report_.unchanged) TRY(root_.write_file(list_path(source_, "Release"), accepted.text));
        return std::move(report_);
    }

  private:
    // A directory with Packages in it, of a source that is trusted whatever it says.
    Status make_release_for_bare_packages(Accepted& out) {
        for (const Packing& p : kPackings) {
            TRY_SET(auto path, fetcher_.bring(source_.release_uri() + "Packages" + p.suffix,
                                              nullptr, scratch()));
            if (!path) continue;
            TRY_SET(File file, File::open(*path));
            Hash hash(HashAlgorithm::sha256);
            HashingStream tap(file, {&hash});
            TRY(tap.drain());
            out.text = format("SHA256:\n %s %llu Packages%s\n", to_hex(hash.finish()).c_str(),
                              static_cast<unsigned long long>(file.size_bytes()), p.suffix);
            TRY_SET(out.release, Release::parse(out.text));
            return {};
        }
        return fail("%s: there is neither Release nor Packages", source_.release_uri().c_str());
    }

    static std::string scratch() { return std::string(kLists) + "/download"; }

    Status update_index(const Release& release, const std::string& path, const Expected& identity) {
        std::string name = std::string(kLists) + "/" + index_name(source_, path, identity);
        TRY_SET(bool there, root_.exists(name));
        if (there) return {};
        report_.unchanged = false;
        for (const Packing& p : kPackings) {
            auto entry = release.files.find(path + p.suffix);
            if (entry == release.files.end()) continue;
            const Expected& expected = entry->second;
            std::string base = source_.release_uri(), plain = base + path + p.suffix;
            std::optional<std::string> file;
            std::string uri = plain;
            if (release.acquire_by_hash && source_.by_hash) {
                std::string folder = path.substr(0, path.rfind('/') + 1);
                if (!path.contains('/')) folder.clear();
                uri = base + folder + "by-hash/" +
                      (expected.algorithm == HashAlgorithm::sha512 ? "SHA512/" : "SHA256/") +
                      expected.digest_hex;
                TRY_SET(file, fetcher_.bring(uri, &expected, scratch()));
            }
            if (!file) {
                uri = plain;
                TRY_SET(file, fetcher_.bring(uri, &expected, scratch()));
            }
            if (!file) continue;
            Status done = take_index(*file, p.filter, expected, name);
            TRY(root_.unlink(scratch()));
            if (!done) return std::unexpected(std::move(done.error()).in(uri));
            return {};
        }
        return fail("%s%s: it is not there, in no compression", source_.release_uri().c_str(),
                    path.c_str());
    }

    // One walk: decompressed and hashed at once. Nothing of it is kept before the digest is right.
    Status take_index(const std::string& file, Filter filter, const Expected& expected,
                      const std::string& name) {
        TRY_SET(File raw, File::open(file));
        if (raw.size_bytes() != expected.size_bytes)
            return fail(
                "it has %llu bytes and its Release says %llu; perhaps the repository is "
                "being updated",
                static_cast<unsigned long long>(raw.size_bytes()),
                static_cast<unsigned long long>(expected.size_bytes));
        Hash hash(expected.algorithm);
        HashingStream tap(raw, {&hash});
        IndexReport made;
        Result<std::string> index = std::unexpected(Error{});
        if (auto plain = decompress(tap, filter); plain)
            index = make_index(**plain, made);
        else
            index = std::unexpected(plain.error());
        TRY(tap.drain());
        if (to_hex(hash.finish()) != expected.digest_hex)
            return fail("its %s is not the one in its Release", to_string(expected.algorithm));
        if (!index) return std::unexpected(index.error());
        report_.packages += made.packages;
        for (auto& text : made.left_out) report_.warnings.push_back("left out: " + text);
        if (made.left_out_count > made.left_out.size())
            report_.warnings.push_back(
                format("left out: %zu more", made.left_out_count - made.left_out.size()));
        return root_.write_file(name, compress_index(*index));
    }

    Root& root_;
    Fetcher& fetcher_;
    const Source& source_;
    const std::vector<std::string>& archs_;
    UpdateReport report_;
};

}  // namespace

Result<UpdateReport> update_source(Root& root, Fetcher& fetcher, const Source& source,
                                   const std::vector<std::string>& archs, int64_t now) {
    return Updater(root, fetcher, source, archs).run(now);
}

Status prune_lists(Root& root, const std::vector<Source>& sources,
                   const std::vector<std::string>& archs) {
    std::set<std::string> keep;
    for (const Source& source : sources) {
        keep.insert(source.list_name() + "Release");
        TRY_SET(auto text, root.read_if_there(list_path(source, "Release")));
        if (!text) continue;
        auto release = Release::parse(*text);
        if (!release) continue;
        for (const auto& path : wanted_indexes(source, *release, archs))
            if (const Expected* identity = identity_of(*release, path))
                keep.insert(index_name(source, path, *identity));
    }
    auto names = root.list(kLists);
    if (!names) return names.error().code == ENOENT ? Status() : std::unexpected(names.error());
    for (const auto& n : *names)
        if (!keep.contains(n)) TRY(root.unlink(std::string(kLists) + "/" + n));
    return {};
}

Result<std::unique_ptr<Available>> load_lists(Root& root, const std::vector<Source>& sources,
                                              const std::vector<std::string>& archs) {
    auto out = std::make_unique<Available>();
    for (const Source& source : sources) {
        std::string path = list_path(source, "Release");
        TRY_SET(auto text, root.read_if_there(path));
        if (!text) {
            out->never_updated.push_back(source.uri + " " + source.suite);
            continue;
        }
        auto release = Release::parse(*text);
        if (!release) return std::unexpected(std::move(release.error()).in(path));
        auto number = static_cast<uint32_t>(out->origins.size());
        for (const auto& wanted : wanted_indexes(source, *release, archs)) {
            const Expected* identity = identity_of(*release, wanted);
            if (!identity) continue;
            std::string name = std::string(kLists) + "/" + index_name(source, wanted, *identity);
            auto file = File::open(root.is_system() ? name : root.dir() + name);
            if (!file) {
                // Another line of the same repository was updated, this one not yet.
                out->never_updated.push_back(source.uri + " " + source.suite + " " + wanted);
                continue;
            }
            if (Status s = out->catalog.add(*file, number); !s)
                return std::unexpected(std::move(s.error()).in(name));
        }
        int priority = release->default_priority();
        out->origins.push_back({source, std::move(*release),
                                source.is_flat() ? source.release_uri() : source.uri, priority});
    }
    return out;
}

std::string cache_name(std::string_view name, std::string_view version, std::string_view arch) {
    std::string v(version);
    for (size_t at; (at = v.find(':')) != std::string::npos;) v.replace(at, 1, "%3a");
    return std::string(name) + "_" + v + "_" + std::string(arch) + ".deb";
}

Download download_of(const Available& available, const Record& record) {
    Download d;
    d.name = cache_name(record.name, record.version, record.arch);
    d.what = record.spec();
    d.uri = available.origins[record.origin].base_uri;
    std::string_view file = record.get("Filename");
    while (file.starts_with("./")) file.remove_prefix(2);
    d.uri += uri_escaped(file);
    unsigned long long size = 0;
    parse_u64(record.get("Size"), size);
    d.expected.size_bytes = size;
    std::string raw;
    if (from_hex(record.get("SHA256"), raw) && raw.size() == 32) {
        d.expected.algorithm = HashAlgorithm::sha256;
    } else {
        from_hex(record.get("SHA512"), raw);
        d.expected.algorithm = HashAlgorithm::sha512;
    }
    d.expected.digest_hex = to_hex(raw);
    return d;
}

}  // namespace tenon::pkg::apt
