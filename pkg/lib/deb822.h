// Control data: stanzas of "Field: value" with continuation lines.  Spec: deb822(5).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg {

// One stanza, fields in the order they were read. Names compare without case. A value keeps its
// inner newlines and the blank that opens each continuation line, so writing it back is exact.
class Stanza {
  public:
    const std::string* find(std::string_view name) const;
    std::string get(std::string_view name) const;
    bool has(std::string_view name) const { return find(name) != nullptr; }
    void set(std::string_view name, std::string value);
    void erase(std::string_view name);
    bool empty() const { return fields_.empty(); }
    const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
    std::string str() const;

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

// All stanzas of a text. Errors name the line.
Result<std::vector<Stanza>> parse_stanzas(std::string_view text);
// Exactly one stanza: a package's control file.
Result<Stanza> parse_control(std::string_view text);

}  // namespace tenon::pkg
