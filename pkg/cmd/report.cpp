#include "pkg/cmd/report.h"

#include <fcntl.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <stdio.h>
#include <unistd.h>

#include "pkg/lib/fd.h"

namespace tenon::pkg {

namespace {

// The length of the UTF-8 sequence that `s` begins with; 0: it begins with none. Spec: RFC 3629, 4.
size_t utf8_length(std::string_view s) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || s.size() < length) return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const unsigned char second = byte(1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

std::string as_utf8(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t length = utf8_length(text);
        out += length ? text.substr(0, length) : "\xef\xbf\xbd";
        text.remove_prefix(length ? length : 1);
    }
    return out;
}

}  // namespace

Json Json::strings(const std::vector<std::string>& texts) {
    JsonList list;
    for (const auto& t : texts) list.emplace_back(t);
    return list;
}

template <typename Writer>
void Json::write(Writer& out) const {
    auto text = [&](const std::string& s) {
        const std::string good = as_utf8(s);
        out.String(good.data(), static_cast<rapidjson::SizeType>(good.size()));
    };
    if (const bool* b = std::get_if<bool>(&value_)) {
        out.Bool(*b);
    } else if (const int64_t* n = std::get_if<int64_t>(&value_)) {
        out.Int64(*n);
    } else if (const std::string* s = std::get_if<std::string>(&value_)) {
        text(*s);
    } else if (const JsonList* list = std::get_if<JsonList>(&value_)) {
        out.StartArray();
        for (const Json& item : *list) item.write(out);
        out.EndArray();
    } else if (const JsonObject* object = std::get_if<JsonObject>(&value_)) {
        out.StartObject();
        for (const auto& [name, value] : *object) {
            text(name);
            value.write(out);
        }
        out.EndObject();
    } else {
        out.Null();
    }
}

std::string Json::str() const {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    write(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

Status Report::begin(Others others) {
    fflush(stdout);
    // Not for the scripts that are run.
    out_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (out_ < 0) return fail_errno("standard output");
    Fd unseen;
    if (others == Others::unseen) {
        unseen = Fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
        if (!unseen.valid()) return fail_errno("/dev/null");
    }
    if (dup2(unseen.valid() ? unseen.get() : STDERR_FILENO, STDOUT_FILENO) < 0)
        return fail_errno("standard output");
    return {};
}

std::string Report::take(std::string_view verb, const Status& done) {
    JsonObject all{{"verb", verb}, {"ok", done.has_value()}};
    if (!done) all.emplace_back("error", done.error().text);
    for (auto& field : fields_) all.push_back(std::move(field));
    for (auto& [name, list] : lists_) all.emplace_back(name, std::move(list));
    fields_.clear();
    lists_.clear();
    return Json(std::move(all)).str();
}

void Report::print(std::string_view verb, const Status& done) {
    const std::string text = take(verb, done);
    fflush(stdout);
    if (out_ >= 0) dup2(out_, STDOUT_FILENO);
    puts(text.c_str());
    fflush(stdout);
}

}  // namespace tenon::pkg
