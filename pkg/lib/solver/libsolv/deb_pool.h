// Debian's packages in a pool of libsolv.
//
// Theory. libsolv knows names, versions and relations between names, and nothing of Multi-Arch. So
// the architecture goes into the name where it counts, as apt does it, too: a package of the native
// architecture, or of all, is NAME; one of a foreign architecture F is NAME:F. What may satisfy the
// relations of other architectures (Multi-Arch: foreign) provides their names as well, and NAME:any
// is provided by what allows it. All solvables therefore have one architecture in libsolv's eyes.
//
// For each "a | b" the first alternative is suggested, so that it is taken where both would do.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apt/index.h"
#include "pkg/lib/database.h"
#include "pkg/lib/solver/libsolv/explain.h"
#include "pkg/lib/solver/libsolv/solv.h"

namespace tenon::pkg::solver {

class DebPool final : public NamedPool {
  public:
    // `archs`: native first. `packages`: about how many will be added.
    DebPool(std::vector<std::string> archs, size_t packages);
    ~DebPool() { pool_free(pool_); }
    DebPool(const DebPool&) = delete;
    DebPool& operator=(const DebPool&) = delete;

    Pool* get() const override { return pool_; }
    Id add_installed(Package& p);
    Id add_available(const apt::Record& r, uint32_t number);
    // After the last package, before the solver.
    void finish();

    // What a solvable stands for: an installed package, or the number of a record.
    Package* installed(Id p) const { return meaning_[static_cast<size_t>(p)].installed; }
    bool is_installed(Id p) const override { return installed(p) != nullptr; }
    uint32_t record(Id p) const { return meaning_[static_cast<size_t>(p)].record; }
    size_t size() const { return meaning_.size(); }

    // "name 1.0", or "name:arch 1.0" for a foreign one.
    std::string str(Id solvable) const override;
    // A relation in Debian's own words: "a (>= 1) | b".
    std::string dependency_str(Id dep) const override;

  private:
    struct Meaning {
        Package* installed = nullptr;
        uint32_t record = 0;
    };
    // The facts that both kinds have in common.
    struct Facts {
        std::string_view name = {}, version = {}, arch = {}, multi_arch = {};
        std::string_view depends = {}, pre_depends = {}, recommends = {};
        std::string_view breaks = {}, conflicts = {}, provides = {};
    };
    void fill(Repo* repo, Id p, const Facts& f);
    void add_provides(Repo* repo, Solvable* s, const Facts& f);
    Offset add_dependencies(Repo* repo, Solvable* s, Offset at, std::string_view field,
                            const std::string& arch);
    Offset add_conflicts(Repo* repo, Offset at, std::string_view field);
    Id name_id(std::string_view name, std::string_view arch);
    Id alternative_id(std::string_view text, const std::string& arch);
    bool is_native(std::string_view arch) const { return arch == "all" || arch == archs_[0]; }

    std::vector<std::string> archs_;
    Pool* pool_;
    Repo *installed_, *available_;
    std::vector<Meaning> meaning_;
    std::string buffer_;
};

}  // namespace tenon::pkg::solver
