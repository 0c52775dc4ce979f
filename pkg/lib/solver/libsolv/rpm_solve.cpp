#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "pkg/lib/rpm/installer.h"
#include "pkg/lib/solver/libsolv/rpm_pool.h"

namespace tenon::pkg::solver {

namespace {

class Solving {
  public:
    Solving(const RpmSystem& system, const RpmRequest& request)
        : system_(system), request_(request) {
        queue_init(&jobs_);
    }
    ~Solving() { queue_free(&jobs_); }
    Solving(const Solving&) = delete;
    Solving& operator=(const Solving&) = delete;

    Result<RpmAnswer> run() {
        std::vector<std::string> paths;
        for (const auto& word : request_.install)
            if (word.starts_with('/')) paths.push_back(word);
        TRY(pool_.fill(system_, paths));
        for (size_t i = 2; i < pool_.size(); i++)
            if (pool_.is_installed(static_cast<Id>(i)))
                installed_[pool_.meaning(static_cast<Id>(i)).package] = static_cast<Id>(i);
        RpmAnswer answer;
        for (const auto& word : request_.install)
            if (!ask_for(word)) answer.problems.push_back("there is no package " + word);
        if (request_.upgrade) queue_push2(&jobs_, SOLVER_UPDATE | SOLVER_SOLVABLE_ALL, 0);
        if (answer.problems.empty()) solve(answer);
        if (!answer.possible) answer.missing_files = pool_.missing_files();
        return answer;
    }

  private:
    // All that `is_meant`, as one job: any of them will do, the best is taken.
    bool one_of(const std::function<bool(const rpm::Package&)>& is_meant) {
        Queue found;
        queue_init(&found);
        for (size_t i = 2; i < pool_.size(); i++) {
            const auto& m = pool_.meaning(static_cast<Id>(i));
            if (m.package && is_meant(*m.package)) queue_push(&found, static_cast<Id>(i));
        }
        const bool any = found.count > 0;
        if (any) {
            for (int i = 0; i < found.count; i++) wanted_.push_back(found.elements[i]);
            queue_push2(&jobs_, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
                        pool_queuetowhatprovides(pool_.get(), &found));
        }
        queue_free(&found);
        return any;
    }

    bool ask_for(const std::string& word) {
        Pool* pool = pool_.get();
        const Id name = pool_str2id(pool, word.c_str(), 0);
        bool named = false, provided = false;
        Id p, pp;
        if (name) {
            FOR_PROVIDES(p, pp, name) {
                provided = true;
                if (pool_id2solvable(pool, p)->name == name) named = true;
            }
        }
        if (named) {
            std::vector<Id> meant;
            FOR_PROVIDES(p, pp, name) {
                if (pool_id2solvable(pool, p)->name == name) meant.push_back(p);
            }
            ask_for_name(name, std::move(meant));
            return true;
        }
        if (const size_t equals = word.find('='); equals != std::string::npos) {
            is_exact_ = true;
            const rpm::Relation r{word.substr(0, equals), rpm::kEqual, word.substr(equals + 1)};
            return one_of([&](const rpm::Package& q) {
                return q.name == r.name && rpm::matches(r, {q.name, rpm::kEqual, q.evr.str()});
            });
        }
        if (one_of([&](const rpm::Package& q) { return rpm::is_named(q, word); }))
            return is_exact_ = true;
        if (!provided) return false;
        queue_push2(&jobs_, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, name);
        FOR_PROVIDES(p, pp, name) wanted_.push_back(p);
        return true;
    }

    void ask_for_name(Id name, std::vector<Id> meant) {
        // What is installed would do, but for its age.
        queue_push2(&jobs_, SOLVER_UPDATE | SOLVER_SOLVABLE_NAME, name);
        // What obsoletes it will do as well: the next upgrade would bring that in its place.
        const std::vector<Id> named = meant;
        for (size_t i = 2; i < pool_.size(); i++) {
            const Id p = static_cast<Id>(i);
            if (!pool_.is_installed(p) && obsoletes_any(p, named)) meant.push_back(p);
        }
        Queue any;
        queue_init(&any);
        for (Id p : meant) queue_push(&any, p);
        queue_push2(&jobs_, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
                    pool_queuetowhatprovides(pool_.get(), &any));
        queue_free(&any);
        wanted_.insert(wanted_.end(), meant.begin(), meant.end());
    }

    bool obsoletes_any(Id p, const std::vector<Id>& others) const {
        Pool* pool = pool_.get();
        const Solvable* s = pool_id2solvable(pool, p);
        if (!s->dep_obsoletes) return false;
        for (const Id* o = s->repo->idarraydata + s->dep_obsoletes; *o; o++)
            for (Id other : others)
                if (other != p && pool_match_nevr(pool, pool_id2solvable(pool, other), *o))
                    return true;
        return false;
    }

    void solve(RpmAnswer& answer) {
        std::unique_ptr<Solver, decltype(&solver_free)> solver(solver_create(pool_.get()),
                                                               solver_free);
        solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, !request_.recommends);
        solver_set_flag(solver.get(), SOLVER_FLAG_ALLOW_VENDORCHANGE, 1);
        // An older version only for those who name it.
        solver_set_flag(solver.get(), SOLVER_FLAG_ALLOW_DOWNGRADE, is_exact_);
        if (solver_solve(solver.get(), &jobs_) == 0) return read_answer(solver.get(), answer);
        const std::function<std::string(const std::string&)> there = [&](const std::string& name) {
            return what_is_there(name);
        };
        for (Id problem = 0; (problem = solver_next_problem(solver.get(), problem)) != 0;)
            answer.problems.push_back(explain(solver.get(), problem, pool_, wanted_, there));
    }

    void read_answer(Solver* solver, RpmAnswer& answer) {
        answer.possible = true;
        std::set<const rpm::Package*> replaced;
        for (size_t i = 2; i < pool_.size(); i++) {
            const Id p = static_cast<Id>(i);
            if (pool_.is_installed(p) || solver_get_decisionlevel(solver, p) <= 0) continue;
            const auto& m = pool_.meaning(p);
            RpmChange change{.repository = m.repository, .package = m.number};
            for (const rpm::Package* old : system_.installed)
                if (old->name == m.package->name && !stays(solver, old)) change.before = old;
            if (change.before) replaced.insert(change.before);
            answer.changes.push_back(change);
        }
        for (const rpm::Package* old : system_.installed)
            if (!stays(solver, old) && !replaced.contains(old)) answer.obsoleted.push_back(old);
    }

    bool stays(Solver* solver, const rpm::Package* installed) const {
        return solver_get_decisionlevel(solver, installed_.at(installed)) > 0;
    }

    // "bar-1.0-1.noarch (installed)" of every version of a name.
    std::string what_is_there(const std::string& name) const {
        std::set<std::string> seen;
        std::string out;
        for (size_t i = 2; i < pool_.size(); i++) {
            const auto& m = pool_.meaning(static_cast<Id>(i));
            if (!m.package || m.package->name != name) continue;
            const std::string nevra = m.package->nevra();
            if (!seen.insert(nevra).second) continue;
            out += (out.empty() ? "" : ", ") + nevra +
                   (m.repository == RpmPool::kInstalled ? " (installed)" : "");
        }
        return out;
    }

    const RpmSystem& system_;
    const RpmRequest& request_;
    RpmPool pool_;
    Queue jobs_;
    std::map<const rpm::Package*, Id> installed_;
    std::vector<Id> wanted_;
    bool is_exact_ = false;
};

}  // namespace

Result<RpmAnswer> solve_rpm(const RpmSystem& system, const RpmRequest& request) {
    return Solving(system, request).run();
}

}  // namespace tenon::pkg::solver
