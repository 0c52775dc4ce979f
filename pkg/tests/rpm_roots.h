// Two roots that are treated alike, one by Debian's rpm and one by us, and what tells them apart.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "pkg/lib/rpm/installer.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {

inline constexpr const char* kRpmDatabase = "/usr/lib/sysimage/rpm";

class RpmRoots : public testing::Test {
  protected:
    void SetUp() override;

    std::string theirs() const { return scratch_.dir() + "/theirs"; }
    std::string ours() const { return scratch_.dir() + "/ours"; }
    // Busybox and a few of its names, in both. False when it is not there.
    bool add_shell();
    // The same commands in either root, on the host.
    void in_both(const std::string& commands);
    // Two empty roots again.
    void clear();

    // A package by rpmbuild; gives the path of the .rpm. `rest` is the spec from behind the
    // preamble's required lines on.
    std::string build(const std::string& name, const std::string& version, const std::string& rest);

    // Debian's rpm on their root, or on the one given. Gives what it printed.
    std::string rpm(const std::string& arguments, int* status = nullptr,
                    const std::string& root = "");
    Result<rpm::Report> install(const std::vector<std::string>& files,
                                rpm::InstallOptions options = {});
    Result<rpm::Report> erase(const std::vector<std::string>& names,
                              rpm::InstallOptions options = {});
    // Both ways; the outcome must be the same. `flags`: rpm's, without --nodeps.
    void install_both(const std::vector<std::string>& files, rpm::InstallOptions options = {});
    void erase_both(const std::vector<std::string>& names,
                    rpm::InstallOptions options = {.ignore_depends = true});
    // Files with modes, owners, times, links, capabilities; every row of the database; what rpm
    // itself answers about either.
    void expect_equal();

    Scratch scratch_;
    bool can_build_ = false;
};

// One line a file, sorted; rpm's own directory left out.
std::string tree_of(const std::string& root);
// One line a row and a tag; what only tells the time is left out.
std::string database_of(const std::string& root);

}  // namespace tenon::pkg::test
