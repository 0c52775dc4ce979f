// --json: what each verb reports, read back by RapidJSON.
#include <rapidjson/document.h>

#include "pkg/cmd/report.h"
#include "pkg/tests/apt_root.h"

namespace tenon::pkg::test {
namespace {

TEST(Json, escapes_what_has_to_be) {
    const JsonObject object{{"a\"b", "tab\t, zero\x01, back\\slash"},
                            {"none", Json()},
                            {"list", Json::strings({"x", "y"})},
                            {"n", int64_t{-1}},
                            {"yes", true}};
    EXPECT_EQ(
        Json(object).str(),
        R"({"a\"b":"tab\t, zero\u0001, back\\slash","none":null,"list":["x","y"],"n":-1,"yes":true})");
}

TEST(Json, bytes_that_are_no_utf8_are_replaced) {
    const std::string bad = "\xef\xbf\xbd";
    EXPECT_EQ(Json("gr\xc3\xbc\xc3\x9f").str(), "\"gr\xc3\xbc\xc3\x9f\"");
    EXPECT_EQ(Json("\xf0\x9f\x99\x82").str(), "\"\xf0\x9f\x99\x82\"");
    // Latin 1, a cut sequence, an overlong one, a surrogate, beyond U+10FFFF, a lone continuation.
    EXPECT_EQ(Json("gr\xfc").str(), "\"gr" + bad + "\"");
    EXPECT_EQ(Json("\xe2\x82").str(), "\"" + bad + bad + "\"");
    EXPECT_EQ(Json("\xc0\xaf").str(), "\"" + bad + bad + "\"");
    EXPECT_EQ(Json("\xed\xa0\x80").str(), "\"" + bad + bad + bad + "\"");
    EXPECT_EQ(Json("\xf4\x90\x80\x80").str(), "\"" + bad + bad + bad + bad + "\"");
    EXPECT_EQ(Json("\x80x").str(), "\"" + bad + "x\"");
}

class JsonVerbs : public AptRoot {
  protected:
    using Value = rapidjson::Value;

    // Runs the verb as main() does, and reads the report into `json_`.
    std::string json(const std::string& verb, const Words& words = {}) {
        Report report;
        Options options = options_;
        options.report = &report;
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Status s = run_verb(*find_verb(verb), options, words);
        printed_ = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
        text_ = report.take(verb, s);
        json_.Parse(text_.c_str());
        EXPECT_FALSE(json_.HasParseError()) << text_;
        EXPECT_EQ(text("verb"), verb);
        EXPECT_EQ(json_["ok"].GetBool(), s.has_value());
        EXPECT_EQ(json_.HasMember("error"), !s.has_value());
        return s ? "" : s.error().text;
    }
    static std::string text(const Value& object, const char* name) {
        if (!object.HasMember(name)) return "(nothing)";
        const Value& v = object[name];
        return v.IsString() ? v.GetString() : v.IsNull() ? "(null)" : "(no text)";
    }
    std::string text(const char* name) { return text(json_, name); }
    // Of each item of the list: the named fields, joined by blanks.
    std::vector<std::string> rows(const char* list, std::initializer_list<const char*> names) {
        std::vector<std::string> out;
        if (!json_.HasMember(list)) return {"(no such list)"};
        for (const Value& item : json_[list].GetArray()) {
            std::string row;
            for (const char* name : names) row += (row.empty() ? "" : " ") + text(item, name);
            out.push_back(row);
        }
        return out;
    }

    rapidjson::Document json_;
    std::string text_;
};

using Rows = std::vector<std::string>;

TEST_F(JsonVerbs, of_repositories_and_transactions) {
    repository_.add("app", "1", "Depends: lib\n");
    repository_.add("lib", "1");
    repository_.publish();
    EXPECT_EQ(json("update"), "");
    EXPECT_EQ(json_["sources"].Size(), 1u) << text_;
    EXPECT_TRUE(json_["sources"][0]["changed"].GetBool()) << text_;
    EXPECT_EQ(json_["sources"][0]["packages"].GetInt(), 2) << text_;

    EXPECT_EQ(json("search", {"app"}), "");
    EXPECT_EQ(rows("packages", {"package", "version", "installed"}), Rows{"app 1 (null)"});
    EXPECT_NE(json("search", {"nothing-has-this"}), "");
    EXPECT_EQ(rows("packages", {"package"}), Rows());

    options_.dry_run = true;
    EXPECT_EQ(json("install", {"app"}), "");
    options_.dry_run = false;
    EXPECT_EQ(rows("plan", {"action", "package", "before", "after"}).size(), 2u) << text_;
    EXPECT_FALSE(json_.HasMember("changes"));
    EXPECT_EQ(json("install", {"app"}), "") << text_;
    const Rows both{"deb app (null) 1 installed", "deb lib (null) 1 installed"};
    EXPECT_EQ(rows("changes", {"family", "package", "before", "after", "state"}), both);
    EXPECT_EQ(json("install", {"app"}), "");
    EXPECT_EQ(rows("changes", {"package"}), Rows());

    EXPECT_EQ(json("list"), "");
    EXPECT_EQ(rows("packages", {"package", "version", "state"}),
              (Rows{"app 1 installed", "lib 1 installed"}));
    EXPECT_EQ(json("why", {"lib"}), "");
    EXPECT_TRUE(json_["automatic"].GetBool());
    EXPECT_EQ(rows("chain", {"package", "relation", "on", "fulfilled_by"}),
              Rows{"app needs lib lib"});

    repository_.add("app", "2", "Depends: lib\n");
    repository_.publish({.more = "Version: 2\n"});
    EXPECT_EQ(json("update"), "");
    EXPECT_EQ(json("upgrade"), "") << text_;
    EXPECT_EQ(rows("plan", {"action", "package", "before", "after"}), Rows{"upgrade app 1 2"});
    EXPECT_EQ(rows("changes", {"package", "before", "after"}), Rows{"app 1 2"});

    EXPECT_EQ(json("history"), "");
    ASSERT_EQ(json_["transactions"].Size(), 2u) << text_;
    EXPECT_EQ(json_["transactions"][1]["number"].GetInt(), 2);
    EXPECT_EQ(text(json_["transactions"][1]["changes"][0], "before"), "1");
    EXPECT_EQ(json("history", {"1"}), "");
    EXPECT_EQ(json_["transaction"]["changes"].Size(), 2u);

    EXPECT_EQ(json("remove", {"app"}), "");
    EXPECT_EQ(rows("changes", {"package", "before", "after"}), Rows{"app 2 (null)"});
    options_.dry_run = true;
    EXPECT_EQ(json("autoremove"), "");
    options_.dry_run = false;
    EXPECT_EQ(rows("plan", {"action", "package"}), Rows{"remove lib"});
    EXPECT_EQ(json("why-not", {"app"}), "");
    EXPECT_TRUE(json_["possible"].GetBool());
    EXPECT_EQ(rows("plan", {"action", "package", "after"}), Rows{"install app 2"});
    EXPECT_NE(json("install", {"ghost"}), "");
    EXPECT_NE(text("error").find("there is no package ghost"), std::string::npos);
    EXPECT_EQ(rows("changes", {"package"}), Rows());
}

TEST_F(JsonVerbs, a_dry_run_changes_nothing_or_is_refused) {
    repository_.add("app", "1", "Depends: lib\n");
    repository_.add("lib", "1");
    repository_.publish();
    EXPECT_EQ(json("update"), "");
    EXPECT_EQ(json("install", {"app"}), "") << text_;
    EXPECT_EQ(json("list"), "");
    const Rows both = rows("packages", {"package", "version", "state"});

    options_.dry_run = true;
    EXPECT_EQ(json("remove", {"app"}), "") << text_;
    EXPECT_EQ(rows("plan", {"action", "package"}), Rows{"remove app"});
    // As without it: what needs the package is said.
    EXPECT_NE(json("remove", {"lib"}).find("app"), std::string::npos) << text_;
    for (const char* verb : {"unpack", "configure", "hold", "unhold", "update"}) {
        const std::string why = json(verb, {"app"});
        EXPECT_NE(why.find("--dry-run"), std::string::npos) << verb << ": " << why;
    }
    EXPECT_EQ(json("undo", {"1"}), "") << text_;
    options_.dry_run = false;
    EXPECT_EQ(json("list"), "");
    EXPECT_EQ(rows("packages", {"package", "version", "state"}), both);
    EXPECT_EQ(json("history"), "");
    EXPECT_EQ(json_["transactions"].Size(), 1u) << text_;
}

TEST_F(JsonVerbs, of_files) {
    DebSpec spec{.control = control_text("tool", "1.2", "Depends: \n")};
    add_file(spec, "/usr/bin/tool", "contents");
    spec.control_files["md5sums"] = "98bf7d8c15784f0a3d63204441e1e2aa  usr/bin/tool\n";
    const std::string deb = write_temp(scratch_.dir(), "tool.deb", deb_of(spec));
    EXPECT_EQ(json("info", {deb}), "") << text_;
    EXPECT_EQ(text("family"), "deb");
    EXPECT_EQ(text(json_["fields"], "Version"), "1.2");
    EXPECT_EQ(json("install", {deb}), "") << text_;
    EXPECT_EQ(rows("changes", {"package", "after"}), Rows{"tool 1.2"});
    EXPECT_EQ(json("files", {"tool"}), "");
    const Rows files = rows("files", {"path"});
    EXPECT_NE(std::find(files.begin(), files.end(), "/usr/bin/tool"), files.end()) << text_;
    EXPECT_EQ(json("info", {"tool"}), "");
    EXPECT_EQ(text(json_["fields"], "Status"), "install ok installed");

    EXPECT_EQ(json("verify"), "") << text_;
    EXPECT_EQ(rows("faults", {"path"}), Rows());
    write_temp(scratch_.root_dir() + "/usr/bin", "tool", "changed");
    EXPECT_NE(json("verify"), "");
    EXPECT_EQ(rows("faults", {"package", "path", "checks"}), Rows{"tool /usr/bin/tool ??5??????"});
    EXPECT_FALSE(json_["faults"][0]["missing"].GetBool());
    EXPECT_EQ(json("verify-file", {scratch_.dir() + "/nothing.apk"}).empty(), false);
    EXPECT_EQ(rows("files", {"path"}), Rows{scratch_.dir() + "/nothing.apk"});
    EXPECT_FALSE(json_["files"][0]["good"].GetBool());
}

}  // namespace
}  // namespace tenon::pkg::test
