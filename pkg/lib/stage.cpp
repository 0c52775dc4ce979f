#include "pkg/lib/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// Bytes that a run leaves to others when it is offered a package that fills the disk.
constexpr uint64_t kSpaceLeft = 1 << 20;

void put(std::string& out, std::string_view field) {
    out.append(field);
    out += '\0';
}

void put(std::string& out, unsigned long long number) {
    put(out, format("%llu", number));
}

// Reads fields that end in a NUL each.
class Fields {
  public:
    explicit Fields(std::string_view text) : text_(text) {}
    bool at_end() const { return text_.empty(); }
    std::string text() {
        size_t end = text_.find('\0');
        if (end == std::string_view::npos) {
            good_ = false;
            return {};
        }
        std::string out(text_.substr(0, end));
        text_.remove_prefix(end + 1);
        return out;
    }
    unsigned long long number() {
        unsigned long long n = 0;
        if (!parse_u64(text(), n)) good_ = false;
        return n;
    }
    bool good() const { return good_; }

  private:
    std::string_view text_;
    bool good_ = true;
};

}  // namespace

Status set_xattrs(int fd, const TarEntry& e) {
    for (const auto& x : e.xattrs) {
        if (fsetxattr(fd, x.name.c_str(), x.value.data(), x.value.size(), 0) == 0) continue;
        if (errno != EOPNOTSUPP)
            return fail_errno("cannot set %s of %s", x.name.c_str(), e.path.c_str());
        fprintf(stderr, "pkg: warning: the file system does not take %s of %s\n", x.name.c_str(),
                e.path.c_str());
    }
    return {};
}

Result<Stage> Stage::create(Root& root, const std::string& dir) {
    Stage s;
    TRY(root.remove_tree(dir));
    TRY(root.mkdir(dir, 0700));
    TRY_SET(s.dir_, root.open_dir(dir));
    TRY(s.accounts_.load(root));
    s.shown_ = dir;
    s.as_root_ = geteuid() == 0;
    return s;
}

std::string Stage::content(const std::string& dir, size_t index) {
    return dir + format("/f%zu", index);
}

Status Stage::begin(size_t index, const TarEntry& entry) {
    struct statvfs space;
    if (entry.size_bytes > kSpaceLeft && fstatvfs(dir_.get(), &space) == 0 && space.f_blocks > 0 &&
        entry.size_bytes + kSpaceLeft > static_cast<uint64_t>(space.f_bavail) * space.f_frsize)
        return fail("there is no space for %s (%llu bytes)", entry.path.c_str(),
                    static_cast<unsigned long long>(entry.size_bytes));
    entry_ = entry;
    file_ = Fd(openat(dir_.get(), format("f%zu", index).c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_.valid()) return fail_errno("cannot write below %s", shown_.c_str());
    return {};
}

Status Stage::write(const char* data, size_t len_bytes) {
    return write_all(file_.get(), std::string_view(data, len_bytes), entry_.path.c_str());
}

Status Stage::end() {
    uid_t uid = accounts_.user(entry_.user).value_or(entry_.uid);
    gid_t gid = accounts_.group(entry_.group).value_or(entry_.gid);
    if (as_root_ && (uid || gid) && fchown(file_.get(), uid, gid) != 0)
        return fail_errno("cannot set the owner of %s", entry_.path.c_str());
    // Last, and by descriptor: no moment in which somebody else's file is setuid.
    if (fchmod(file_.get(), entry_.mode) != 0)
        return fail_errno("cannot set the mode of %s", entry_.path.c_str());
    TRY(set_xattrs(file_.get(), entry_));
    struct timespec times[2] = {{.tv_sec = entry_.mtime, .tv_nsec = 0},
                                {.tv_sec = entry_.mtime, .tv_nsec = 0}};
    futimens(file_.get(), times);
    file_.reset();
    return {};
}

Status Stage::save_files(Root& root, const std::string& dir,
                         const std::vector<PlannedFile>& planned) {
    std::string files;
    for (const auto& f : planned) {
        const TarEntry& e = f.entry;
        put(files, e.path);
        put(files, static_cast<unsigned>(e.type));
        put(files, e.mode);
        put(files, e.uid);
        put(files, e.gid);
        put(files, e.user);
        put(files, e.group);
        put(files, e.link);
        put(files, e.size_bytes);
        put(files, format("%lld", static_cast<long long>(e.mtime)));
        put(files, e.device_major);
        put(files, e.device_minor);
        put(files, f.md5);
        put(files, e.digest ? to_hex(e.digest->bytes) : "");
        put(files, e.digest ? static_cast<unsigned>(e.digest->algorithm) : 0);
        put(files, e.xattrs.size());
        for (const auto& x : e.xattrs) {
            put(files, x.name);
            put(files, to_hex(x.value));
        }
    }
    return root.write_file(dir + "/plan", files);
}

Result<std::vector<PlannedFile>> Stage::load_files(Root& root, const std::string& dir) {
    TRY_SET(std::string list, root.read_file(dir + "/plan"));
    std::vector<PlannedFile> out;
    for (Fields f(list); !f.at_end();) {
        PlannedFile p;
        p.entry.path = f.text();
        p.entry.type = static_cast<FileType>(f.number());
        p.entry.mode = static_cast<mode_t>(f.number());
        p.entry.uid = static_cast<uid_t>(f.number());
        p.entry.gid = static_cast<gid_t>(f.number());
        p.entry.user = f.text();
        p.entry.group = f.text();
        p.entry.link = f.text();
        p.entry.size_bytes = f.number();
        p.entry.mtime = strtoll(f.text().c_str(), nullptr, 10);
        p.entry.device_major = static_cast<unsigned>(f.number());
        p.entry.device_minor = static_cast<unsigned>(f.number());
        p.md5 = f.text();
        ContentDigest digest;
        bool good = from_hex(f.text(), digest.bytes);
        digest.algorithm = static_cast<HashAlgorithm>(f.number());
        if (!digest.bytes.empty()) p.entry.digest = std::move(digest);
        for (auto n = f.number(); n > 0 && f.good(); n--) {
            Xattr x{f.text(), {}};
            good &= from_hex(f.text(), x.value);
            p.entry.xattrs.push_back(std::move(x));
        }
        if (!f.good() || !good) return fail("%s/plan is damaged", dir.c_str());
        out.push_back(std::move(p));
    }
    return out;
}

Status Stage::save(Root& root, const std::string& dir, const DebFile& deb, const Plan& plan) {
    std::string control;
    for (const auto& [name, file] : deb.files()) {
        put(control, name);
        put(control, file.mode);
        put(control, format("%lld", static_cast<long long>(file.mtime)));
        put(control, file.data.size());
        control += file.data;
    }
    TRY(root.write_file(dir + "/path", deb.path()));
    TRY(root.write_file(dir + "/control", control));
    return save_files(root, dir, plan.files);
}

Result<Stage::Loaded> Stage::load(Root& root, const std::string& dir) {
    TRY_SET(std::string path, root.read_file(dir + "/path"));
    TRY_SET(std::string control, root.read_file(dir + "/control"));
    std::map<std::string, ControlFile> parts;
    for (size_t at = 0; at < control.size();) {
        Fields f(std::string_view(control).substr(at));
        std::string name = f.text(), mode = f.text(), time = f.text(), size = f.text();
        unsigned long long mode_bits = 0, len = 0;
        if (!f.good() || !parse_u64(mode, mode_bits) || !parse_u64(size, len) ||
            len > control.size())
            return fail("%s/control is damaged", dir.c_str());
        at += name.size() + mode.size() + time.size() + size.size() + 4;
        parts[name] = {control.substr(at, len), static_cast<mode_t>(mode_bits),
                       strtoll(time.c_str(), nullptr, 10)};
        at += len;
    }
    Loaded out;
    TRY_SET(out.deb, DebFile::from_parts(path, std::move(parts)));
    TRY_SET(out.plan, plan_of_control(out.deb));
    TRY_SET(out.plan.files, load_files(root, dir));
    for (const auto& f : out.plan.files)
        if (f.entry.type == FileType::regular) out.plan.total_bytes += f.entry.size_bytes;
    TRY(mark_conffiles(out.plan));
    return out;
}

}  // namespace tenon::pkg
