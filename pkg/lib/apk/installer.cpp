#include "pkg/lib/apk/installer.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/apk/checkpoint.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/stage.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

// As the database holds it: 20 bytes of either kind.
void shorten(Checksum& c) {
    if (c.kind == Checksum::Kind::sha256) c.kind = Checksum::Kind::sha256_160;
    c.bytes = c.bytes.substr(0, kIdentityBytes);
}

std::string list_of(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += "\n  " + line;
    return out;
}

}  // namespace

Status Installer::open() {
    TRY_SET(db_, Database::open(root_, Database::Access::write));
    TRY_SET(bool waiting, Transaction::rewind(root_, ApkCheckpoint(nullptr)));
    if (waiting) {
        TRY(resume());
    }
    TRY_SET(protected_, ProtectedPaths::load(root_));
    return {};
}

Status Installer::stage(const std::string& path, const KeyRing& keys, const Plan::Step* step) {
    if (!transaction_) transaction_ = std::make_unique<Transaction>(root_, kApkTransaction);
    TRY(transaction_->open());
    TRY_SET(ApkFile file, ApkFile::open(path, keys));
    auto in_file = [&](Error e) { return std::unexpected(std::move(e).in(path)); };
    const bool promised = step && step->identity.kind != Checksum::Kind::none;
    if (promised && !same_identity(file.package().checksum, step->identity))
        return in_file(Error{"is not the package that the index has"});
    if (!promised && !options_.allow_untrusted)
        if (Status s = file.require_good(); !s) {
            s.error().text += "; --allow-untrusted installs it all the same";
            return s;
        }
    if (step && (file.package().name != step->name || file.package().version != step->version))
        return in_file(Error{"is " + file.package().display_name()});
    auto c = std::make_unique<Candidate>();
    c->package.package = file.package();
    shorten(c->package.package.checksum);
    c->package.scripts = file.scripts();
    const std::string& name = c->package.package.name;
    if (!db_->accepts_arch(c->package.package.arch))
        return in_file(Error{"architecture " + c->package.package.arch +
                             " does not match the root's (" + join(db_->archs(), ", ") + ")"});
    for (const auto& other : set_)
        if (other->package.package.name == name)
            return in_file(Error{"is the same package as " + other->package.package.display_name() +
                                 ", which comes along"});
    if (step && !step->arch.empty()) {
        if (!db_->accepts_arch(step->arch))
            return in_file(Error{"is of the architecture " + step->arch + " in its index"});
        c->package.package.arch = step->arch;
    }
    const Installed* old = db_->find(name);
    c->package.repository_tag = step ? step->tag : old ? old->repository_tag : "";
    c->stage = transaction_->stage_dir(set_.size());
    TRY_SET(Stage contents, Stage::create(root_, c->stage));
    TRY_SET(auto entries, file.check(&contents));
    for (auto& e : entries) c->files.push_back({.entry = std::move(e), .md5 = {}});
    TRY(save_candidate(*c));
    set_.push_back(std::move(c));
    return {};
}

World Installer::world_after() const {
    World world;
    for (const Installed* p : db_->packages()) {
        bool stays =
            std::find(removals_.begin(), removals_.end(), p->package.name) == removals_.end();
        for (const auto& c : set_) stays &= c->package.package.name != p->package.name;
        if (stays) world.add(&p->package);
    }
    for (const auto& c : set_) world.add(&c->package.package);
    return world;
}

Status Installer::add_needed(const std::vector<Offer>& offers, const KeyRing& keys) {
    for (;;) {
        const Offer* next = nullptr;
        for (const auto& need : world_after().unmet()) {
            const Offer* offer = best_offer(offers, need.what);
            if (!offer) continue;
            bool staged = false;
            for (const auto& c : set_) staged |= c->package.package.name == offer->package.name;
            if (staged) continue;
            next = offer;
            printf("%s comes along for %s\n", offer->package.display_name().c_str(),
                   need.of->display_name().c_str());
            break;
        }
        if (!next) return {};
        TRY(stage(next->path, keys));
    }
}

Status Installer::judge() {
    if (options_.ignore_depends) return {};
    // What was wrong before is not this run's fault.
    World before;
    for (const Installed* p : db_->packages()) before.add(&p->package);
    auto known = before.problems(), problems = world_after().problems();
    std::erase_if(problems, [&](const std::string& line) {
        return std::find(known.begin(), known.end(), line) != known.end();
    });
    if (problems.empty()) return {};
    return fail("nothing is %s:%s", set_.empty() ? "removed" : "installed",
                list_of(problems).c_str());
}

// What is needed comes first; a circle is cut where it is entered.
Status Installer::sort() {
    World world = world_after();
    std::vector<std::unique_ptr<Candidate>> sorted;
    std::set<const Package*> seen;
    std::function<void(size_t)> bring = [&](size_t i) {
        if (!set_[i] || !seen.insert(&set_[i]->package.package).second) return;
        for (const auto& d : set_[i]->package.package.depends) {
            const Package* needed = d.conflict ? nullptr : world.provider(d);
            for (size_t k = 0; needed && k < set_.size(); k++)
                if (set_[k] && &set_[k]->package.package == needed) bring(k);
        }
        sorted.push_back(std::move(set_[i]));
    };
    for (size_t i = 0; i < set_.size(); i++) bring(i);
    set_ = std::move(sorted);
    return {};
}

bool Installer::leaves(const Installed& p, const std::string& path) const {
    const std::string& name = p.package.name;
    if (std::find(removals_.begin(), removals_.end(), name) != removals_.end()) return true;
    for (const auto& c : set_) {
        if (c->package.package.name != name || &c->package == &p) continue;
        return std::none_of(c->files.begin(), c->files.end(),
                            [&](const PlannedFile& f) { return f.entry.path == path; });
    }
    return false;
}

// Owners of files and space, one package with the other: nothing is written or run.
Status Installer::look_over() {
    // The database as it will be, package by package, so that two new ones are compared, too.
    TRY_SET(auto later, Database::open(root_, Database::Access::read));
    Accounts accounts;
    TRY(accounts.load(root_));
    for (const auto& name : removals_) later->remove(name);
    auto gone = [this](const Installed& p, const std::string& path) { return leaves(p, path); };
    for (const auto& c : set_) {
        auto none = [](const std::string&) { return false; };
        c->package.dirs = records_of(c->files, accounts, c->package.is_sha256(), none);
        ApkPlacement placement(root_, *later, protected_, c->package, gone);
        Extractor x(root_, c->package.package.name, c->files, placement, geteuid() == 0, nullptr);
        Status s = x.check();
        if (!s) return std::unexpected(Error(s.error()).in(c->package.package.display_name()));
        TRY(x.save_new_dirs(c->stage));
        Installed copy = c->package;
        copy.dirs = records_of(c->files, accounts, c->package.is_sha256(),
                               [&](const std::string& p) { return placement.is_left_out(p); });
        later->put(std::move(copy));
    }
    return {};
}

void Installer::set_world(const std::vector<std::string>& names) {
    for (const auto& name : names) {
        for (const auto& c : set_) {
            if (c->package.package.name != name) continue;
            Dependency d{.name = name,
                         .match = kMatchChecksum,
                         .version = c->package.package.checksum.str(),
                         .tag = {}};
            auto& world = db_->world();
            auto it = std::find_if(world.begin(), world.end(),
                                   [&](const Dependency& w) { return w.name == name; });
            if (it != world.end())
                *it = std::move(d);
            else
                world.push_back(std::move(d));
        }
    }
}

void Installer::order_simply() {
    order_.clear();
    for (const auto& name : removals_) order_.push_back({.remove = name});
    for (const auto& c : set_) order_.push_back({.candidate = c.get(), .remove = {}});
}

std::unexpected<Error> Installer::give_up(Error e) {
    order_.clear();
    set_.clear();
    transaction_.reset();
    db_->undo_open();
    return std::unexpected(std::move(e));
}

Status Installer::carry(const Plan& plan, const KeyRing& keys) {
    for (const auto& step : plan.steps) {
        if (!step.remove.empty()) {
            if (!db_->find(step.remove)) return give_up(Error{step.remove + " is not installed"});
            removals_.push_back(step.remove);
            order_.push_back({.remove = step.remove});
            continue;
        }
        if (Status s = stage(step.path, keys, &step); !s) return give_up(s.error());
        order_.push_back({.candidate = set_.back().get(), .remove = {}});
    }
    if (Status s = look_over(); !s) return give_up(s.error());
    for (const auto& [name, tag] : plan.retagged) {
        const Installed* there = db_->find(name);
        if (!there) continue;
        Installed now = *there;
        now.repository_tag = tag;
        db_->put(std::move(now));
    }
    db_->world() = plan.world;
    if (!transaction_) transaction_ = std::make_unique<Transaction>(root_, kApkTransaction);
    TRY(begin());
    return act();
}

Status Installer::install(const std::vector<std::string>& chosen, const std::vector<Offer>& offers,
                          const KeyRing& keys) {
    std::vector<std::string> names;
    for (const auto& path : chosen) {
        if (Status s = stage(path, keys); !s) return give_up(s.error());
        names.push_back(set_.back()->package.package.name);
    }
    for (auto step : {&Installer::judge, &Installer::sort, &Installer::look_over}) {
        if (step == &Installer::judge && !options_.ignore_depends)
            if (Status s = add_needed(offers, keys); !s) return give_up(s.error());
        if (Status s = (this->*step)(); !s) return give_up(s.error());
    }
    set_world(names);
    order_simply();
    TRY(begin());
    return act();
}

Status Installer::remove(const std::vector<std::string>& names) {
    for (const auto& name : names) {
        if (!db_->find(name)) {
            db_->undo_open();
            return fail("%s is not installed", name.c_str());
        }
        if (std::find(removals_.begin(), removals_.end(), name) == removals_.end())
            removals_.push_back(name);
    }
    TRY(judge());
    // What needs others goes before them.
    World world;
    for (const auto& name : removals_) world.add(&db_->find(name)->package);
    std::vector<std::string> sorted;
    std::set<std::string> seen;
    std::function<void(const std::string&)> bring = [&](const std::string& name) {
        if (!seen.insert(name).second) return;
        for (const auto& d : db_->find(name)->package.depends)
            if (const Package* needed = d.conflict ? nullptr : world.provider(d))
                bring(needed->name);
        sorted.push_back(name);
    };
    for (const auto& name : removals_) bring(name);
    removals_.assign(sorted.rbegin(), sorted.rend());
    std::erase_if(db_->world(), [&](const Dependency& d) { return seen.contains(d.name); });
    order_simply();
    transaction_ = std::make_unique<Transaction>(root_, kApkTransaction);
    TRY(begin());
    return act();
}

}  // namespace tenon::pkg::apk
