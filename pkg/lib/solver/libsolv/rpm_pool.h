// Packages of rpm's family in a pool of libsolv.
//
// libsolv knows rpm's relations, rich ones too. Files are provided like names, but only those that
// something needs: a repository lists millions. What is provided by no package, but by the root
// around a prefix, is provided by one more installed package, which stands for that root.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "pkg/lib/solver/libsolv/explain.h"
#include "pkg/lib/solver/rpm_solver.h"

namespace tenon::pkg::solver {

class RpmPool final : public NamedPool {
  public:
    static constexpr size_t kInstalled = ~size_t{0};
    struct Meaning {
        const rpm::Package* package = nullptr;  // null: the root around
        size_t repository = kInstalled, number = 0;
    };

    // `wished`: paths that somebody asks for.
    Status fill(const RpmSystem& system, const std::vector<std::string>& wished);
    RpmPool() : pool_(pool_create()) {}
    ~RpmPool() { pool_free(pool_); }
    RpmPool(const RpmPool&) = delete;
    RpmPool& operator=(const RpmPool&) = delete;

    Pool* get() const override { return pool_; }
    const Meaning& meaning(Id p) const { return meaning_[static_cast<size_t>(p)]; }
    size_t size() const { return meaning_.size(); }
    bool is_installed(Id p) const override { return meaning(p).repository == kInstalled; }
    std::string str(Id solvable) const override;
    std::string dependency_str(Id dep) const override;
    // Needed by something, listed by nothing.
    const std::vector<std::string>& missing_files() const { return missing_files_; }

  private:
    void note_files(const rpm::Package& p);
    void note_file(const rpm::Relation& r);
    Id id(std::string_view text);
    Id relation_id(const rpm::Relation& r, rpm::RichContext context);
    Id rich_id(const rpm::RichDependency& d);
    Offset add(Repo* repo, Offset at, const std::vector<rpm::Relation>& list,
               rpm::RichContext context = rpm::RichContext::must_hold);
    void add_package(Repo* repo, const rpm::Package& p, const Meaning& meaning);
    void add_surroundings(Repo* repo, const RpmSystem& system);

    Pool* pool_;
    std::vector<Meaning> meaning_;
    std::unordered_set<std::string> needed_files_;
    std::vector<std::string> missing_files_;
    std::vector<const rpm::Package*> all_;
};

}  // namespace tenon::pkg::solver
