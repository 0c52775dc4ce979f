#include <gtest/gtest.h>

#include "pkg/lib/archive.h"
#include "pkg/lib/deb822.h"
#include "pkg/lib/depends.h"
#include "pkg/lib/package.h"
#include "pkg/lib/plan.h"
#include "pkg/lib/relation.h"
#include "pkg/tests/deb_builder.h"

namespace tenon::pkg {
namespace {

TEST(Deb822, reads_fields_and_continuations) {
    auto s = parse_control("Package: a\nDescription: one\n two\n .\n three\nX-y:z\n");
    ASSERT_TRUE(s);
    EXPECT_EQ(s->get("package"), "a");
    EXPECT_EQ(s->get("Description"), "one\n two\n .\n three");
    EXPECT_EQ(s->get("X-Y"), "z");
    EXPECT_EQ(s->str(), "Package: a\nDescription: one\n two\n .\n three\nX-y: z\n");
}

TEST(Deb822, keeps_blanks_inside_a_value) {
    auto s = parse_control("Package: a\nDescription: one \n two  \n");
    EXPECT_EQ(s->get("Description"), "one \n two");
}

TEST(Deb822, separates_stanzas_by_blank_lines) {
    auto s = parse_stanzas("\n\nPackage: a\n \nPackage: b\n\n\n# c\nPackage: c");
    ASSERT_TRUE(s);
    ASSERT_EQ(s->size(), 3u);
    EXPECT_EQ((*s)[2].get("Package"), "c");
}

TEST(Deb822, names_the_line_of_an_error) {
    for (const char* bad :
         {"Package a\n", " x\n", "A: 1\nA: 2\n", ": x\n", "-A: x\n", "A b: c\n"}) {
        auto s = parse_stanzas(bad);
        EXPECT_FALSE(s) << bad;
    }
    EXPECT_NE(parse_stanzas("A: 1\nnonsense\n").error().text.find("line 2"), std::string::npos);
    EXPECT_FALSE(parse_stanzas(std::string_view("A: \0\n", 5)));
}

TEST(Relation, reads_what_policy_describes) {
    auto d = parse_dependencies("a, b (>= 1:2-3) | c:any (<< 4) , d(=5),");
    ASSERT_TRUE(d);
    ASSERT_EQ(d->size(), 3u);
    EXPECT_EQ(to_string(*d), "a, b (>= 1:2-3) | c:any (<< 4), d (= 5)");
    EXPECT_EQ((*d)[1][1].arch, "any");
    // The obsolete single signs mean "or equal".
    EXPECT_EQ(to_string(*parse_dependencies("a (> 1), b (< 2)")), "a (>= 1), b (<= 2)");
    EXPECT_TRUE(parse_dependencies("")->empty());
}

TEST(Relation, refuses_what_is_malformed) {
    for (const char* bad : {",a", "a,,b", "a |", "a (1", "a (>=)", "a (>= 1) x", "A/b", "a [amd64]",
                            "a <x>", "a:", "a (>> 1 2)"})
        EXPECT_FALSE(parse_dependencies(bad)) << bad;
}

TEST(Package, writes_the_status_stanza_in_dpkgs_order) {
    auto c = parse_control(
        "Zeta: last\nDescription: d\nDepends: x(>=1)\nVersion: 1\nPackage: p\nArchitecture: all\n"
        "Section: s\nEssential: yes\nInstalled-Size: 3\n");
    auto p = Package::from_control(*c);
    ASSERT_TRUE(p);
    p->want = Want::install;
    p->state = State::unpacked;
    p->conffiles.push_back({.path = "/etc/x", .md5 = "0123", .obsolete = true});
    EXPECT_EQ(p->to_status(),
              "Package: p\nEssential: yes\nStatus: install ok unpacked\nSection: s\n"
              "Installed-Size: 3\nArchitecture: all\nVersion: 1\nDepends: x (>= 1)\nConffiles:\n"
              " /etc/x 0123 obsolete\nDescription: d\nZeta: last\n");
    auto again = Package::from_status(*parse_control(p->to_status()));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->to_status(), p->to_status());
}

TEST(Package, refuses_a_bad_control_file) {
    for (const char* bad : {
             "Version: 1\nArchitecture: all\n",
             "Package: ../x\nVersion: 1\nArchitecture: all\n",
             "Package: x\nArchitecture: all\n",
             "Package: x\nVersion: 1\n",
             "Package: x\nVersion: 1\nArchitecture: ../all\n",
             "Package: x\nVersion: 1\nArchitecture: all\nDepends: ((\n",
             "Package: x\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n",
             "Package: x\nVersion: 1\nArchitecture: all\nEssential: perhaps\n",
             "Package: x\nVersion: 1\nArchitecture: all\nMulti-Arch: same\n",
         })
        EXPECT_FALSE(Package::from_control(*parse_control(bad))) << bad;
}

Package make(const std::string& name, const std::string& version, const std::string& more = "") {
    return *Package::from_control(*parse_control(test::control_text(name, version, more)));
}

TEST(Depends, knows_versions_provides_and_alternatives) {
    Depends d("amd64");
    Package a = make("a", "1", "Depends: b (>= 2) | v, w (>= 3)\n");
    Package b1 = make("b", "1"), b2 = make("b", "2");
    Package v = make("v-impl", "1", "Provides: v, w (= 3)\n");
    Package u = make("u", "1", "Provides: w\n");
    EXPECT_EQ(d.problems({&a, &b1}, {&a}).size(), 2u);
    EXPECT_EQ(d.problems({&a, &b2}, {&a}).size(), 1u);
    EXPECT_TRUE(d.problems({&a, &v}, {&a}).empty());
    // An unversioned Provides does not meet a versioned dependency.
    EXPECT_EQ(d.problems({&a, &b2, &u}, {&a}).size(), 1u);
}

TEST(Depends, knows_architectures) {
    Depends d("amd64");
    auto arch = [](const std::string& name, const std::string& arch, const std::string& more) {
        return *Package::from_control(*parse_control(
            "Package: " + name + "\nVersion: 1\nArchitecture: " + arch + "\n" + more));
    };
    Package a = arch("a", "amd64", "Depends: l\n");
    Package same = arch("l", "i386", "Multi-Arch: same\n");
    Package foreign = arch("l", "i386", "Multi-Arch: foreign\n");
    Package all = arch("l", "all", "");
    EXPECT_FALSE(d.problems({&a, &same}, {&a}).empty());
    EXPECT_TRUE(d.problems({&a, &foreign}, {&a}).empty());
    EXPECT_TRUE(d.problems({&a, &all}, {&a}).empty());
    Package any = arch("b", "amd64", "Depends: l:any\n");
    Package allowed = arch("l", "i386", "Multi-Arch: allowed\n");
    EXPECT_TRUE(d.problems({&any, &allowed}, {&any}).empty());
    EXPECT_FALSE(d.problems({&any, &same}, {&any}).empty());
}

TEST(Depends, a_package_does_not_conflict_with_itself) {
    Depends d("amd64");
    Package a = make("a", "1", "Conflicts: mta\nProvides: mta\n");
    Package b = make("b", "1", "Conflicts: mta\nProvides: mta\n");
    EXPECT_TRUE(d.problems({&a}, {&a}).empty());
    EXPECT_EQ(d.problems({&a, &b}, {&a}).size(), 1u);
}

TEST(Plan, reads_the_triggers_file) {
    auto t = parse_triggers_file("# c\ninterest /usr/lib\nactivate-noawait ldconfig\n\n");
    ASSERT_TRUE(t);
    ASSERT_EQ(t->size(), 2u);
    EXPECT_TRUE((*t)[0].await);
    EXPECT_FALSE((*t)[1].await);
    for (const char* bad : {"interest\n", "watch x\n", "interest-x y\n", "interest a b\n"})
        EXPECT_FALSE(parse_triggers_file(bad)) << bad;
}

TEST(Plan, cleans_paths_and_refuses_those_that_leave) {
    EXPECT_EQ(*clean_path("./usr/bin/x"), "/usr/bin/x");
    EXPECT_EQ(*clean_path("usr//bin/./x/"), "/usr/bin/x");
    EXPECT_EQ(*clean_path("./"), "/.");
    for (const char* bad : {"/etc/x", "../x", "./a/../../x", "a/..", "a\nb"})
        EXPECT_FALSE(clean_path(bad)) << bad;
    EXPECT_FALSE(clean_path(std::string(300, 'x')));
}

}  // namespace
}  // namespace tenon::pkg
