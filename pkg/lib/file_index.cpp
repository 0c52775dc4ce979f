#include "pkg/lib/file_index.h"

#include <algorithm>

namespace tenon::pkg {

void FileIndex::add(const Package* p, std::string_view path) {
    auto& list = owners_[std::string(path)];
    if (std::find(list.begin(), list.end(), p) == list.end()) list.push_back(p);
}

void FileIndex::remove(const Package* p, std::string_view path) {
    auto it = owners_.find(path);
    if (it == owners_.end()) return;
    std::erase(it->second, p);
    if (it->second.empty()) owners_.erase(it);
}

const std::vector<const Package*>& FileIndex::owners(std::string_view path) const {
    static const std::vector<const Package*> kNone;
    auto it = owners_.find(path);
    return it == owners_.end() ? kNone : it->second;
}

}  // namespace tenon::pkg
