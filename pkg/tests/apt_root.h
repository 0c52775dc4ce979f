// A root with a source of packages that the test made, and the verbs on it.
#pragma once

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "pkg/cmd/verbs.h"
#include "pkg/tests/apt_repository.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {

class AptRoot : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
        if (!SigningKeys::get()) GTEST_SKIP() << "needs gpg";
        shell("mkdir -p " + scratch_.root_dir() + "/etc/apt/sources.list.d " + scratch_.root_dir() +
              "/etc/apt/trusted.gpg.d");
        trust("good");
        sources(repository_.source_line());
        options_.root = scratch_.root_dir();
    }
    void trust(const std::string& user) {
        write_temp(scratch_.root_dir() + "/etc/apt/trusted.gpg.d", "test.asc",
                   SigningKeys::get()->public_key(user));
    }
    void sources(const std::string& text) {
        write_temp(scratch_.root_dir() + "/etc/apt", "sources.list", text);
    }
    std::string lists() const { return scratch_.root_dir() + "/var/lib/pkg/lists"; }

    // The error's text; empty when all went well. What was printed is in `printed_`.
    std::string run(const std::string& verb, const Words& words = {}) {
        const Verb* v = find_verb(verb);
        if (!v) return "no such verb";
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Status s = v->run(options_, words);
        printed_ = testing::internal::GetCapturedStdout();
        printed_ += testing::internal::GetCapturedStderr();
        return s ? "" : s.error().text;
    }
    std::string dry_run(const std::string& verb, const Words& words = {}) {
        options_.dry_run = true;
        std::string error = run(verb, words);
        options_.dry_run = false;
        return error.empty() ? printed_ : error;
    }
    // "1.0", or the state when it is not installed.
    std::string installed(const std::string& name) {
        auto root = Root::open(scratch_.root_dir());
        auto db = Database::open(*root, Access::read);
        Package* p = db ? (*db)->find_spec(name) : nullptr;
        if (!p) return "not-installed";
        return p->state == State::installed ? p->version.str() : to_string(p->state);
    }
    bool has(const std::string& text) const { return printed_.find(text) != std::string::npos; }

    Scratch scratch_;
    AptRepository repository_{scratch_.dir() + "/repository"};
    Options options_;
    std::string printed_;
};

#define EXPECT_IN(part, whole) EXPECT_NE((whole).find(part), std::string::npos) << (whole)

}  // namespace tenon::pkg::test
