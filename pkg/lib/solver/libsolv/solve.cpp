
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>

#include "pkg/lib/solver/libsolv/deb_pool.h"
#include "pkg/lib/solver/libsolv/explain.h"
#include "pkg/lib/solver/solver.h"

namespace tenon::pkg::solver {

namespace {

class Solving {
  public:
    Solving(Database& db, const apt::Available& available, size_t candidates,
            const Request& request)
        : db_(db),
          available_(available),
          request_(request),
          pool_(db.archs(), candidates + db.packages().size()) {}

    Result<Answer> run(const std::vector<uint32_t>& candidates) {
        fill(candidates);
        std::unique_ptr<Solver, decltype(&solver_free)> solver(solver_create(pool_.get()),
                                                               solver_free);
        solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, !request_.recommends);
        solver_set_flag(solver.get(), SOLVER_FLAG_ALLOW_UNINSTALL, request_.may_remove);
        solver_set_flag(solver.get(), SOLVER_FLAG_ALLOW_DOWNGRADE, 1);
        Queue jobs;
        queue_init(&jobs);
        make_jobs(&jobs);
        int problems = solver_solve(solver.get(), &jobs);
        Answer answer;
        if (problems == 0)
            read_answer(solver.get(), answer);
        else
            explain_all(solver.get(), answer);
        queue_free(&jobs);
        return answer;
    }

  private:
    void fill(const std::vector<uint32_t>& candidates) {
        const auto& records = available_.catalog.records();
        auto key = [&](const apt::Record& r) { return std::pair(r.name, r.arch); };
        std::set<std::pair<std::string_view, std::string_view>> asked;
        std::set<uint32_t> numbers(request_.install.begin(), request_.install.end());
        for (uint32_t n : numbers) asked.insert(key(records[n]));
        for (Package* p : db_.packages()) {
            if (!p->is_unpacked()) continue;
            Id id = pool_.add_installed(*p);
            bool locked = p->want == Want::hold;
            bool wanted = p->essential || p->is_protected;
            if (locked) locked_.push_back(id);
            if (wanted && request_.may_remove) essential_.push_back(id);
        }
        auto add = [&](uint32_t n) {
            const apt::Record& r = records[n];
            Id id = pool_.add_available(r, n);
            if (numbers.contains(n)) wanted_.push_back(id);
        };
        for (uint32_t n : candidates) {
            const apt::Record& r = records[n];
            if (numbers.contains(n) || asked.contains(key(r))) continue;
            // The installed one stands for it.
            const Package* p = db_.find(r.name, r.arch);
            if (p && p->is_unpacked() && p->version.str() == r.version) continue;
            add(n);
        }
        for (uint32_t n : numbers) add(n);
        pool_.finish();
    }

    void make_jobs(Queue* jobs) {
        for (Id p : wanted_) queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, p);
        if (request_.upgrade) queue_push2(jobs, SOLVER_UPDATE | SOLVER_SOLVABLE_ALL, 0);
        for (Id p : locked_) queue_push2(jobs, SOLVER_LOCK | SOLVER_SOLVABLE, p);
        for (Id p : essential_)
            queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_NAME,
                        pool_id2solvable(pool_.get(), p)->name);
    }

    void read_answer(Solver* solver, Answer& answer) {
        answer.possible = true;
        std::set<Id> names;
        for (size_t i = 2; i < pool_.size(); i++) {
            Id p = static_cast<Id>(i);
            if (pool_.is_installed(p) || solver_get_decisionlevel(solver, p) <= 0) continue;
            answer.install.push_back(pool_.record(p));
            names.insert(pool_id2solvable(pool_.get(), p)->name);
        }
        for (size_t i = 2; i < pool_.size(); i++) {
            Id p = static_cast<Id>(i);
            if (pool_.is_installed(p) && solver_get_decisionlevel(solver, p) <= 0 &&
                !names.contains(pool_id2solvable(pool_.get(), p)->name))
                answer.remove.push_back(pool_.installed(p));
        }
    }

    // "bar 1.0 (installed)" of every version of a name, in any origin.
    std::string what_is_there(const std::string& full) const {
        std::string name = full.substr(0, full.find(':')), out;
        std::set<std::string> seen;
        for (Package* p : db_.instances(name))
            if (p->is_unpacked() && seen.insert(p->version.str()).second)
                out += (out.empty() ? "" : ", ") + name + " " + p->version.str() + " (installed)";
        auto [first, last] = available_.catalog.range(name);
        for (size_t i = first; i < last; i++) {
            const auto& r = available_.catalog.records()[i];
            if (seen.insert(std::string(r.version)).second)
                out += (out.empty() ? "" : ", ") + r.spec();
        }
        return out;
    }

    void explain_all(Solver* solver, Answer& answer) {
        std::function<std::string(const std::string&)> there = [&](const std::string& name) {
            return what_is_there(name);
        };
        for (Id problem = 0; (problem = solver_next_problem(solver, problem)) != 0;)
            answer.problems.push_back(explain(solver, problem, pool_, wanted_, there));
    }

    Database& db_;
    const apt::Available& available_;
    const Request& request_;
    DebPool pool_;
    std::vector<Id> wanted_, locked_, essential_;
};

}  // namespace

bool present() {
    return true;
}

Result<Answer> solve(Database& db, const apt::Available& available,
                     const std::vector<uint32_t>& candidates, const Request& request) {
    return Solving(db, available, candidates.size(), request).run(candidates);
}

}  // namespace tenon::pkg::solver
