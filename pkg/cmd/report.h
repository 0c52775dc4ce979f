// What --json prints: one object when the run ends, {"verb": ..., "ok": ..., ...}. docs:
// pkg/README.md, "JSON".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg {

class Json;
using JsonList = std::vector<Json>;
using JsonObject = std::vector<std::pair<std::string, Json>>;  // in the order in which it is given

class Json {
  public:
    Json() = default;  // null
    Json(bool value) : value_(value) {}
    Json(int64_t value) : value_(value) {}
    Json(std::string_view text) : value_(std::string(text)) {}
    Json(const std::string& text) : value_(text) {}
    Json(const char* text) : value_(std::string(text)) {}
    Json(JsonList list) : value_(std::move(list)) {}
    Json(JsonObject object) : value_(std::move(object)) {}
    static Json count(size_t n) { return static_cast<int64_t>(n); }
    // null, when there is no text.
    static Json or_null(std::string_view text) { return text.empty() ? Json() : Json(text); }
    static Json strings(const std::vector<std::string>& texts);

    // RFC 8259, in one line. Bytes that are no UTF-8 become U+FFFD: names of files may be any.
    std::string str() const;

  private:
    template <typename Writer>
    void write(Writer& out) const;
    std::variant<std::monostate, bool, int64_t, std::string, JsonList, JsonObject> value_;
};

class Report {
  public:
    // Takes standard output away from everybody else: what they say goes to standard error, so
    // that the output of scripts is seen, or nowhere. Once in a process.
    enum class Others { to_stderr, unseen };
    Status begin(Others others);
    void set(std::string name, Json value) {
        fields_.emplace_back(std::move(name), std::move(value));
    }
    // One more in the list `name`; add_none() for a list that may stay empty.
    void add(const std::string& name, JsonObject item) {
        lists_[name].emplace_back(std::move(item));
    }
    void add(const std::string& name, Json item) { lists_[name].push_back(std::move(item)); }
    void add_none(const std::string& name) { lists_[name]; }
    // All of it, in one line; the report is empty then.
    std::string take(std::string_view verb, const Status& done);
    // take(), to the standard output there was.
    void print(std::string_view verb, const Status& done);

  private:
    int out_ = -1;
    JsonObject fields_;
    std::map<std::string, JsonList> lists_;
};

}  // namespace tenon::pkg
