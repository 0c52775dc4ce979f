// Which packages have which path: the sum of all info/*.list files.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tenon::pkg {

class Package;

class FileIndex {
  public:
    void add(const Package* p, std::string_view path);
    void remove(const Package* p, std::string_view path);
    const std::vector<const Package*>& owners(std::string_view path) const;

  private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
    };
    std::unordered_map<std::string, std::vector<const Package*>, Hash, std::equal_to<>> owners_;
};

}  // namespace tenon::pkg
