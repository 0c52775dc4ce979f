// Repositories over http, from a server on the loopback interface.
#include "pkg/lib/text.h"
#include "pkg/tests/apt_root.h"
#include "pkg/tests/http_server.h"

namespace tenon::pkg::test {
namespace {

class AptHttp : public AptRoot {
  protected:
    void SetUp() override {
        AptRoot::SetUp();
        if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "needs python3";
    }
    void TearDown() override { stop(); }

    void serve(const std::vector<std::string>& more = {}) {
        log_ = scratch_.dir() + "/log";
        base_ = server_.start(repository_.dir(), log_, more);
        ASSERT_NE(base_, "");
        sources("deb " + base_ + " test main\n");
    }
    void stop() { server_.stop(); }
    std::string archives() const { return scratch_.root_dir() + "/var/cache/pkg/archives"; }

    HttpServer server_;
    std::string base_, log_;
};

// Enough of it that it can break off in the middle.
DebSpec big(const std::string& name, const std::string& more = "") {
    DebSpec spec{.control = control_text(name, "1", more)};
    std::string data;
    unsigned x = 1;
    for (int i = 0; i < 100'000; i++) data += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
    add_file(spec, "/usr/share/" + name + "/data", data);
    return spec;
}

TEST_F(AptHttp, many_packages_come_at_once_and_redirects_are_followed) {
    std::string needs = "Depends: p0";
    for (int i = 0; i < 20; i++) {
        repository_.add("p" + std::to_string(i), "1", big("p" + std::to_string(i)));
        if (i) needs += ", p" + std::to_string(i);
    }
    repository_.add("all", "1", needs + "\n");
    repository_.publish({.by_hash = true, .compression = Compression::xz});
    serve();
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_TRUE(has("no change")) << printed_;
    EXPECT_EQ(run("install", {"all"}), "") << printed_;
    EXPECT_EQ(installed("p19"), "1");
    EXPECT_TRUE(snapshot(archives() + "/partial").empty());
    sources("deb " + base_ + "redirect/ test main\n");
    EXPECT_EQ(run("update"), "") << printed_;
}

TEST_F(AptHttp, what_breaks_off_is_gone_on_with) {
    repository_.add("a", "1", big("a"));
    repository_.publish();
    serve({"--cut", "30000"});
    // Small files come whole at the second attempt, too.
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(run("install", {"a"}), "") << printed_;
    EXPECT_EQ(installed("a"), "1");
    EXPECT_IN("/pool/a_1.deb bytes=30000-\n", slurp(log_));
}

TEST_F(AptHttp, a_part_from_an_earlier_run_is_used_if_it_fits) {
    repository_.add("a", "1", big("a"));
    repository_.publish();
    std::string whole = slurp(repository_.deb_path("a_1.deb")), half = whole.substr(0, 50000);
    std::string wrong = half;
    wrong[100] = static_cast<char>(wrong[100] ^ 1);
    struct {
        const char* what;
        std::string part;
        std::vector<std::string> server;
        std::string requests;
    } const cases[] = {
        {"half", half, {}, "/pool/a_1.deb bytes=50000-\n"},
        {"whole", whole, {}, ""},
        {"too long", whole + "x", {}, "/pool/a_1.deb \n"},
        {"wrong", wrong, {}, "/pool/a_1.deb bytes=50000-\n/pool/a_1.deb \n"},
        {"no ranges", half, {"--no-ranges"}, "/pool/a_1.deb bytes=50000-\n/pool/a_1.deb \n"},
    };
    for (const auto& c : cases) {
        serve(c.server);
        ASSERT_EQ(run("update"), "") << printed_;
        unlink(log_.c_str());
        shell("rm -rf " + archives() + " && mkdir -p " + archives() + "/partial");
        write_temp(archives() + "/partial", "a_1_all.deb", c.part);
        options_.download_only = true;
        EXPECT_EQ(run("install", {"a"}), "") << c.what;
        EXPECT_EQ(slurp(archives() + "/a_1_all.deb"), whole) << c.what;
        EXPECT_EQ(slurp(log_), c.requests) << c.what;
    }
}

TEST_F(AptHttp, wrong_and_missing_files_are_refused) {
    for (const char* n : {"a", "b"}) repository_.add(n, "1", big(n));
    repository_.publish();
    serve();
    ASSERT_EQ(run("update"), "") << printed_;
    std::string good = slurp(repository_.deb_path("b_1.deb")), changed = good;
    changed[5000] = static_cast<char>(changed[5000] ^ 1);
    for (const std::string& data : {changed, good + "x", good.substr(0, 40000), std::string()}) {
        write_temp(repository_.dir() + "/pool", "b_1.deb", data);
        std::string error = run("install", {"a", "b"});
        EXPECT_IN("not fetched:\n  b 1 (" + base_ + "pool/b_1.deb): ", error);
        EXPECT_EQ(installed("a"), "not-installed");
    }
    unlink(repository_.deb_path("b_1.deb").c_str());
    EXPECT_IN("404", run("install", {"a", "b"}));
    // What was good stays in the cache.
    EXPECT_EQ(access((archives() + "/a_1_all.deb").c_str(), R_OK), 0);
    stop();
    EXPECT_NE(run("update"), "");
    EXPECT_IN("connect", printed_);
}

}  // namespace
}  // namespace tenon::pkg::test
