// pkg update: what is accepted, and what is refused with nothing written.
#include "pkg/tests/apt_root.h"

namespace tenon::pkg::test {
namespace {

using Publication = AptRepository::Publication;
constexpr int64_t kDay = 24 * 3600;

class AptUpdate : public AptRoot {
  protected:
    // An update that must fail: the lists stay as they are.
    std::string refused() {
        auto before = snapshot(lists());
        EXPECT_NE(run("update"), "");
        EXPECT_EQ(snapshot(lists()), before);
        EXPECT_TRUE(snapshot(scratch_.root_dir() + "/var/cache/pkg/archives/partial").empty());
        return printed_;
    }
};

TEST_F(AptUpdate, every_compression_and_way_of_signing) {
    repository_.add("a", "1");
    int64_t date = time(nullptr) - kDay;
    for (Compression c : {Compression::none, Compression::gzip, Compression::xz, Compression::zstd,
                          Compression::bzip2})
        for (bool detached : {false, true})
            for (bool by_hash : {false, true}) {
                shell("rm -rf " + lists());
                repository_.publish(
                    {.date = date++, .detached = detached, .by_hash = by_hash, .compression = c});
                EXPECT_EQ(run("update"), "") << printed_;
                EXPECT_TRUE(has("1 packages, signed by good")) << printed_;
                EXPECT_IN("To install: a 1", dry_run("install", {"a"}));
                EXPECT_EQ(run("update"), "");
                EXPECT_TRUE(has("no change"));
            }
    EXPECT_EQ(snapshot(lists()).size(), 2u);
}

TEST_F(AptUpdate, copy_and_flat_sources) {
    repository_.add("a", "1");
    repository_.publish();
    sources("deb copy:" + repository_.dir() + " test main\n");
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(run("install", {"a"}), "") << printed_;
    EXPECT_EQ(installed("a"), "1");
    EXPECT_EQ(snapshot(scratch_.root_dir() + "/var/cache/pkg/archives").size(), 2u);
    // A flat one without Release counts only when it is trusted.
    shell("cp " + repository_.packages_file() + " " + repository_.dir());
    sources("deb file:" + repository_.dir() + " ./\n");
    EXPECT_NE(run("update"), "");
    EXPECT_TRUE(has("neither InRelease nor Release")) << printed_;
    sources("deb [trusted=yes] file:" + repository_.dir() + " ./\n");
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_TRUE(has("1 packages, trusted unsigned")) << printed_;
    EXPECT_EQ(snapshot(lists()).size(), 2u);
}

TEST_F(AptUpdate, keys_come_from_where_signed_by_says) {
    const SigningKeys* keys = SigningKeys::get();
    repository_.add("a", "1");
    repository_.publish();
    trust("other");
    EXPECT_IN("the key is not among the known ones", refused());
    write_temp(scratch_.root_dir(), "k.asc", keys->public_key("good"));
    sources(repository_.source_line("signed-by=/k.asc"));
    EXPECT_EQ(run("update"), "") << printed_;
    // A trusted key is not trusted for a source that names another.
    shell("rm -rf " + lists());
    trust("good");
    write_temp(scratch_.root_dir(), "k.asc", keys->public_key("other"));
    EXPECT_IN("the key is not among the known ones", refused());
    sources(repository_.source_line("signed-by=" + keys->fingerprint("good")));
    EXPECT_EQ(run("update"), "") << printed_;
    sources(repository_.source_line("signed-by=" + keys->fingerprint("other")));
    EXPECT_IN("the key is not among the known ones", refused());
    sources(repository_.source_line("signed-by=/missing.gpg"));
    EXPECT_IN("the key file /missing.gpg is not there", refused());
    std::string block = keys->public_key("good"), folded;
    for (std::string_view line : std::initializer_list<std::string_view>{block}) {
        std::string text(line);
        for (size_t at = 0; at < text.size();) {
            size_t end = text.find('\n', at);
            std::string one = text.substr(at, end - at);
            folded += "\n " + (one.empty() ? "." : one);
            at = end + 1;
        }
    }
    sources("");
    write_temp(scratch_.root_dir() + "/etc/apt/sources.list.d", "x.sources",
               "Types: deb\nURIs: file:" + repository_.dir() +
                   "\nSuites: test\nComponents: main\nSigned-By:" + folded + "\n");
    EXPECT_EQ(run("update"), "") << printed_;
}

TEST_F(AptUpdate, an_unsigned_or_tampered_release_is_refused) {
    repository_.add("a", "1");
    repository_.publish({.user = ""});
    EXPECT_IN("is not signed", refused());
    sources(repository_.source_line("trusted=yes"));
    EXPECT_EQ(run("update"), "") << printed_;
    sources(repository_.source_line());
    repository_.publish();
    std::string in_release = repository_.release_dir() + "/InRelease", good = slurp(in_release);
    auto with = [&](const std::string& text) {
        write_temp(repository_.release_dir(), "InRelease", text);
        return refused();
    };
    std::string changed = good;
    changed.replace(changed.find("Origin: test"), 12, "Origin: evil");
    EXPECT_IN("does not fit the contents", with(changed));
    EXPECT_IN("does not begin with", with("Origin: evil\n" + good));
    EXPECT_IN("behind the signature", with(good + "Origin: evil\n"));
    EXPECT_IN("cut off", with(good.substr(0, good.size() / 2)));
    EXPECT_IN("cut off", with(""));
    write_temp(repository_.release_dir(), "InRelease", good);
    EXPECT_EQ(run("update"), "") << printed_;
    repository_.publish({.detached = true});
    std::string release = slurp(repository_.release_dir() + "/Release");
    write_temp(repository_.release_dir(), "Release", release + "X: y\n");
    EXPECT_IN("does not fit the contents", refused());
}

TEST_F(AptUpdate, expired_future_and_rolled_back_releases_are_refused) {
    int64_t now = time(nullptr);
    repository_.add("a", "1");
    repository_.publish({.date = now - 9 * kDay, .valid_until = now - kDay});
    EXPECT_IN("has expired", refused());
    sources(repository_.source_line("check-valid-until=no"));
    EXPECT_EQ(run("update"), "") << printed_;
    sources(repository_.source_line());
    repository_.publish({.date = now + 2 * kDay});
    EXPECT_IN("from the future", refused());
    repository_.publish({.date = now - 2 * kDay, .valid_until = now + kDay});
    EXPECT_EQ(run("update"), "") << printed_;
    repository_.publish({.date = now - 3 * kDay, .valid_until = now + kDay});
    EXPECT_IN("older than the one", refused());
    repository_.publish({.date = now - 1 * kDay, .valid_until = now + kDay});
    EXPECT_EQ(run("update"), "") << printed_;
}

TEST_F(AptUpdate, a_wrong_packages_file_is_refused) {
    repository_.add("a", "1");
    int64_t date = time(nullptr) - kDay;
    for (Compression c : {Compression::none, Compression::xz, Compression::zstd})
        for (bool by_hash : {false, true}) {
            repository_.publish({.date = date++,
                                 .by_hash = by_hash,
                                 .compression = c,
                                 .more = "Version: " + std::to_string(date) + "\n"});
            shell("rm -rf " + lists());
            std::string file = repository_.packages_file(), good = slurp(file);
            auto with = [&](const std::string& text) {
                write_temp(file.substr(0, file.rfind('/')), file.substr(file.rfind('/') + 1), text);
                return refused();
            };
            std::string changed = good;
            changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
            EXPECT_IN("is not the one in its Release", with(changed));
            EXPECT_IN("bytes and its Release says", with(good + "\n"));
            EXPECT_IN("bytes and its Release says", with(""));
            unlink(file.c_str());
            EXPECT_IN("not there, in no compression", refused());
        }
}

TEST_F(AptUpdate, one_bad_source_does_not_keep_the_others_back) {
    repository_.add("a", "1");
    repository_.publish();
    sources("deb file:/does/not/exist test main\n" + repository_.source_line());
    std::string error = run("update");
    EXPECT_IN("1 of 2 sources", error);
    EXPECT_IN("To install: a 1", dry_run("install", {"a"}));
    sources("");
    EXPECT_IN("there is no source", run("update"));
    sources("nonsense\n");
    EXPECT_IN("sources.list:1", run("update"));
}

TEST_F(AptUpdate, lists_of_sources_that_are_gone_go) {
    repository_.add("a", "1");
    repository_.publish();
    AptRepository second(scratch_.dir() + "/second");
    second.add("b", "1");
    second.publish();
    sources(repository_.source_line() + second.source_line());
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(snapshot(lists()).size(), 4u);
    sources(second.source_line());
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(snapshot(lists()).size(), 2u);
    EXPECT_IN("there is no package a", run("install", {"a"}));
}

}  // namespace
}  // namespace tenon::pkg::test
