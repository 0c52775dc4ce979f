#include "pkg/lib/fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkg/lib/stream.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

constexpr size_t kBlockBytes = 256 * 1024;
constexpr uint64_t kMaxUnknownBytes = 256 << 20;

std::string partial_of(const std::string& name) {
    return std::string(kArchives) + "/partial/" + name;
}
std::string cached(const std::string& name) {
    return std::string(kArchives) + "/" + name;
}

bool is_http(const std::string& uri) {
    return uri.starts_with("http://") || uri.starts_with("https://");
}

}  // namespace

std::optional<std::string> local_path(const std::string& uri) {
    std::string_view s = uri;
    if (s.starts_with("file:"))
        s.remove_prefix(5);
    else if (s.starts_with("copy:"))
        s.remove_prefix(5);
    else
        return std::nullopt;
    if (s.starts_with("//")) {
        // file://HOST/PATH, and the host is this one.
        size_t slash = s.find('/', 2);
        if (slash == std::string_view::npos) return std::nullopt;
        s.remove_prefix(slash);
    }
    if (!s.starts_with('/')) return std::nullopt;
    std::string out, byte;
    for (size_t i = 0; i < s.size(); i++) {
        if (s[i] == '%' && i + 2 < s.size() && from_hex(s.substr(i + 1, 2), byte)) {
            out += byte;
            i += 2;
        } else {
            out += s[i];
        }
    }
    if (out.contains('\0')) return std::nullopt;
    return out;
}

std::string uri_escaped(std::string_view path) {
    std::string out;
    for (char c : path)
        if (c == ' ' || c == '%' || c == '?' || c == '#' || static_cast<unsigned char>(c) >= 127)
            out += format("%%%02x", static_cast<unsigned char>(c));
        else
            out += c;
    return out;
}

// An error unless the plain file at `path` is what was promised.
static Status check_file(const std::string& path, const Download& d) {
    const Expected& expected = d.expected;
    TRY_SET(Source file, Source::open(path));
    if (file.size_bytes() != expected.size_bytes)
        return fail("it has %llu bytes and should have %llu",
                    static_cast<unsigned long long>(file.size_bytes()),
                    static_cast<unsigned long long>(expected.size_bytes));
    if (expected.digest_hex.empty() && !d.check) return fail("nobody says what it must be");
    if (!expected.digest_hex.empty()) {
        Hash hash(expected.algorithm);
        std::vector<char> block(kBlockBytes);
        for (;;) {
            TRY_SET(size_t n, file.read(block.data(), block.size()));
            if (n == 0) break;
            hash.update(block.data(), n);
        }
        std::string got = to_hex(hash.finish());
        if (got != expected.digest_hex)
            return fail("its %s is %s and should be %s", to_string(expected.algorithm), got.c_str(),
                        expected.digest_hex.c_str());
    }
    return d.check ? d.check(path) : Status();
}

std::string Fetcher::host_path(const std::string& in_root) const {
    return root_.is_system() ? in_root : root_.dir() + in_root;
}

Result<HttpClient*> Fetcher::http(const std::string& uri) {
    if (!is_http(uri)) return fail("%s: this kind of URI is not known", uri.c_str());
    if (!http_) {
        auto made = make_http_client();
        if (!made) return std::unexpected(std::move(made.error()).in(uri));
        http_ = std::move(*made);
    }
    return http_.get();
}

Result<std::optional<std::string>> Fetcher::bring(const std::string& uri, const Expected* expected,
                                                  const std::string& scratch) {
    if (auto path = local_path(uri)) {
        if (access(path->c_str(), F_OK) == 0) return path;
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        return fail_errno("%s", uri.c_str());
    }
    TRY_SET(HttpClient * client, http(uri));
    TRY(root_.unlink(scratch));
    std::vector<HttpJob> jobs(1);
    jobs[0].uri = uri;
    TRY_SET(jobs[0].file, open_partial(scratch));
    jobs[0].size_bytes = expected ? expected->size_bytes : 0;
    jobs[0].max_bytes = expected ? expected->size_bytes : kMaxUnknownBytes;
    client->run(jobs, {});
    if (!jobs[0].status) TRY(root_.unlink(scratch));
    if (jobs[0].not_found) return std::nullopt;
    if (!jobs[0].status) return std::unexpected(std::move(jobs[0].status.error()).in(uri));
    return host_path(scratch);
}

Result<std::optional<std::string>> Fetcher::read(const std::string& uri, size_t max_bytes) {
    TRY(root_.mkdir_all(std::string(kArchives) + "/partial", 0755));
    std::string scratch = partial_of("small-file");
    TRY_SET(auto path, bring(uri, nullptr, scratch));
    if (!path) return std::nullopt;
    auto file = Source::open(*path);
    if (!file) return std::unexpected(std::move(file.error()).in(uri));
    if (file->size_bytes() > max_bytes) return fail("%s: it is too long", uri.c_str());
    std::string out(file->size_bytes(), '\0');
    auto n = file->read_full(out.data(), out.size());
    if (!n) return std::unexpected(std::move(n.error()).in(uri));
    out.resize(*n);
    TRY(root_.unlink(scratch));
    return out;
}

bool Fetcher::in_cache(Download& d) {
    std::string path = host_path(cached(d.name));
    if (auto local = local_path(d.uri); local && d.uri.starts_with("file:")) path = *local;
    if (access(path.c_str(), R_OK) != 0 || !check_file(path, d)) return false;
    d.path = path;
    return true;
}

uint64_t Fetcher::bytes_to_fetch(const std::vector<Download>& downloads) {
    uint64_t sum = 0;
    for (Download d : downloads)
        if (!d.uri.starts_with("file:") && !in_cache(d)) sum += d.expected.size_bytes;
    return sum;
}

// copy: into partial/, checked there, then to its place.
Status Fetcher::get_local(Download& d) {
    auto from = local_path(d.uri);
    if (d.uri.starts_with("file:")) {
        TRY(check_file(*from, d));
        d.path = *from;
        return {};
    }
    TRY_SET(Source source, Source::open(*from));
    std::string partial = partial_of(d.name);
    TRY(root_.unlink(partial));
    TRY_SET(Fd out, root_.create_exclusive(partial, 0644));
    std::vector<char> block(kBlockBytes);
    for (uint64_t total = 0;;) {
        TRY_SET(size_t n, source.read(block.data(), block.size()));
        if (n == 0) break;
        total += n;
        if (total > d.expected.size_bytes) return fail("it is longer than it should be");
        TRY(write_all(out.get(), std::string_view(block.data(), n), partial.c_str()));
    }
    return {};
}

Result<Fd> Fetcher::open_partial(const std::string& path) {
    TRY_SET(auto at, root_.place(path));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                 0644));
    if (!fd.valid()) return fail_errno("cannot open %s", path.c_str());
    struct stat st;
    if (fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
        return fail("%s is no plain file", path.c_str());
    return fd;
}

// What has arrived in partial/ is checked and gets its place.
Status Fetcher::settle(Download& d) {
    std::string partial = partial_of(d.name);
    if (Status s = check_file(host_path(partial), d); !s) {
        // Wrong bytes are not gone on with.
        TRY(root_.unlink(partial));
        return s;
    }
    TRY(root_.rename(partial, cached(d.name)));
    d.path = host_path(cached(d.name));
    return {};
}

static void show_progress(uint64_t done, uint64_t all) {
    static constexpr char kBar[] = "########################################";
    constexpr int kWidth = sizeof(kBar) - 1;
    if (all == 0) return;
    int filled = static_cast<int>(done * kWidth / all);
    fprintf(stderr, "\r[%.*s%*s] %3d%% of %.1f MB", filled, kBar, kWidth - filled, "",
            static_cast<int>(done * 100 / all), static_cast<double>(all) / 1e6);
}

Status Fetcher::get_http(std::vector<Download*> downloads, std::vector<std::string>& problems) {
    // Twice at most: when an earlier run's part does not fit what the server has now.
    while (!downloads.empty()) {
        std::vector<HttpJob> jobs;
        for (Download* d : downloads) {
            HttpJob j;
            j.uri = d->uri;
            TRY_SET(j.file, open_partial(partial_of(d->name)));
            j.size_bytes = j.max_bytes = d->expected.size_bytes;
            jobs.push_back(std::move(j));
        }
        bool terminal = isatty(STDERR_FILENO);
        std::function<void(uint64_t, uint64_t)> progress;
        if (terminal) progress = show_progress;
        http_->run(jobs, progress);
        if (terminal) fputs("\r\033[K", stderr);
        std::vector<Download*> once_more;
        for (size_t i = 0; i < jobs.size(); i++) {
            Download& d = *downloads[i];
            Status s = jobs[i].status ? settle(d) : jobs[i].status;
            if (!s && jobs[i].status && jobs[i].resumed)
                once_more.push_back(&d);
            else if (!s)
                problems.push_back(d.what + " (" + d.uri + "): " + s.error().text);
        }
        downloads = std::move(once_more);
    }
    return {};
}

Status Fetcher::get(std::vector<Download>& downloads) {
    TRY(root_.mkdir_all(std::string(kArchives) + "/partial", 0755));
    std::vector<std::string> problems;
    std::vector<Download*> by_http;
    for (Download& d : downloads) {
        if (d.name.contains('/') || d.name.empty())
            return fail("bad file name '%s'", d.name.c_str());
        if (in_cache(d)) continue;
        if (!local_path(d.uri)) {
            TRY(http(d.uri));
            by_http.push_back(&d);
            continue;
        }
        Status s = get_local(d);
        if (s && d.path.empty()) s = settle(d);
        if (s) continue;
        TRY(root_.unlink(partial_of(d.name)));
        problems.push_back(d.what + " (" + d.uri + "): " + s.error().text);
    }
    TRY(get_http(std::move(by_http), problems));
    if (!problems.empty()) return fail("not fetched:\n  %s", join(problems, "\n  ").c_str());
    return {};
}

}  // namespace tenon::pkg
