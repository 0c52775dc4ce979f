// The solver of Alpine's packages: each of its rules with a case of its own, hostile indexes, and
// the cases of the corpus where it is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "pkg/lib/text.h"
#include "pkg/tests/apk_case.h"

namespace tenon::pkg::solver {
namespace {

namespace fs = std::filesystem;

// A system in brief; several repositories are split by lines "@" or "@tag".
struct Brief {
    std::string repositories, installed, world;
};

ApkCase make(const Brief& b, const std::string& arguments) {
    ApkCase c;
    c.system.archs = {"x86_64"};
    std::string text, tag;
    auto finish = [&] {
        if (text.empty()) return;
        c.packages.push_back(brief_packages(text));
        c.system.repositories.push_back({.packages = &c.packages.back(), .tag = tag});
        text.clear();
    };
    for (auto line : split_lines(b.repositories)) {
        if (line.starts_with("@")) {
            finish();
            tag = line.substr(1);
        } else {
            text.append(line).append("\n");
        }
    }
    finish();
    // "name version ... @tag" of what is installed.
    std::vector<std::string> tags;
    for (auto line : split_lines(b.installed)) {
        if (split_words(line).size() < 2) continue;
        size_t at = line.find(" @");
        tags.emplace_back(at == std::string_view::npos ? "" : line.substr(at + 2));
        text.append(line.substr(0, at)).append("\n");
    }
    c.packages.push_back(brief_packages(text));
    for (size_t i = 0; i < tags.size(); i++)
        c.system.installed.push_back({.package = &c.packages.back()[i], .tag = tags[i]});
    c.system.world = *apk::parse_dependencies(b.world, apk::Dependency::Tags::allowed);
    c.set_arguments(arguments);
    return c;
}

// What it does, a change a line, or "refused".
std::string did(const Brief& b, const std::string& arguments) {
    ApkCase c = make(b, arguments);
    auto answer = solve_apk(c.system, c.request);
    if (!answer || !answer->possible) return "refused";
    std::vector<std::string> all;
    for (const auto& stage : answer->stages)
        for (const auto& change : stage.changes) all.push_back(change.str());
    return join(all, ", ");
}

std::string why(const Brief& b, const std::string& arguments) {
    ApkCase c = make(b, arguments);
    auto answer = solve_apk(c.system, c.request);
    if (!answer) return answer.error().text;
    return join(answer->problems, "\n");
}

std::string notes(const Brief& b, const std::string& arguments) {
    ApkCase c = make(b, arguments);
    auto answer = solve_apk(c.system, c.request);
    return answer ? join(answer->notes, "\n") : answer.error().text;
}

std::string world(const Brief& b, const std::string& arguments) {
    ApkCase c = make(b, arguments);
    auto answer = solve_apk(c.system, c.request);
    return answer ? apk::to_text(answer->world) : answer.error().text;
}

TEST(ApkSolver, world_is_what_there_is) {
    Brief b{"app 1 D:lib\nlib 1\nother 1\n", "app 1 D:lib\nlib 1\nother 1\n", "app other"};
    EXPECT_EQ(did(b, "add"), "");
    EXPECT_EQ(did(b, "del other"), "Purging other (1)");
    EXPECT_EQ(did(b, "del app"), "Purging app (1), Purging lib (1)");
    EXPECT_EQ(world(b, "del app"), "other");
    EXPECT_EQ(world(b, "add other>0 new=1"), "app other>0 new=1");
    // What is needed stays, and it is said why.
    EXPECT_EQ(did(b, "del lib"), "");
    EXPECT_EQ(notes(b, "del lib"), "lib stays: app needs lib");
    EXPECT_EQ(did(b, "del --rdepends lib"), "Purging app (1), Purging lib (1)");
    b.world = "app";
    EXPECT_EQ(did(b, "add"), "Purging other (1)");
}

TEST(ApkSolver, installed_versions_are_kept_until_an_upgrade) {
    Brief b{"a 2 D:b\nb 2\nc 2\n", "a 1 D:b\nb 1\nc 1\n", "a c"};
    EXPECT_EQ(did(b, "add"), "");
    EXPECT_EQ(did(b, "add a"), "");
    EXPECT_EQ(did(b, "add a>1"), "Upgrading a (1 -> 2)");
    EXPECT_EQ(did(b, "add --upgrade a"), "Upgrading b (1 -> 2), Upgrading a (1 -> 2)");
    EXPECT_EQ(did(b, "upgrade a"), "Upgrading b (1 -> 2), Upgrading a (1 -> 2)");
    EXPECT_EQ(did(b, "upgrade --ignore b"), "Upgrading a (1 -> 2), Upgrading c (1 -> 2)");
    EXPECT_EQ(did(b, "upgrade"),
              "Upgrading b (1 -> 2), Upgrading a (1 -> 2), Upgrading c (1 -> 2)");
    EXPECT_EQ(did(b, "--no-network upgrade"), "");
    EXPECT_EQ(did(b, "--no-network add new"), "refused");
}

TEST(ApkSolver, upgrade_available_goes_down_and_forgets_versions) {
    Brief b{"a 1\nb 2 D:a\n", "a 2\nb 2 D:a c:other\n", "a=2 b"};
    EXPECT_EQ(did(b, "upgrade"), "");
    EXPECT_EQ(did(b, "upgrade --available"), "Downgrading a (2 -> 1), Replacing b (2 -> 2)");
    EXPECT_EQ(world(b, "upgrade --available"), "a b");
    // What no repository has stays.
    b = {"a 1\n", "gone 1\na 1\n", "a gone"};
    EXPECT_EQ(did(b, "upgrade --available"), "");
    EXPECT_EQ(did(b, "upgrade --prune"), "Purging gone (1)");
    b.world = "a gone .mine";
    EXPECT_EQ(world(b, "upgrade --prune"), "a .mine");
}

TEST(ApkSolver, upgrade_latest_takes_no_lesser_version) {
    Brief b{"a 1\na 2 D:missing\n", "", ""};
    EXPECT_EQ(did(b, "add a"), "Installing a (1)");
    EXPECT_EQ(did(b, "add --latest a"), "refused");
    b = {"a 1\na 2\n", "a 1\n", "a<2"};
    EXPECT_EQ(did(b, "upgrade"), "");
    EXPECT_EQ(did(b, "upgrade --latest"), "refused");
    EXPECT_EQ(why(b, "upgrade --latest"), "the world needs a<2\na 1 is not the latest version");
}

TEST(ApkSolver, versions_of_dependencies) {
    Brief b{"a 1.2.3\na 1.10\na 2_rc1\nneedy 1 D:a~1.2\nless 1 D:a<2\nexact 1 D:a=1.10\n", "", ""};
    EXPECT_EQ(did(b, "add a"), "Installing a (2_rc1)");
    EXPECT_EQ(did(b, "add needy"), "Installing a (1.2.3), Installing needy (1)");
    EXPECT_EQ(did(b, "add less"), "Installing a (2_rc1), Installing less (1)");
    EXPECT_EQ(did(b, "add exact less"),
              "Installing a (1.10), Installing exact (1), Installing less (1)");
    EXPECT_EQ(did(b, "add exact needy"), "refused");
    EXPECT_EQ(did(b, "add a>~1.10 a<2_rc1"), "Installing a (1.10)");
}

TEST(ApkSolver, checksums_name_one_build) {
    ApkCase c = make({"a 1\na 2\n", "", ""}, "add");
    std::string sum = (*c.system.repositories[0].packages)[0].checksum.str();
    c.request.arguments = {"a><" + sum};
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->possible);
    ASSERT_EQ(answer->stages.size(), 1u);
    EXPECT_EQ(answer->stages[0].changes[0].str(), "Installing a (1)");
    c.request.arguments = {"a><" + (*c.system.repositories[0].packages)[1].checksum.str() + ""};
    EXPECT_TRUE(solve_apk(c.system, c.request)->possible);
    c.request.arguments = {"b><" + sum};
    EXPECT_FALSE(solve_apk(c.system, c.request)->possible);
}

TEST(ApkSolver, conflicts) {
    Brief b{"a 1 D:!b>1\nb 1\nb 2\nown 1 D:!mail p:mail\nother 1 p:mail\n", "b 2\n", "b"};
    EXPECT_EQ(did(b, "add a"), "Downgrading b (2 -> 1), Installing a (1)");
    EXPECT_EQ(did(b, "add !b"), "Purging b (2)");
    EXPECT_EQ(did(b, "add a b>1"), "refused");
    // What a package provides itself it does not refuse.
    EXPECT_EQ(did({b.repositories, "", ""}, "add own"), "Installing own (1)");
    EXPECT_EQ(did({b.repositories, "", ""}, "add own other"), "refused");
    EXPECT_EQ(why({b.repositories, "", ""}, "add own other"),
              "the world needs own\nthe world needs other\n"
              "own 1 does not go together with other 1 (it says: !mail)");
    EXPECT_EQ(did({b.repositories, "", ""}, "add !missing a"), "Installing a (1)");
}

TEST(ApkSolver, provides_with_a_version_own_the_name) {
    Brief b{"real 1\nfake 1 p:real=2\nvirtual 1 p:real\nuser 1 D:real\npicky 1 D:real<2\n", "", ""};
    EXPECT_EQ(did(b, "add user"), "Installing fake (1), Installing user (1)");
    EXPECT_EQ(did(b, "add picky"), "Installing real (1), Installing picky (1)");
    EXPECT_EQ(did(b, "add real fake"), "Installing fake (1)");
    EXPECT_EQ(did(b, "add real<2 fake"), "refused");
    EXPECT_EQ(did(b, "add virtual fake"), "refused");
    EXPECT_EQ(did(b, "add virtual user"), "Installing virtual (1), Installing user (1)");
    EXPECT_EQ(did(b, "add virtual picky"), "refused");
    // A package that stands in for its successor.
    b = {"new 2 p:old=2\n", "old 1\n", "old"};
    EXPECT_EQ(did(b, "add"), "");
    EXPECT_EQ(did(b, "upgrade"), "Purging old (1), Installing new (2)");
}

TEST(ApkSolver, provides_without_a_version_are_not_chosen) {
    Brief b{"x 1 p:mail\ny 1 p:mail\nuser 1 D:mail\nuser 2 D:mail,none\n", "", ""};
    EXPECT_EQ(did(b, "add user"), "refused");
    EXPECT_EQ(did(b, "add user y"), "Installing y (1), Installing user (1)");
    EXPECT_EQ(did(b, "add x y mail"), "Installing x (1), Installing y (1)");
    EXPECT_EQ(why(b, "add mail"),
              "the world needs mail, which is nobody's own name; one of these has to be asked for "
              "by name: x, y");
    EXPECT_EQ(did(b, "add mail=1"), "refused");
    // With a priority they are: the highest one, unless another comes anyway.
    b = {"x 1 p:mail k:1\ny 1 p:mail k:5\nuser 1 D:mail\nz 1 D:x\nz 0 D:x\n", "", ""};
    EXPECT_EQ(did(b, "add user"), "Installing y (1), Installing user (1)");
    EXPECT_EQ(did(b, "add user z"), "Installing x (1), Installing user (1), Installing z (1)");
    // The highest priority counts even where the lower one comes with it.
    EXPECT_EQ(did({"all 1 D:one p:any k:2\none 1 p:any k:1\n", "", ""}, "add any"),
              "Installing one (1), Installing all (1)");
    // And not where it cannot be.
    EXPECT_EQ(did({"x 1 p:any k:2 D:!z\ny 1 p:any k:1\nz 1\n", "", ""}, "add any z"),
              "Installing y (1), Installing z (1)");
    EXPECT_EQ(
        did({"x 1 p:m k:2 D:!p\ny 1 p:m k:1\np 1 p:n k:2 D:!x\nq 1 p:n k:1\n", "", ""}, "add m n"),
        "Installing x (1), Installing q (1)");
    b.installed = "x 1 p:mail k:1\nuser 1 D:mail\n";
    b.world = "user";
    EXPECT_EQ(did(b, "add"), "");
    EXPECT_EQ(did(b, "upgrade"), "Purging x (1), Installing y (1)");
    // A version that cannot be without a choice is not taken when another can.
    b = {"app 1\napp 2 D:mail\nx 1 p:mail\n", "app 1\n", "app"};
    EXPECT_EQ(did(b, "upgrade"), "");
}

TEST(ApkSolver, the_order_of_preference_depends_on_the_name) {
    Brief b{"p 1 p:cmd:x=2 p:cmd:y=1\nq 1 p:cmd:y=2 p:cmd:z=1\nx 1 D:cmd:x\ny 1 D:cmd:y\n", "", ""};
    EXPECT_EQ(did(b, "add x"), "Installing p (1), Installing x (1)");
    EXPECT_EQ(did(b, "add y"), "Installing q (1), Installing y (1)");
    // Not both: they are cmd:y in two versions.
    EXPECT_EQ(did(b, "add x y"), "Installing p (1), Installing x (1), Installing y (1)");
}

TEST(ApkSolver, removed_names_are_not_taken_when_others_do) {
    Brief b{"wine 1\nstaging 9 p:wine=2\n", "staging 9 p:wine=2\n", "wine staging"};
    EXPECT_EQ(did(b, "del staging"), "Purging staging (9), Installing wine (1)");
    b.repositories = "staging 9 p:wine=2\n";
    EXPECT_EQ(did(b, "del staging"), "");
    EXPECT_EQ(notes(b, "del staging"), "staging stays: the world needs wine");
}

TEST(ApkSolver, install_if) {
    Brief b{
        "a 1\ndocs 1\na-doc 1 i:a=1,docs D:man\nman 1\na-bad 1 i:a,docs D:missing\n"
        "a-late 1 i:a-doc,man\nnever 1 i:a,!docs\nchoice 1 D:polkit\npolkit 1\n"
        "polkit-x 1 p:polkit=1\nchoice-x 1 i:choice,docs D:polkit-x\n",
        "", ""};
    EXPECT_EQ(did(b, "add a"), "Installing a (1), Installing never (1)");
    EXPECT_EQ(did(b, "add a docs"),
              "Installing a (1), Installing docs (1), Installing man (1), Installing a-doc (1), "
              "Installing a-late (1)");
    EXPECT_EQ(did(b, "add a docs !a-doc"), "Installing a (1), Installing docs (1)");
    // It counts before a provider is chosen.
    EXPECT_EQ(did(b, "add choice docs"),
              "Installing polkit-x (1), Installing choice (1), Installing docs (1), "
              "Installing choice-x (1)");
    b = {"a 1\nb 1\n", "a 1\nb 1\nab 1 i:a,b\n", "a b"};
    EXPECT_EQ(did(b, "upgrade"), "");
    EXPECT_EQ(did(b, "del b"), "Purging ab (1), Purging b (1)");
}

TEST(ApkSolver, pinned_repositories) {
    Brief b{
        "@\na 1 D:b\nb 1\nc 1 D:a\n@edge\na 2 D:b\nb 2\nc 2 D:a>1\nonly 1 D:b>1\n"
        "a-doc 2 i:a=2\n",
        "", ""};
    EXPECT_EQ(did(b, "add c"), "Installing b (1), Installing a (1), Installing c (1)");
    // Needs come from elsewhere only where they must.
    EXPECT_EQ(did(b, "add c@edge"),
              "Installing b (1), Installing a@edge (2), Installing c@edge (2), "
              "Installing a-doc@edge (2)");
    EXPECT_EQ(did(b, "add only"), "refused");
    EXPECT_EQ(did(b, "add only a@edge"), "refused");
    EXPECT_EQ(did(b, "add only@edge"), "Installing b@edge (2), Installing only@edge (1)");
    EXPECT_EQ(did(b, "add a@nowhere"), "refused");
    EXPECT_EQ(did(b, "add a@edge<2"), "Installing b (1), Installing a (1)");
    b.installed = "a 1 D:b\nb 1\n";
    b.world = "a@edge";
    EXPECT_EQ(did(b, "add"), "Upgrading a@edge (1 -> 2), Installing a-doc@edge (2)");
    EXPECT_EQ(did(b, "upgrade"), "Upgrading a@edge (1 -> 2), Installing a-doc@edge (2)");
    // A tag that is taken away leaves what came from it.
    b.installed = "a 2 D:b @edge\nb 1\n";
    EXPECT_EQ(did(b, "add a"), "Downgrading a (2 -> 1)");
    EXPECT_EQ(did(b, "upgrade --ignore a"), "Installing a-doc@edge (2)");
    b.world = "a";
    EXPECT_EQ(did(b, "upgrade"), "Downgrading a (2 -> 1)");
    EXPECT_EQ(did(b, "upgrade --available"), "Downgrading a (2 -> 1)");
    // What came from a tag because of a need follows it from then on.
    b = {"@\nlib 1\n@edge\nlib 3\napp 2 D:lib\n", "lib 2 @edge\napp 1 D:lib @edge\n", "app@edge"};
    EXPECT_EQ(did(b, "upgrade"), "Upgrading lib@edge (2 -> 3), Upgrading app@edge (1 -> 2)");
}

TEST(ApkSolver, repositories_in_order) {
    Brief b{"@\na 1\n@\na 1 c:other\nb 1\n", "", ""};
    ApkCase c = make(b, "add a b");
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->possible);
    ASSERT_EQ(answer->stages[0].changes.size(), 2u);
    EXPECT_EQ(answer->stages[0].changes[0].repository, 0);
    EXPECT_EQ(answer->stages[0].changes[1].repository, 1);
}

TEST(ApkSolver, fix) {
    Brief b{"a 1 D:b\na 2 D:b\nb 1\n", "a 1 D:b\nb 1\n", "a"};
    EXPECT_EQ(did(b, "fix a"), "Reinstalling a (1)");
    EXPECT_EQ(did(b, "fix --depends a"), "Reinstalling b (1), Reinstalling a (1)");
    EXPECT_EQ(did(b, "fix --upgrade a"), "Upgrading a (1 -> 2)");
    EXPECT_EQ(did(b, "fix --upgrade --reinstall b"), "Reinstalling b (1)");
    EXPECT_EQ(did(b, "fix --reinstall"), "Reinstalling b (1), Reinstalling a (1)");
    EXPECT_EQ(did(b, "fix"), "");
    EXPECT_EQ(did(b, "fix c"), "refused");
    ApkCase c = make(b, "fix");
    c.system.installed[1].broken = true;
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->stages.size() == 1);
    EXPECT_EQ(answer->stages[0].changes[0].str(), "Reinstalling b (1)");
}

TEST(ApkSolver, virtual_packages) {
    Brief b{"a 1\nb 1\n", "b 1\n", "b"};
    EXPECT_EQ(did(b, "add -t .build=7 a b"), "Installing a (1), Installing .build (7)");
    EXPECT_EQ(world(b, "add -t .build=7 a"), "b .build=7");
    EXPECT_EQ(did(b, "add -t .build=7 missing"), "refused");
    EXPECT_EQ(did(b, "add -t .build=x a"), "refused");
    EXPECT_EQ(did(b, "add -t .build>1 a"), "refused");
    EXPECT_EQ(did(b, "add -t .build a@edge"), "refused");
    b.installed = "a 1\nb 1\n.build 7 D:a\n";
    b.world = "b .build=7";
    EXPECT_EQ(did(b, "upgrade --available"), "");
    EXPECT_EQ(did(b, "add -t .build=8 b"), "Purging a (1), Upgrading .build (7 -> 8)");
    EXPECT_EQ(did(b, "del .build"), "Purging .build (7), Purging a (1)");
}

TEST(ApkSolver, the_package_manager_first) {
    Brief b{"apk-tools 2 D:lib>1\nlib 2\nlib 1\napp 2\n", "apk-tools 1 D:lib\nlib 1\napp 1\n",
            "apk-tools app"};
    ApkCase c = make(b, "upgrade");
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->possible);
    ASSERT_EQ(answer->stages.size(), 2u);
    EXPECT_TRUE(answer->stages[0].preupgrade);
    EXPECT_EQ(answer->stages[0].changes.size(), 2u);
    EXPECT_EQ(answer->stages[1].changes.size(), 1u);
    EXPECT_EQ(did(b, "upgrade --self-upgrade-only"),
              "Upgrading lib (1 -> 2), Upgrading apk-tools (1 -> 2)");
    c = make(b, "upgrade --no-self-upgrade");
    EXPECT_EQ(solve_apk(c.system, c.request)->stages.size(), 1u);
    c = make(b, "upgrade --ignore apk-tools");
    EXPECT_EQ(solve_apk(c.system, c.request)->stages.size(), 1u);
    EXPECT_EQ(did(b, "upgrade --self-upgrade-only --preupgrade-depends !apk-tools"), "");
}

TEST(ApkSolver, broken_world) {
    Brief b{"a 1\nx 1 D:!y\ny 1\n", "", "gone a x y"};
    EXPECT_EQ(did(b, "add"), "refused");
    EXPECT_EQ(did(b, "--force-broken-world add"), "Installing a (1), Installing x (1)");
    EXPECT_EQ(world(b, "--force-broken-world add"), "gone a x y");
    EXPECT_EQ(notes(b, "--force-broken-world add"),
              "gone cannot be fulfilled, and is left out of account\n"
              "y cannot be fulfilled, and is left out of account");
}

TEST(ApkSolver, problems_are_told_with_their_chain) {
    Brief b{
        "app 1 D:middle\nmiddle 2 D:lib>6\nlib 2\nalien 1 A:mips\n"
        "left 1 D:lib=2\nright 1 D:other\nother 1 p:lib=5\n",
        "", ""};
    EXPECT_EQ(why(b, "add app"),
              "the world needs app\napp 1 needs middle\n"
              "middle 2 needs lib>6, and there is only lib 2, other 1 (as lib 5)");
    EXPECT_EQ(why(b, "add nothing"), "the world needs nothing, and there is no such package");
    EXPECT_EQ(why(b, "add lib>9"),
              "the world needs lib>9, and there is only lib 2, other 1 (as lib 5)");
    EXPECT_EQ(why(b, "add alien"),
              "the world needs alien, but alien 1 is for the architecture mips");
    EXPECT_EQ(why(b, "add left right"),
              "the world needs left\nleft 1 needs lib=2\nthe world needs right\n"
              "right 1 needs other\nonly one of lib 2 and other 1 can be installed: both are lib");
    EXPECT_EQ(why(b, "add a=x"), "bad dependency 'a=x'");
}

// Of many that could join, the few that cannot do not keep the others away.
TEST(ApkSolver, install_if_of_many) {
    std::string text = "docs 1\n", arguments = "add docs";
    for (int i = 0; i < 200; i++) {
        std::string n = std::to_string(i);
        text += "p" + n + " 1\np" + n + "-doc 1 i:docs,p" + n + "=1" +
                (i % 50 == 7 ? " D:missing" : "") + "\n";
        arguments += " p" + n;
    }
    ApkCase c = make({text, "", ""}, arguments);
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->possible);
    EXPECT_EQ(answer->stages[0].changes.size(), 1u + 200 + 196);
}

// Many owners of one name exclude each other by another way than few do.
TEST(ApkSolver, many_owners_of_a_name) {
    std::string text;
    for (int i = 0; i < 300; i++)
        text += "p" + std::to_string(i) + " 1 p:name=" + std::to_string(i) + "\n";
    for (int i = 0; i < 20; i++) text += "v" + std::to_string(i) + " 1 p:name\n";
    Brief b{text, "", ""};
    EXPECT_EQ(did(b, "add name"), "Installing p299 (1)");
    EXPECT_EQ(did(b, "add name<7"), "Installing p6 (1)");
    EXPECT_EQ(did(b, "add p17 name"), "Installing p17 (1)");
    EXPECT_EQ(did(b, "add p17 p18"), "refused");
    EXPECT_EQ(did(b, "add p17 v3"), "refused");
    EXPECT_EQ(did(b, "add v3 v4"), "Installing v3 (1), Installing v4 (1)");
}

TEST(ApkSolver, hostile_indexes) {
    // Each needs and refuses each.
    std::string text;
    for (int i = 0; i < 3000; i++)
        text += "p" + std::to_string(i) + " 1 p:all,n" + std::to_string(i % 7) + "=1 D:all,!n" +
                std::to_string(i % 5) + ",p" + std::to_string((i * 7 + 1) % 3000) + " i:all,n1\n";
    (void)did({text, "", ""}, "add p1 n3");
    // A chain as long as the index, and a circle.
    text.clear();
    for (int i = 0; i < 20000; i++)
        text += "p" + std::to_string(i) + " 1 D:p" + std::to_string((i + 1) % 20000) + "\n";
    ApkCase c = make({text, "", ""}, "add p0");
    auto answer = solve_apk(c.system, c.request);
    ASSERT_TRUE(answer && answer->possible);
    EXPECT_EQ(answer->stages[0].changes.size(), 20000u);
    EXPECT_EQ(answer->stages[0].changes[0].to->name, "p19999");
    // One package that claims everything, twice, and needs itself to be away.
    text = "p 1 D:!p,p,!q,q p:";
    for (int i = 0; i < 5000; i++)
        text += "n" + std::to_string(i) + "=1,n" + std::to_string(i) + ",";
    EXPECT_EQ(did({text + "q\n", "", ""}, "add p"), "refused");
    EXPECT_EQ(did({"", "", ""}, "add"), "");
    EXPECT_EQ(did({"a 1 i:a\nb 1 i:!a\nc 1 i:c,c\n", "", ""}, "add"), "");
}

// Nonsense of every kind: it ends, and what it says holds: all needs are fulfilled, nobody is
// refused, no name has two owners.
TEST(ApkSolver, random_worlds_come_out_consistent) {
    std::mt19937 random(20260);
    auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    int solved = 0;
    for (int round = 0; round < 300; round++) {
        auto name = [&] { return std::string(1, static_cast<char>('a' + pick(9))); };
        auto dependency = [&] {
            static constexpr const char* kOps[] = {"", "", "", "=", "<", ">", "~"};
            std::string op = kOps[pick(7)];
            return (pick(8) ? "" : "!") + name() + op + (op.empty() ? "" : std::to_string(pick(3)));
        };
        auto package = [&] {
            std::string p = name() + " " + std::to_string(pick(3));
            for (int i = pick(3); i > 0; i--) p += " D:" + dependency();
            if (!pick(3)) p += " p:" + name() + (pick(2) ? "=" + std::to_string(pick(3)) : "");
            if (!pick(4)) p += " i:" + dependency() + "," + dependency();
            if (!pick(3)) p += " k:" + std::to_string(pick(3));
            return p + "\n";
        };
        Brief b;
        for (int i = 0; i < 14; i++)
            b.repositories += (pick(6) ? "" : pick(2) ? "@t\n" : "@\n") + package();
        std::set<std::string> there;
        for (int i = pick(4); i > 0; i--)
            if (std::string p = package(); there.insert(p.substr(0, 1)).second) b.installed += p;
        b.world = name() + " " + dependency();
        static constexpr const char* kVerbs[] = {"add",
                                                 "upgrade",
                                                 "upgrade -a",
                                                 "add -u",
                                                 "del",
                                                 "upgrade -l",
                                                 "fix --depends --upgrade"};
        std::string verb = kVerbs[pick(7)];
        if (verb[0] == 'a' || verb[0] == 'd') verb += " " + name();
        ApkCase c = make(b, verb);
        auto answer = solve_apk(c.system, c.request);
        ASSERT_TRUE(answer) << answer.error().text;
        if (!answer->possible) {
            EXPECT_FALSE(answer->problems.empty());
            EXPECT_NE(answer->problems.at(0), "") << b.repositories << verb;
            continue;
        }
        solved++;
        std::map<std::string, const apk::Package*> after;
        for (const auto& i : c.system.installed) after[i.package->name] = i.package;
        for (const auto& stage : answer->stages)
            for (const auto& change : stage.changes) {
                if (change.from) after.erase(change.from->name);
                if (change.to) after[change.to->name] = change.to;
            }
        auto fits = [](const apk::Package& p, const apk::Dependency& d) {
            auto one = [&](const std::string& n, const std::string& v) {
                return n == d.name && (d.version.empty() ||
                                       (!v.empty() && apk::version_matches(v, d.match, d.version)));
            };
            bool any = one(p.name, p.version);
            for (const auto& o : p.provides) any |= one(o.name, o.version);
            return any;
        };
        auto holds = [&](const apk::Dependency& d, const apk::Package* who) {
            bool any = false;
            for (const auto& [n, p] : after) any |= !(d.conflict && p == who) && fits(*p, d);
            return any != d.conflict;
        };
        for (const auto& d : answer->world) EXPECT_TRUE(holds(d, nullptr)) << d.str();
        for (const auto& [n, p] : after)
            for (const auto& d : p->depends)
                EXPECT_TRUE(holds(d, p)) << p->name << " " << d.str() << "\n"
                                         << b.repositories << b.installed << verb;
        for (const auto& [n, p] : after)
            for (const auto& [m, q] : after) {
                if (p == q) continue;
                for (const auto& d : q->provides) EXPECT_NE(d.name, p->name);
                for (const auto& d : p->provides)
                    for (const auto& e : q->provides)
                        EXPECT_FALSE(d.name == e.name && !(d.version.empty() && e.version.empty()));
            }
    }
    EXPECT_GT(solved, 50);
}

TEST(ApkSolver, corpus) {
    fs::path folder = fs::path(PKG_CORPORA) / "apk-solver";
    if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not here";
    auto read = [](const fs::path& p) {
        std::ifstream in(p, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    size_t cases = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".test") continue;
        cases++;
        ApkCase c = ApkCase::parse(read(entry.path()),
                                   [&](const std::string& name) { return read(folder / name); });
        EXPECT_EQ(c.run(), "") << entry.path().filename();
    }
    EXPECT_GT(cases, 0u);
}

}  // namespace
}  // namespace tenon::pkg::solver
