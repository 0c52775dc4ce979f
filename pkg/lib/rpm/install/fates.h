// What becomes of each file of a transaction, and whose files stand against each other.
// Spec: rpm's docs/manual/spec.md ("%config"), rpm(8) "CONFIGURATION FILES"; what rpm 4.18 does.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pkg/lib/rpm/install/element.h"

namespace tenon::pkg::rpm {

class Fates {
  public:
    Fates(Root& root, const std::vector<Installed>& installed,
          std::vector<std::unique_ptr<Element>>& elements, const std::vector<size_t>& order,
          PlaceKeys& keys)
        : root_(root), installed_(installed), elements_(elements), order_(order), keys_(keys) {}

    // Fills in Element::actions. Looks at the root, writes nothing. The error names every file that
    // two packages want to be different.
    Status decide();

  private:
    struct Owner {
        const Package* package;
        const File* file;
        size_t place;  // of the file in its package
        FileState state;
        const Installed* installed;  // null: one that comes
    };

    Status collect();
    Result<FileAction> incoming(const Element& e, size_t i);
    Result<FileAction> outgoing(const Element& e, size_t i);
    Result<FileAction> over_known(const File& old, std::optional<HashAlgorithm> old_digest,
                                  const File& now, std::optional<HashAlgorithm> digest);
    Result<bool> differs_on_disk(const File& f, std::optional<HashAlgorithm> digest);
    // Empty when there is no plain file, or its digest cannot be made.
    Result<std::string> disk_digest(const std::string& path,
                                    std::optional<HashAlgorithm> algorithm);
    Status check_place(const Element& e, const File& f);
    bool goes(uint64_t number) const;
    void conflict(const std::string& text);

    Root& root_;
    const std::vector<Installed>& installed_;
    std::vector<std::unique_ptr<Element>>& elements_;
    const std::vector<size_t>& order_;
    PlaceKeys& keys_;
    std::unordered_map<std::string, std::vector<Owner>> owners_;
    std::unordered_map<std::string, bool> checked_parents_;
    std::vector<std::string> conflicts_;
    std::set<const Package*> before_;  // those that come before the one at hand
};

}  // namespace tenon::pkg::rpm
