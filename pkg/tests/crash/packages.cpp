#include "pkg/tests/crash/packages.h"

#include "pkg/lib/rpm/package.h"
#include "pkg/lib/rpm/tags.h"
#include "pkg/tests/apk_builder.h"
#include "pkg/tests/deb_builder.h"
#include "pkg/tests/rpm_builder.h"

namespace tenon::pkg::crash {

using namespace tenon::pkg::test;

// With all that packages have: a chain of dependencies, hard and symbolic
// links, directories, configuration files, triggers, files that move from one package to the next,
// and scripts that insist on what they may rely on.
std::string deb_package(int i, int count, const std::string& version) {
    const std::string name = "p" + std::to_string(i), dir = "/usr/share/" + name;
    std::string more;
    if (i % 3) more += "Depends: p" + std::to_string(i - 1) + "\n";
    if (i % 5 == 3) more += "Pre-Depends: p" + std::to_string(i - 1) + " (>= " + version + ")\n";
    if (version == "2" && i > 0) more += "Replaces: p" + std::to_string(i - 1) + " (<< 2)\n";
    DebSpec s{.control = control_text(name, version, more)};
    add_file(s, dir + "/common", name + " common " + version, i % 4 ? 0644 : 04755);
    add_file(s, dir + "/only-" + version, name + version);
    add_file(s, dir + "/same", name + " same");
    add_file(s, dir + "/big",
             std::string(20000 + 7000u * static_cast<unsigned>(i % 5), version[0]));
    add_file(s, "/etc/" + name + ".conf", "conf " + version);
    add_file(s, "/usr/share/all/" + name, version);
    s.items.push_back({.path = "./usr/share/" + name + "/hard",
                       .type = 'h',
                       .data = "./usr/share/" + name + "/common"});
    s.items.push_back(
        {.path = "./usr/share/" + name + "/soft", .type = 'l', .data = "only-" + version});
    // What is a directory in one version and a file or a link in the other.
    if (version == "1")
        add_file(s, dir + "/changing", "a file");
    else
        add_file(s, dir + "/changing/inner", "below a directory");
    // A file that changes its package.
    int owner = version == "1" ? i : (i + count - 1) % count;
    if (version == "1" || i > 0)
        add_file(s, "/usr/share/moving/" + std::to_string(owner), "moving");
    s.control_files["conffiles"] = "/etc/" + name + ".conf\n";
    if (i == 0) s.control_files["triggers"] = "interest-noawait /usr/share/all\n";
    const std::string head = "#!/bin/sh\nset -e\n";
    s.scripts["preinst"] = head + "case $1 in upgrade) test -e " + dir + "/common;; esac\n";
    s.scripts["postinst"] = head + "case $1 in configure) test -e " + dir + "/only-" + version +
                            "; test -e /etc/" + name + ".conf\nmkdir -p /var/state\necho " +
                            version + " > /var/state/" + name + ".new\nmv -f /var/state/" + name +
                            ".new /var/state/" + name + ";;\n" +
                            "triggered) ls /usr/share/all > /var/state/all;; esac\n";
    // What it calls is the package's own.
    s.scripts["prerm"] = head + "test -e " + dir + "/common\n";
    s.scripts["postrm"] = head + "case $1 in purge) rm -f /var/state/" + name +
                          ";; remove) rm -f /var/state/" + name + ".new;; esac\n";
    return deb_of(s);
}

std::string deb_replacement(int i) {
    const std::string old = "p" + std::to_string(i), name = "r" + std::to_string(i);
    DebSpec s{.control = control_text(
                  name, "1",
                  "Conflicts: " + old + "\nReplaces: " + old + "\nProvides: " + old + " (= 2)\n")};
    add_file(s, "/usr/share/" + name + "/common", name);
    add_file(s, "/usr/share/" + old + "/common", name + " in its place");
    for (const char* script : {"preinst", "postinst", "prerm", "postrm"})
        s.scripts[script] = "#!/bin/sh\nexit 0\n";
    return deb_of(s);
}

// The same in Alpine's form. Scripts come without "triggered", and may not rely on more than apk
// promises.
std::string apk_package(int i, int count, const std::string& version) {
    const std::string name = "p" + std::to_string(i), dir = "usr/share/" + name;
    V2Spec s;
    s.pkginfo =
        "pkgname = " + name + "\npkgver = " + version + "-r0\narch = noarch\norigin = all\n";
    if (i % 3) s.pkginfo += "depend = p" + std::to_string(i - 1) + "\n";
    if (i == 0) s.pkginfo += "triggers = /usr/share/all\n";
    auto add_dir = [&](const std::string& path, unsigned mode = 0755) {
        s.items.push_back({.path = path + "/", .type = '5', .mode = mode});
    };
    auto add = [&](const std::string& path, const std::string& data, unsigned mode = 0644) {
        s.items.push_back({.path = path, .data = data, .mode = mode});
    };
    for (const char* d :
         {"etc", "usr", "usr/bin", "usr/share", "usr/share/all", "usr/share/moving"})
        add_dir(d);
    add("etc/" + name + ".conf", "conf " + version);
    s.items.push_back(
        {.path = "etc/" + name + ".hard", .type = '1', .data = "etc/" + name + ".conf"});
    s.items.push_back({.path = "etc/" + name + ".soft", .type = '2', .data = "conf" + version});
    add("usr/bin/" + name, "#!/bin/sh\necho " + version + "\n", 0755);
    add("usr/bin/" + name + "-" + version, "#!/bin/sh\n", 0755);
    add("usr/share/all/" + name, version);
    add_dir(dir, version == "1" ? 0755 : 0750);
    add(dir + "/common", name + " common " + version, i % 4 ? 0644 : 04755);
    add(dir + "/only-" + version, name + version);
    add(dir + "/same", name + " same");
    add(dir + "/big", std::string(20000 + 7000u * static_cast<unsigned>(i % 5), version[0]));
    s.items.push_back({.path = dir + "/hard", .type = '1', .data = dir + "/common"});
    s.items.push_back({.path = dir + "/soft", .type = '2', .data = "only-" + version});
    if (version == "1") {
        add(dir + "/changing", "a file");
    } else {
        add_dir(dir + "/changing");
        add(dir + "/changing/inner", "below a directory");
    }
    int owner = version == "1" ? i : (i + count - 1) % count;
    if (version == "1" || i > 0) add("usr/share/moving/" + std::to_string(owner), "moving");
    const std::string head = "#!/bin/sh\nset -e\n";
    const std::string state = "mkdir -p /state\necho " + version + " > /state/" + name +
                              ".new\nmv -f /state/" + name + ".new /state/" + name + "\n";
    s.control = {{".pre-upgrade", head + "test -e /" + dir + "/common\n"},
                 {".post-install", head + "test -e /" + dir + "/only-" + version + "\n" + state},
                 {".post-upgrade", head + "test ! -e /" + dir + "/only-1\n" + state},
                 {".pre-deinstall", head + "test -e /" + dir + "/common\n"},
                 {".post-deinstall", head + "rm -f /state/" + name + " /state/" + name + ".new\n"},
                 {".trigger", head + "ls /usr/share/all > /state/all\n"}};
    if (i > 0) s.control.pop_back();
    return v2_parts(s).all();
}

// The same in rpm's form, with the counts that its scripts get.
std::string rpm_package(int i, int count, const std::string& version) {
    namespace tag = rpm::tag;
    const std::string name = "p" + std::to_string(i), dir = "/usr/share/" + name;
    RpmSpec s{.name = name, .version = version};
    auto add = [&](const std::string& path, const std::string& data, unsigned mode = 0644) {
        s.items.push_back({.path = path, .mode = S_IFREG | mode, .data = data});
    };
    auto add_dir = [&](const std::string& path, unsigned mode = 0755) {
        s.items.push_back({.path = path, .mode = S_IFDIR | mode});
    };
    auto add_link = [&](const std::string& path, const std::string& target) {
        s.items.push_back({.path = path, .mode = S_IFLNK | 0777, .data = target});
    };
    // rpm's order is that of the names.
    s.items.push_back({.path = "/etc/" + name + ".conf",
                       .mode = S_IFREG | 0644,
                       .data = "conf " + version,
                       .flags = i % 2 ? rpm::kFileConfig | rpm::kFileNoReplace : rpm::kFileConfig});
    add("/usr/bin/" + name, "#!/bin/sh\necho " + version + "\n", 0755);
    add("/usr/bin/" + name + "-" + version, "#!/bin/sh\n", 0755);
    add("/usr/share/all/" + name, version);
    int owner = version == "1" ? i : (i + count - 1) % count;
    if (version == "1" || i > 0) add("/usr/share/moving/" + std::to_string(owner), "moving");
    add_dir(dir, version == "1" ? 0755 : 0750);
    add(dir + "/big", std::string(20000 + 7000u * static_cast<unsigned>(i % 5), version[0]));
    add(dir + "/common", name + " common " + version, i % 4 ? 0644 : 04755);
    for (const char* link : {"/hard-1", "/hard-2"})
        s.items.push_back({.path = dir + link, .data = name + version, .inode = 7});
    add(dir + "/only-" + version, name + version);
    add(dir + "/same", name + " same");
    add_link(dir + "/soft", "only-" + version);
    s.header.texts(tag::kProvideName, {name});
    s.header.texts(tag::kProvideVersion, {version + "-1"});
    s.header.number(tag::kProvideFlags, {8});  // equal
    if (i % 3) {
        s.header.texts(tag::kRequireName, {"p" + std::to_string(i - 1)});
        s.header.texts(tag::kRequireVersion, {""});
        s.header.number(tag::kRequireFlags, {0});
    }
    const std::string state = "mkdir -p /state\necho " + version + " > /state/" + name +
                              ".new\nmv -f /state/" + name + ".new /state/" + name + "\n";
    auto script = [&](uint32_t text, uint32_t program, const std::string& lines) {
        s.header.text(text, "set -e\n" + lines);
        s.header.text(program, "/bin/sh");
    };
    script(tag::kPreIn, tag::kPreInProg, "test $1 = 1 || test -e " + dir + "/common\n");
    script(tag::kPostIn, tag::kPostInProg, "test -e " + dir + "/only-" + version + "\n" + state);
    script(tag::kPreUn, tag::kPreUnProg, "test -e " + dir + "/common\n");
    script(tag::kPostUn, tag::kPostUnProg,
           "test $1 != 0 || rm -f /state/" + name + " /state/" + name + ".new\n");
    if (i == 0) script(tag::kPostTrans, tag::kPostTransProg, "ls /usr/share/all > /state/all\n");
    return rpm_of(s);
}

}  // namespace tenon::pkg::crash
