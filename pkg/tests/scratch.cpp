#include "pkg/tests/scratch.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "pkg/lib/digest.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::test {

Scratch::Scratch() {
    char name[] = "/tmp/pkg-test.XXXXXX";
    dir_ = mkdtemp(name);
    mkdir(root_dir().c_str(), 0755);
}

Scratch::~Scratch() {
    shell("rm -rf -- " + dir_);
}

bool Scratch::add_shell() {
    if (geteuid() != 0 || access("/bin/busybox", X_OK) != 0) return false;
    std::string bin = root_dir() + "/bin";
    return shell("mkdir -p " + bin + " && cp /bin/busybox " + bin +
                 "/busybox && for a in sh cat echo "
                 "ls rm touch test mkdir env; do ln -s busybox " +
                 bin + "/$a; done") == 0;
}

Status Scratch::with_engine(const std::function<Status(Engine&, Database&)>& action,
                            EngineOptions options) {
    TRY_SET(Root root, Root::open(root_dir()));
    root.set_sync(false);
    TRY_SET(auto db, Database::open(root, Access::write));
    Engine engine(root, *db, options);
    TRY(engine.start());
    Status done = action(engine, *db);
    Status finished = engine.finish();
    return done ? finished : done;
}

Status Scratch::install(const std::vector<std::string>& debs, EngineOptions options) {
    return with_engine([&](Engine& e, Database&) { return e.install(debs); }, options);
}

Status Scratch::remove(const std::vector<std::string>& names, Purge purge) {
    return with_engine([&](Engine& e, Database& db) -> Status {
        std::vector<Package*> packages;
        for (const auto& n : names) {
            Package* p = db.find_spec(n);
            if (!p) return fail("%s is not there", n.c_str());
            packages.push_back(p);
        }
        return e.remove(packages, purge);
    });
}

std::string Scratch::state(const std::string& name) {
    auto root = Root::open(root_dir());
    auto db = Database::open(*root, Access::read);
    if (!db) return db.error().text;
    Package* p = (*db)->find_spec(name);
    return p ? to_string(p->state) : "not-installed";
}

static void walk(const std::string& top, const std::string& below,
                 std::map<std::string, std::string>& out) {
    DIR* d = opendir((top + below).c_str());
    if (!d) return;
    while (struct dirent* e = readdir(d)) {
        std::string name = e->d_name;
        if (name == "." || name == "..") continue;
        std::string path = below + "/" + name, full = top + path;
        struct stat st;
        if (lstat(full.c_str(), &st) != 0) continue;
        std::string text = format("%o %u:%u", st.st_mode, st.st_uid, st.st_gid);
        if (S_ISLNK(st.st_mode)) {
            char target[4096];
            ssize_t n = readlink(full.c_str(), target, sizeof(target));
            text += " -> " + std::string(target, n > 0 ? static_cast<size_t>(n) : 0);
        } else if (S_ISREG(st.st_mode)) {
            text += " " + md5_hex(slurp(full)) + format(" links %u", (unsigned)st.st_nlink);
        }
        out[path] = text;
        if (S_ISDIR(st.st_mode)) walk(top, path, out);
    }
    closedir(d);
}

std::map<std::string, std::string> snapshot(const std::string& dir) {
    std::map<std::string, std::string> out;
    walk(dir, "", out);
    return out;
}

}  // namespace tenon::pkg::test
