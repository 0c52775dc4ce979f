#include "pkg/lib/deb_file.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// A control archive is kept in memory, so its declared sizes are bounded before they are believed.
// The largest in Debian 12 is below 4 MB.
constexpr uint64_t kControlFileMax = 32u << 20;
constexpr uint64_t kControlTotalMax = 64u << 20;

class ControlSink final : public EntrySink {
  public:
    explicit ControlSink(std::map<std::string, ControlFile>& out) : out_(out) {}

    Status entry(const TarEntry& e, EntryData& data) override {
        if (e.type == FileType::directory && e.path == "/.") return {};
        std::string name = e.path.substr(1);
        if (e.type != FileType::regular || name.contains('/'))
            return fail("control archive: '%s' is not a plain file", name.c_str());
        if (!valid_name(name)) return fail("control archive: bad file name '%s'", name.c_str());
        total_ += e.size_bytes;
        if (e.size_bytes > kControlFileMax || total_ > kControlTotalMax)
            return fail("control archive: '%s' is too large", name.c_str());
        ControlFile file{.data = {}, .mode = e.mode, .mtime = e.mtime};
        char buffer[16384];
        for (;;) {
            TRY_SET(size_t n, data.read(buffer, sizeof(buffer)));
            if (n == 0) break;
            file.data.append(buffer, n);
        }
        if (file.data.size() != e.size_bytes)
            return fail("control archive: '%s' is truncated", name.c_str());
        if (!out_.emplace(name, std::move(file)).second)
            return fail("control archive: '%s' appears twice", name.c_str());
        return {};
    }

  private:
    // These become info/PACKAGE.NAME, so nothing that could break out of that or hide.
    static bool valid_name(std::string_view s) {
        if (s.empty() || s.size() > 50 || s[0] == '.') return false;
        for (char c : s)
            if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != '+' && c != '.')
                return false;
        return s != "list";
    }

    std::map<std::string, ControlFile>& out_;
    uint64_t total_ = 0;
};

// "2.0\n", perhaps more lines; the major number decides.
Status check_format(ArReader& ar) {
    TRY_SET(bool any, ar.next());
    if (!any || ar.name() != "debian-binary")
        return fail("not a Debian package (no debian-binary member first)");
    char text[64];
    TRY_SET(size_t n, ar.read(text, sizeof(text)));
    std::string_view v(text, n);
    size_t newline = v.find('\n');
    if (newline == std::string_view::npos) return fail("debian-binary: no newline");
    v = v.substr(0, newline);
    size_t dot = v.find('.');
    unsigned long long major = 0, minor = 0;
    if (dot == std::string_view::npos || !parse_u64(v.substr(0, dot), major) ||
        !parse_u64(v.substr(dot + 1), minor))
        return fail("debian-binary: '%s' is no version", std::string(v).c_str());
    if (major != 2) return fail("package format %llu.%llu is not supported", major, minor);
    return {};
}

// The next member whose name does not begin with '_'.
Status next_member(ArReader& ar, const char* wanted) {
    do {
        TRY_SET(bool any, ar.next());
        if (!any) return fail("truncated: no %s member", wanted);
    } while (ar.name().starts_with('_'));
    return {};
}

}  // namespace

Result<ArReader> DebFile::reopen() const {
    auto ar = path_.empty() ? ArReader::open_memory(memory_) : ArReader::open(path_);
    if (!ar) return ar;
    TRY(check_format(*ar));
    TRY(next_member(*ar, "control.tar"));
    return ar;
}

Status DebFile::read_control() {
    TRY_SET(ArReader ar, reopen());
    TRY_SET(Filter filter, filter_of_member(ar.name(), "control.tar"));
    ControlSink sink(files_);
    TRY(walk_tar(ar, filter, sink));
    TRY(parse());
    // Seen now, so that a package cut off behind its control member is refused at once.
    TRY(next_member(ar, "data.tar"));
    TRY(filter_of_member(ar.name(), "data.tar"));
    return {};
}

Status DebFile::parse() {
    auto it = files_.find("control");
    if (it == files_.end()) return fail("control archive: no control file");
    auto parsed = parse_control(it->second.data);
    if (!parsed) return std::unexpected(std::move(parsed.error()).in("control file"));
    control_ = std::move(*parsed);
    return {};
}

Result<DebFile> DebFile::open(const std::string& path) {
    DebFile d;
    d.path_ = path;
    if (Status s = d.read_control(); !s) return std::unexpected(std::move(s.error()).in(path));
    return d;
}

Result<DebFile> DebFile::open_memory(std::string_view data) {
    DebFile d;
    d.memory_ = data;
    TRY(d.read_control());
    return d;
}

Result<DebFile> DebFile::from_parts(std::string path, std::map<std::string, ControlFile> files) {
    DebFile d;
    d.path_ = std::move(path);
    d.files_ = std::move(files);
    TRY(d.parse());
    return d;
}

const std::string* DebFile::file(const std::string& name) const {
    auto it = files_.find(name);
    return it == files_.end() ? nullptr : &it->second.data;
}

Status DebFile::walk_data(EntrySink& sink) const {
    auto walk = [&]() -> Status {
        TRY_SET(ArReader ar, reopen());
        TRY(next_member(ar, "data.tar"));
        TRY_SET(Filter filter, filter_of_member(ar.name(), "data.tar"));
        return walk_tar(ar, filter, sink);
    };
    if (Status s = walk(); !s)
        return path_.empty() ? s : Status(std::unexpected(std::move(s.error()).in(path_)));
    return {};
}

}  // namespace tenon::pkg
