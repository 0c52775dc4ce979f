#include "pkg/lib/solver/libsolv/explain.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "pkg/lib/text.h"

namespace tenon::pkg::solver {

namespace {

class SolvQueue {
  public:
    SolvQueue() { queue_init(&q_); }
    ~SolvQueue() { queue_free(&q_); }
    SolvQueue(const SolvQueue&) = delete;
    SolvQueue& operator=(const SolvQueue&) = delete;
    Queue* get() { return &q_; }
    int count() const { return q_.count; }
    Id operator[](int i) const { return q_.elements[i]; }

  private:
    Queue q_;
};

struct Fact {
    SolverRuleinfo type;
    Id source, target, dep;
};

class Explanation {
  public:
    Explanation(Solver* solver, const NamedPool& pool, const std::vector<Id>& wanted,
                const std::function<std::string(const std::string&)>& there)
        : solver_(solver), pool_(pool), wanted_(wanted), there_(there) {}

    std::string of(Id problem) {
        collect(problem);
        walk();
        for (const Fact& f : facts_) dead_end(f);
        if (lines_.empty())
            for (const Fact& f : facts_) add(step(f));
        return join(lines_, "\n");
    }

  private:
    void collect(Id problem) {
        SolvQueue rules;
        solver_findallproblemrules(solver_, problem, rules.get());
        for (int i = 0; i < rules.count(); i++) {
            SolvQueue infos;  // of four: type, source, target, dependency
            solver_allruleinfos(solver_, rules[i], infos.get());
            for (int k = 0; k + 3 < infos.count(); k += 4)
                facts_.push_back({static_cast<SolverRuleinfo>(infos[k]), infos[k + 1], infos[k + 2],
                                  infos[k + 3]});
        }
    }

    // Breadth first from what was asked for along what is needed, so that chains are short.
    void walk() {
        std::vector<Id> queue;
        for (Id p : wanted_)
            if (reached_.try_emplace(p, nullptr).second) queue.push_back(p);
        // Of an upgrade of everything, what is installed is where chains begin.
        for (const Fact& f : facts_)
            if (f.type == SOLVER_RULE_UPDATE && f.source &&
                reached_.try_emplace(f.source, nullptr).second)
                queue.push_back(f.source);
        for (size_t i = 0; i < queue.size(); i++)
            for (const Fact& f : facts_) {
                if (f.type != SOLVER_RULE_PKG_REQUIRES || f.source != queue[i]) continue;
                Id p, pp;
                Pool* pool = pool_.get();
                FOR_PROVIDES(p, pp, f.dep) {
                    if (reached_.try_emplace(p, &f).second) queue.push_back(p);
                }
            }
    }

    // The steps from what was asked for to `p`.
    void chain_to(Id p) {
        std::vector<std::string> steps;
        std::set<Id> seen;
        for (auto at = reached_.find(p); at != reached_.end() && at->second;
             at = reached_.find(at->second->source)) {
            if (!seen.insert(at->first).second) break;
            steps.push_back(step(*at->second));
        }
        std::reverse(steps.begin(), steps.end());
        for (auto& s : steps) add(std::move(s));
    }

    std::string name_with_state(Id p) const {
        return pool_.str(p) + (pool_.is_installed(p) ? ", which is installed," : "");
    }

    std::string step(const Fact& f) const {
        if (f.type == SOLVER_RULE_PKG_REQUIRES)
            return name_with_state(f.source) + " needs " + pool_.dependency_str(f.dep);
        return solver_ruleinfo2str(solver_, f.type, f.source, f.target, f.dep);
    }

    // What is there of a relation's names, in other versions.
    std::string others(Id dep) const {
        if (ISRELDEP(dep)) {
            const Reldep* r = GETRELDEP(pool_.get(), dep);
            if (r->flags == REL_OR) {
                std::string a = others(r->name), b = others(r->evr);
                return a.empty() || b.empty() ? a + b : a + "; " + b;
            }
            dep = r->name;
        }
        return there_(pool_get_name(dep));
    }
    std::string pool_get_name(Id id) const { return pool_id2str(pool_.get(), id); }

    // Facts against which there is no arguing.
    void dead_end(const Fact& f) {
        switch (f.type) {
            case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP: {
                chain_to(f.source);
                std::string known = others(f.dep);
                add(name_with_state(f.source) + " needs " + pool_.dependency_str(f.dep) +
                    (known.empty() ? ", and there is no such package"
                                   : ", and there is only " + known));
                break;
            }
            case SOLVER_RULE_PKG_CONFLICTS:
                chain_to(f.source);
                chain_to(f.target);
                add(name_with_state(f.source) + " does not go together with " +
                    pool_.str(f.target) +
                    (pool_.is_installed(f.target) ? ", which is installed" : "") +
                    " (it says: " + pool_.dependency_str(f.dep) + ")");
                break;
            case SOLVER_RULE_PKG_SELF_CONFLICT:
                chain_to(f.source);
                add(pool_.str(f.source) + " conflicts with itself");
                break;
            case SOLVER_RULE_PKG_SAME_NAME:
                chain_to(f.source);
                chain_to(f.target);
                add("only one of " + pool_.str(f.source) + " and " + pool_.str(f.target) +
                    " can be installed");
                break;
            case SOLVER_RULE_PKG_NOT_INSTALLABLE:
                chain_to(f.source);
                add(pool_.str(f.source) + " cannot be installed");
                break;
            case SOLVER_RULE_JOB:
                if (f.source && pool_.is_installed(f.source))
                    add(pool_.str(f.source) + " is installed and must stay");
                break;
            default:
                break;
        }
    }

    void add(std::string line) {
        if (std::find(lines_.begin(), lines_.end(), line) == lines_.end())
            lines_.push_back(std::move(line));
    }

    Solver* solver_;
    const NamedPool& pool_;
    const std::vector<Id>& wanted_;
    const std::function<std::string(const std::string&)>& there_;
    std::vector<Fact> facts_;
    std::map<Id, const Fact*> reached_;  // by which fact; nullptr: where chains begin
    std::vector<std::string> lines_;
};

}  // namespace

std::string explain(Solver* solver, Id problem, const NamedPool& pool,
                    const std::vector<Id>& wanted,
                    const std::function<std::string(const std::string& name)>& there) {
    return Explanation(solver, pool, wanted, there).of(problem);
}

}  // namespace tenon::pkg::solver
