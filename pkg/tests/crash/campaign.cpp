// The crash campaign: a transaction of pkg, stopped at its boundaries (each write, rename, link,
// creation, removal, change of owner or mode, and sync), with the loss of what was not synced; then
// the next start of pkg, and the judgement: the root is the old one or the new one, file by file
// and status line by status line, and dpkg --audit has nothing to say.
//
//   pkg_crash PKG --packages N --scenario upgrade|install|remove|purge|replace|...
//             [--boundaries N|all] [--losses all|one] [--seed S] [--nested N] [--no-syncs]
//             [--seconds S] [--first K]
//
// Scenarios apk-install, apk-upgrade and apk-remove are the same with .apk files in a prefix of
// their own, wrappers and all; the database that counts is apk's then. rpm-install, rpm-upgrade and
// rpm-remove: .rpm files in a root of their family, and rpm is asked what its database says.
//
// --seconds: stops then, and says with which --first the next run goes on.
// --nested N: of N of those starts, a boundary is drawn, too, and the one after it is judged.
// --no-syncs: a disk that lies about syncs. Must fail: the test of this test.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/tests/apk_builder.h"
#include "pkg/tests/crash/model.h"
#include "pkg/tests/crash/packages.h"
#include "pkg/tests/deb_builder.h"
#include "pkg/tests/host_tools.h"

using namespace tenon::pkg;
using namespace tenon::pkg::crash;
using namespace tenon::pkg::test;

namespace {

struct Options {
    std::string pkg, scenario = "upgrade", boundaries = "all";
    int packages = 5, nested = 0, seconds = 0;
    size_t first = 0;
    unsigned seed = 1;
    bool all_losses = true, heed_syncs = true;
};

const std::vector<std::string> kLeftOut = {"/var/lib/dpkg/status-old",
                                           "/var/lib/dpkg/lock",
                                           "/var/lib/dpkg/triggers/Lock",
                                           "/var/lib/dpkg/available",
                                           "/var/lib/pkg/history",
                                           "/bin/busybox",
                                           "/usr/lib/pkg/alpine/lib/apk/db/lock",
                                           "/usr/lib/sysimage/rpm/"};
constexpr const char* kRpmDatabase = "/usr/lib/sysimage/rpm";

class Campaign {
  public:
    explicit Campaign(Options o) : o_(std::move(o)), random_(o_.seed) {
        std::string pattern =
            access("/dev/shm", W_OK) == 0 ? "/dev/shm/pkg-crash.XXXXXX" : "/tmp/pkg-crash.XXXXXX";
        dir_ = mkdtemp(pattern.data());
    }
    ~Campaign() { shell("rm -rf -- " + dir_); }

    int run() {
        if (!prepare()) return 1;
        Recording first = record(dir_ + "/root", command_);
        if (first.exit_status != 0)
            return printf("the transaction itself ended with %d\n", first.exit_status), 1;
        new_ = look(dir_ + "/root");
        write_tree(first.base, dir_ + "/after");
        old_ = look(dir_ + "/after");
        if (old_ == new_) return puts("the transaction changed nothing"), 1;
        std::map<std::string, size_t> kinds;
        for (const Op& op : first.ops) kinds[to_string(op.kind)]++;
        printf("%s of %d packages: %zu boundaries (", o_.scenario.c_str(), o_.packages,
               first.ops.size() + 1);
        for (const auto& [kind, n] : kinds)
            printf("%s%s %zu", kind == kinds.begin()->first ? "" : ", ", kind.c_str(), n);
        puts(")");
        std::vector<size_t> points;
        for (size_t k = 0; k <= first.ops.size(); k++) points.push_back(k);
        if (o_.boundaries != "all") {
            std::shuffle(points.begin(), points.end(), random_);
            size_t wanted = strtoul(o_.boundaries.c_str(), nullptr, 10);
            if (points.size() > wanted) points.resize(wanted);
        }
        constexpr Loss kLosses[] = {Loss::none_kept, Loss::random, Loss::names, Loss::all_kept};
        const time_t end = time(nullptr) + o_.seconds;
        size_t n = o_.first;
        for (; n < points.size() && failures_ < 10 && (!o_.seconds || time(nullptr) < end); n++)
            for (int l = 0; l < 4; l++)
                if (o_.all_losses || static_cast<size_t>(l) == n % 4)
                    judge(first, points[n], kLosses[l], n < static_cast<size_t>(o_.nested));
        printf("%zu to %zu of %zu boundaries%s\n", o_.first, n, points.size(),
               n < points.size() ? "; --first goes on" : "");
        printf("%zu crashes: %zu roots as before, %zu as after, %zu neither; seed %u\n", crashes_,
               as_old_, as_new_, failures_, o_.seed);
        return failures_ ? 1 : 0;
    }

  private:
    using Description = std::map<std::string, std::string>;

    // What counts of a root.
    Description look(const std::string& root) const {
        Description out = described(load_tree(root), kLeftOut);
        if (access((root + kRpmDatabase + "/rpmdb.sqlite").c_str(), F_OK) == 0)
            shell("rpm --root " + root + " --dbpath " + kRpmDatabase +
                      " -qa --qf '%{NAME}-%{EVR} %{SHA256HEADER} [%{FILENAMES} %{FILESTATES}|]\\n' "
                      "2>&1 </dev/null | grep -v ^rpm: | sort",
                  &out["rpm's database"]);
        return out;
    }

    bool prepare() {
        const std::string root = dir_ + "/root";
        if (shell("cd " + dir_ +
                  " && mkdir -p root/bin root/dev root/var/lib/dpkg/info "
                  "root/var/lib/dpkg/updates root/var/lib/dpkg/triggers && cp /bin/busybox "
                  "root/bin/ && for a in sh ls rm mv mkdir test echo; do ln -s busybox "
                  "root/bin/$a; done && mknod -m 666 root/dev/null c 1 3 && touch "
                  "root/var/lib/dpkg/status root/var/lib/dpkg/available && echo 1 > "
                  "root/var/lib/dpkg/info/format") != 0)
            return puts("needs root's rights and busybox-static"), false;
        if (o_.scenario.starts_with("apk-")) return prepare_apk();
        if (o_.scenario.starts_with("rpm-")) return prepare_rpm();
        std::string debs[3], names;
        for (int i = 0; i < o_.packages; i++) {
            for (const char* v : {"1", "2"}) {
                std::string file = "p" + std::to_string(i) + "_" + v + ".deb";
                write_temp(dir_, file, deb_package(i, o_.packages, v));
                debs[v[0] - '0'] += " " + dir_ + "/" + file;
            }
            names += " p" + std::to_string(i);
        }
        for (int i = 1; i < o_.packages; i += 2) {
            write_temp(dir_, "r" + std::to_string(i) + ".deb", deb_replacement(i));
            debs[0] += " " + dir_ + "/r" + std::to_string(i) + ".deb";
        }
        const std::string base = o_.pkg + " --root " + root + " ";
        std::string output, verb;
        // Folders of the database that a first run makes.
        if (shell(base + "configure", &output) != 0)
            return printf("an empty root: %s\n", output.c_str()), false;
        if (o_.scenario != "install" && shell(base + "install" + debs[1], &output) != 0)
            return printf("the first installation: %s\n", output.c_str()), false;
        // A user who edits, so that configuring has something to decide.
        if (o_.scenario != "install") write_temp(root + "/etc", "p1.conf", "mine");
        if (o_.scenario == "install") verb = "install" + debs[1];
        if (o_.scenario == "upgrade") verb = "install" + debs[2];
        if (o_.scenario == "replace") verb = "install" + debs[0];
        if (o_.scenario == "remove") verb = "remove" + names;
        if (o_.scenario == "purge") verb = "--purge remove" + names;
        command_ = {"/bin/sh", "-c", "exec " + base + verb + " </dev/null >/dev/null 2>&1"};
        return !verb.empty();
    }

    bool prepare_apk() {
        const std::string root = dir_ + "/root", prefix = root + "/usr/lib/pkg/alpine";
        shell("mkdir -p " + root + "/etc/apk/keys " + root + "/usr/local/bin " + root +
              "/usr/local/sbin " + prefix + "/bin && cp -a " + root + "/bin/. " + prefix + "/bin");
        write_temp(root + "/etc/apk/keys", "test.rsa.pub", rsa_pem());
        std::string apks[3], names;
        for (int i = 0; i < o_.packages; i++) {
            for (const char* v : {"1", "2"}) {
                std::string file = "p" + std::to_string(i) + "_" + v + ".apk";
                write_temp(dir_, file, apk_package(i, o_.packages, v));
                apks[v[0] - '0'] += " " + dir_ + "/" + file;
            }
            names += " p" + std::to_string(i);
        }
        const std::string base = o_.pkg + " --root " + root + " ";
        std::string output, verb;
        if (shell(base + "configure", &output) != 0)
            return printf("an empty root: %s\n", output.c_str()), false;
        if (o_.scenario == "apk-install") verb = "install" + apks[1];
        if (o_.scenario == "apk-upgrade") verb = "install" + apks[2];
        if (o_.scenario == "apk-remove") verb = "remove" + names;
        if (o_.scenario != "apk-install") {
            if (shell(base + "install" + apks[1], &output) != 0)
                return printf("the first installation: %s\n", output.c_str()), false;
            write_temp(prefix + "/etc", "p1.conf", "mine");
        }
        command_ = {"/bin/sh", "-c", "exec " + base + verb + " </dev/null >/dev/null 2>&1"};
        return !verb.empty();
    }

    bool prepare_rpm() {
        const std::string root = dir_ + "/root";
        write_temp(root + "/var", "os-release", "ID=fedora\n");
        // A database without packages; a directory of pkg's that more uses than transactions.
        if (shell("cd " + root +
                  " && mkdir -p etc var/lib/pkg/history && mv var/os-release etc && " +
                  "rpm --root " + root + " --dbpath " + kRpmDatabase + " --initdb") != 0)
            return puts("rpm --initdb failed"), false;
        std::string rpms[3], names;
        for (int i = 0; i < o_.packages; i++) {
            for (const char* v : {"1", "2"}) {
                std::string file = "p" + std::to_string(i) + "_" + v + ".rpm";
                write_temp(dir_, file, rpm_package(i, o_.packages, v));
                rpms[v[0] - '0'] += " " + dir_ + "/" + file;
            }
            names += " p" + std::to_string(i);
        }
        const std::string base = o_.pkg + " --root " + root + " ";
        std::string output, verb;
        if (shell(base + "configure", &output) != 0)
            return printf("an empty root: %s\n", output.c_str()), false;
        if (o_.scenario == "rpm-install") verb = "install" + rpms[1];
        if (o_.scenario == "rpm-upgrade") verb = "install" + rpms[2];
        if (o_.scenario == "rpm-remove") verb = "remove" + names;
        if (o_.scenario != "rpm-install") {
            if (shell(base + "install" + rpms[1], &output) != 0)
                return printf("the first installation: %s\n", output.c_str()), false;
            for (const char* edited : {"p1.conf", "p2.conf"})
                write_temp(root + "/etc", edited, "mine");
        }
        command_ = {"/bin/sh", "-c", "exec " + base + verb + " </dev/null >/dev/null 2>&1"};
        return !verb.empty();
    }

    // The next start: any verb that may change something.
    std::string start(const std::string& root) const {
        return o_.pkg + " --root " + root + " configure";
    }

    void judge(const Recording& run, size_t at, Loss loss, bool nested) {
        Tree t = crashed(run, at, loss, random_, o_.heed_syncs);
        const std::string root = dir_ + "/after";
        shell("rm -rf -- " + root);
        write_tree(t, root);
        std::string story = std::string("boundary ") + std::to_string(at) + " (" +
                            (at < run.ops.size() ? std::string(to_string(run.ops[at].kind)) + " " +
                                                       run.ops[at].path + " " + run.ops[at].to
                                                 : "the end") +
                            "), " + to_string(loss);
        if (nested) {
            Recording second =
                record(root, {"/bin/sh", "-c", "exec " + start(root) + " >/dev/null 2>&1"});
            size_t again = random_() % (second.ops.size() + 1);
            t = crashed(second, again, loss, random_, o_.heed_syncs);
            shell("rm -rf -- " + root);
            write_tree(t, root);
            story += ", and again at " + std::to_string(again) + " of " +
                     std::to_string(second.ops.size());
        }
        crashes_++;
        std::string said, audit;
        int status = shell(start(root), &said);
        int audited = shell("dpkg --root=" + root + " --audit", &audit);
        auto now = look(root);
        if (status == 0 && audited == 0 && audit.empty() && (now == old_ || now == new_)) {
            (now == old_ ? as_old_ : as_new_)++;
            return;
        }
        failures_++;
        printf("FAILED: %s: exit status %d: %s%s\n", story.c_str(), status, said.c_str(),
               audit.c_str());
        const auto& nearer =
            difference(now, old_).size() < difference(now, new_).size() ? old_ : new_;
        size_t shown = 0;
        for (const auto& d : difference(now, nearer))
            if (shown++ < 8) printf("    %s\n", d.c_str());
    }

    static std::vector<std::string> difference(const Description& now, const Description& wanted) {
        std::vector<std::string> out;
        for (const auto& [path, text] : now) {
            auto it = wanted.find(path);
            if (it == wanted.end())
                out.push_back("too much: " + path);
            else if (it->second != text)
                out.push_back("different: " + path);
        }
        for (const auto& [path, text] : wanted)
            if (!now.contains(path)) out.push_back("missing: " + path);
        return out;
    }

    Options o_;
    std::mt19937 random_;
    std::string dir_;
    std::vector<std::string> command_;
    Description old_, new_;
    size_t crashes_ = 0, as_old_ = 0, as_new_ = 0, failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    // Nobody answers: what asks all the same is to see an end of file.
    if (!freopen("/dev/null", "r", stdin)) return 2;
    Options o;
    for (int i = 1; i < argc; i++) {
        std::string_view a = argv[i];
        auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
        if (a == "--packages")
            o.packages = atoi(value());
        else if (a == "--scenario")
            o.scenario = value();
        else if (a == "--boundaries")
            o.boundaries = value();
        else if (a == "--losses")
            o.all_losses = strcmp(value(), "all") == 0;
        else if (a == "--seed")
            o.seed = static_cast<unsigned>(strtoul(value(), nullptr, 10));
        else if (a == "--nested")
            o.nested = atoi(value());
        else if (a == "--seconds")
            o.seconds = atoi(value());
        else if (a == "--first")
            o.first = strtoul(value(), nullptr, 10);
        else if (a == "--no-syncs")
            o.heed_syncs = false;
        else
            o.pkg = a;
    }
    setvbuf(stdout, nullptr, _IOLBF, 0);
    if (geteuid() != 0 || access("/bin/busybox", X_OK) != 0 || access("/usr/bin/dpkg", X_OK) != 0)
        return puts("needs root's rights, busybox-static and dpkg"), 77;
    if (o.scenario.starts_with("rpm-") && access("/usr/bin/rpm", X_OK) != 0)
        return puts("needs Debian's rpm"), 77;
    if (o.pkg.empty() || o.packages < 2) return puts("usage: see campaign.cpp"), 2;
    return Campaign(o).run();
}
