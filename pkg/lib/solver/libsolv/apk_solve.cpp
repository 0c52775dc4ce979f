// apk's verbs: what each does to the world, and what it prefers. Spec: apk-add(8), apk-del(8),
// apk-upgrade(8), apk-fix(8).
#include <algorithm>

#include "pkg/lib/solver/libsolv/apk_select.h"

namespace tenon::pkg::solver {

namespace {

using apk::Dependency;
using Tags = Dependency::Tags;
using Verb = ApkRequest::Verb;

bool claims(const apk::Package& p, const Dependency& d) {
    auto fits = [&](const std::string& name, const std::string& version) {
        return name == d.name &&
               (d.match == apk::kMatchAny || (!version.empty() && d.match != apk::kMatchChecksum &&
                                              apk::version_matches(version, d.match, d.version)));
    };
    return fits(p.name, p.version) ||
           std::any_of(p.provides.begin(), p.provides.end(),
                       [&](const Dependency& c) { return fits(c.name, c.version); });
}

void put(std::vector<Dependency>& world, Dependency d) {
    for (Dependency& have : world)
        if (have.name == d.name) {
            have = std::move(d);
            return;
        }
    world.push_back(std::move(d));
}

class Request {
  public:
    Request(const ApkSystem& system, const ApkRequest& request) : system_(system), r_(request) {
        wish_.world = system.world;
        wish_.drop_broken = request.force_broken_world;
    }

    Result<ApkAnswer> run() {
        switch (r_.verb) {
            case Verb::add:
                TRY(add());
                break;
            case Verb::del:
                TRY(del());
                break;
            case Verb::upgrade:
                TRY(upgrade());
                break;
            case Verb::fix:
                TRY(fix());
                break;
        }
        TRY(check_tags());
        answer_.world = wish_.world;
        if (!answer_.problems.empty()) return std::move(answer_);
        if (r_.verb == Verb::upgrade) {
            TRY_SET(bool go_on, preupgrade());
            if (!go_on) return std::move(answer_);
        }
        TRY(select(system_, wish_, false));
        if (answer_.possible) after();
        return std::move(answer_);
    }

  private:
    Status add() {
        std::vector<Dependency> given;
        for (const std::string& text : r_.arguments) {
            TRY_SET(auto d, Dependency::parse(text, Tags::allowed));
            given.push_back(std::move(d));
        }
        unsigned flags =
            (r_.upgrade ? kApkUpgrade : 0u) | (r_.latest ? kApkUpgrade | kApkLatest : 0u);
        for (const Dependency& d : given) wish_.names[d.name].inherited |= flags;
        if (r_.virtual_package.empty()) {
            for (Dependency& d : given) put(wish_.world, std::move(d));
            return {};
        }
        auto d = Dependency::parse(r_.virtual_package);
        if (!d || d->conflict || (d->match != apk::kMatchAny && d->match != apk::kMatchEqual))
            return fail("'%s' does not name a virtual package: it is NAME or NAME=VERSION",
                        r_.virtual_package.c_str());
        for (const Dependency& g : given)
            if (!g.tag.empty())
                return fail("'%s': a virtual package's needs cannot be pinned to a repository",
                            g.str().c_str());
        if (d->match == apk::kMatchAny) {
            d->version = r_.virtual_version;
            d->match = apk::kMatchEqual;
        }
        if (!apk::valid_version(d->version))
            return fail("'%s' is not a version", d->version.c_str());
        answer_.made = std::make_unique<apk::Package>();
        answer_.made->name = d->name;
        answer_.made->version = d->version;
        answer_.made->arch = "noarch";
        answer_.made->description = "virtual meta package";
        answer_.made->depends = std::move(given);
        put(wish_.world, std::move(*d));
        return {};
    }

    Status del() {
        std::set<std::string> names;
        for (const std::string& text : r_.arguments) {
            TRY_SET(auto d, Dependency::parse(text, Tags::allowed));
            names.insert(d.name);
        }
        if (r_.rdepends) add_dependents(names);
        std::erase_if(wish_.world, [&](const Dependency& d) { return names.contains(d.name); });
        for (const std::string& name : names) wish_.names[name].own |= kApkRemove;
        return {};
    }

    // The world's own constraints whose packages need, at any distance, one of these.
    void add_dependents(std::set<std::string>& names) const {
        std::unordered_map<std::string_view, std::vector<const apk::Package*>> needs_name;
        for (const ApkInstalled& i : system_.installed)
            for (const Dependency& d : i.package->depends)
                if (!d.conflict) needs_name[d.name].push_back(i.package);
        std::set<const apk::Package*> seen;
        std::vector<const apk::Package*> queue;
        for (const ApkInstalled& i : system_.installed)
            if (names.contains(i.package->name) && seen.insert(i.package).second)
                queue.push_back(i.package);
        auto dependents = [&](const std::string& name) {
            auto at = needs_name.find(name);
            if (at == needs_name.end()) return;
            for (const apk::Package* p : at->second)
                if (seen.insert(p).second) queue.push_back(p);
        };
        for (size_t i = 0; i < queue.size(); i++) {
            dependents(queue[i]->name);
            for (const Dependency& d : queue[i]->provides) dependents(d.name);
        }
        std::set<std::string> all;
        for (const apk::Package* p : seen) all.insert(p->name);
        for (const Dependency& d : system_.world)
            if (!d.conflict && all.contains(d.name)) names.insert(d.name);
    }

    Status upgrade() {
        flags_ = kApkUpgrade | (r_.latest ? kApkLatest : 0u) | (r_.available ? kApkAvailable : 0u);
        std::set<std::string> names;
        for (const std::string& text : r_.arguments) {
            TRY_SET(auto d, Dependency::parse(text, Tags::allowed));
            names.insert(d.name);
        }
        if (r_.ignore) {
            wish_.ignored = names;
            wish_.all = flags_;
        } else if (names.empty()) {
            wish_.all = flags_;
        } else {
            for (const std::string& name : names) wish_.names[name].inherited |= flags_;
        }
        if (r_.available)
            for (Dependency& d : wish_.world)
                if (!d.conflict && d.match != apk::kMatchChecksum) {
                    d.match = apk::kMatchAny;
                    d.version.clear();
                }
        if (r_.prune) prune();
        return {};
    }

    void prune() {
        std::set<std::string_view> there;
        for (const ApkRepository& repository : system_.repositories)
            for (const apk::Package& p : *repository.packages) {
                there.insert(p.name);
                for (const Dependency& d : p.provides) there.insert(d.name);
            }
        // What a user made with add --virtual never was in a repository.
        std::erase_if(wish_.world, [&](const Dependency& d) {
            return !d.conflict && !there.contains(d.name) && !d.name.starts_with('.');
        });
    }

    Status fix() {
        unsigned flags =
            (r_.upgrade ? kApkUpgrade : 0u) | (r_.reinstall || !r_.upgrade ? kApkReinstall : 0u);
        auto one = [&](const std::string& name) {
            (r_.depends ? wish_.names[name].inherited : wish_.names[name].own) |= flags;
        };
        for (const ApkInstalled& i : system_.installed)
            if (r_.arguments.empty() && (i.broken || r_.reinstall)) one(i.package->name);
        for (const std::string& text : r_.arguments) {
            TRY_SET(auto d, Dependency::parse(text, Tags::allowed));
            bool installed =
                std::any_of(system_.installed.begin(), system_.installed.end(),
                            [&](const ApkInstalled& i) { return i.package->name == d.name; });
            if (!installed) answer_.problems.push_back(d.name + " is not installed");
            one(d.name);
        }
        return {};
    }

    Status check_tags() {
        for (const Dependency& d : wish_.world) {
            bool known = d.tag.empty() || d.conflict ||
                         std::any_of(system_.repositories.begin(), system_.repositories.end(),
                                     [&](const ApkRepository& r) { return r.tag == d.tag; });
            if (known) continue;
            std::string what =
                d.str() + " is pinned to @" + d.tag + ", and no repository has that tag";
            (r_.force_broken_world ? answer_.notes : answer_.problems).push_back(std::move(what));
        }
        return {};
    }

    // First of all the package manager itself, with as little else as possible. True: go on.
    Result<bool> preupgrade() {
        if (!r_.self_upgrade && !r_.self_upgrade_only) return true;
        std::vector<Dependency> wanted, unwanted;
        for (const auto* list : {&r_.self, &r_.preupgrade_depends})
            for (const std::string& text : *list) {
                TRY_SET(auto d, Dependency::parse(text));
                (d.conflict ? unwanted : wanted).push_back(std::move(d));
            }
        ApkWish wish = wish_;
        wish.all = 0;
        wish.names.clear();
        wish.ignored.clear();
        for (const ApkInstalled& i : system_.installed) {
            auto is_it = [&](const Dependency& d) { return claims(*i.package, d); };
            if (std::any_of(wanted.begin(), wanted.end(), is_it) &&
                std::none_of(unwanted.begin(), unwanted.end(), is_it) && named(i.package->name))
                wish.names[i.package->name].own |= flags_;
        }
        answer_.possible = true;
        if (wish.names.empty()) return !r_.self_upgrade_only;
        TRY(select(system_, wish, true));
        if (!answer_.possible) {
            // It will be upgraded with the rest, or the rest says why not.
            if (!r_.self_upgrade_only) answer_.problems.clear();
            return !r_.self_upgrade_only;
        }
        if (answer_.stages.empty() || r_.self_upgrade_only) return !r_.self_upgrade_only;
        ApkSystem then = system_;
        for (const ApkChange& c : answer_.stages[0].changes) {
            std::erase_if(then.installed,
                          [&](const ApkInstalled& i) { return i.package == c.from; });
            if (c.to) then.installed.push_back({.package = c.to, .tag = c.tag});
        }
        TRY(select(then, wish_, false));
        return false;
    }

    // Is a package one of those that this upgrade is about?
    bool named(const std::string& name) const {
        if (wish_.ignored.contains(name)) return false;
        return wish_.all != 0 || wish_.names.contains(name);
    }

    Status select(const ApkSystem& system, const ApkWish& wish, bool preupgrade) {
        TRY_SET(auto universe, ApkUniverse::create(system, answer_.made.get()));
        ApkSelection selection(universe, wish);
        TRY_SET(answer_.possible, selection.run());
        if (!answer_.possible) {
            answer_.problems.push_back(selection.problem());
            return {};
        }
        for (const std::string& what : selection.dropped())
            answer_.notes.push_back(what + " cannot be fulfilled, and is left out of account");
        ApkStage stage{.preupgrade = preupgrade, .changes = apk_changes(universe, selection)};
        auto counts = [&](const ApkChange& c) {
            return !preupgrade || (c.to && c.from && wish.names.contains(c.to->name));
        };
        if (std::any_of(stage.changes.begin(), stage.changes.end(), counts))
            answer_.stages.push_back(std::move(stage));
        return {};
    }

    void after() {
        if (r_.verb != Verb::del) return;
        std::set<const apk::Package*> purged;
        for (const ApkStage& stage : answer_.stages)
            for (const ApkChange& c : stage.changes)
                if (!c.to) purged.insert(c.from);
        for (const auto& [name, flags] : wish_.names)
            for (const ApkInstalled& i : system_.installed)
                if (i.package->name == name && !purged.contains(i.package))
                    answer_.notes.push_back(name + " stays" + why_it_stays(*i.package, purged));
    }

    std::string why_it_stays(const apk::Package& p,
                             const std::set<const apk::Package*>& purged) const {
        for (const Dependency& d : wish_.world)
            if (!d.conflict && claims(p, d)) return ": the world needs " + d.str();
        for (const ApkInstalled& i : system_.installed) {
            if (purged.contains(i.package) || i.package == &p) continue;
            for (const Dependency& d : i.package->depends)
                if (!d.conflict && claims(p, d))
                    return ": " + i.package->name + " needs " + d.str();
        }
        return p.install_if.empty() ? "" : ": " + apk::to_text(p.install_if) + " brings it in";
    }

    const ApkSystem& system_;
    const ApkRequest& r_;
    ApkWish wish_;
    unsigned flags_ = 0;
    ApkAnswer answer_;
};

}  // namespace

Result<ApkAnswer> solve_apk(const ApkSystem& system, const ApkRequest& request) {
    return Request(system, request).run();
}

}  // namespace tenon::pkg::solver
