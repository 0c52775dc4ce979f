// Engine: the transaction around a run, and going on with one that was interrupted.
#include <stdio.h>
#include <time.h>

#include <algorithm>

#include "pkg/lib/apt/marks.h"
#include "pkg/lib/dpkg_checkpoint.h"
#include "pkg/lib/engine.h"
#include "pkg/lib/history.h"
#include "pkg/lib/stage.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

constexpr const char* kPhases[] = {"unpack", "configure", "remove", "done"};

constexpr const char* kMarks[] = {"manual", "automatic"};

const std::string kBefore = std::string(kTransaction) + "/before";

std::string key(const Package& p) {
    return p.name + " " + p.arch;
}

}  // namespace

// One line a fact: "WORD ARGUMENTS".
std::string Engine::state_text(Phase phase) const {
    std::string out = format("phase %s\n", kPhases[static_cast<int>(phase)]);
    out += format("options %d %d %d\n", static_cast<int>(options_.conffiles),
                  options_.remove_essential, options_.ignore_depends);
    for (const auto& c : set_)
        out += format("package %s %s\n", c->unpacked ? "unpacked" : "staged",
                      c->plan.package.display_name().c_str());
    for (const Package* p : remove_queue_) out += "remove " + key(*p) + "\n";
    for (const Package* p : to_be_removed_) out += "conflict " + key(*p) + "\n";
    for (const Package* p : deconfigured_) out += "deconfigured " + key(*p) + "\n";
    for (const Package* p : after_prerm_) out += "prerm " + key(*p) + "\n";
    for (const Mark& m : marks_)
        out += format("%s %s %s\n", kMarks[m.automatic], m.name.c_str(), m.arch.c_str());
    return out;
}

Status Engine::begin(Phase phase) {
    TRY(transaction_.open());
    if (!transaction_.has_begun()) TRY(save_versions());
    db_.leave_folding_to_transaction(true);
    return save_progress(phase);
}

// "TIME COMMAND", then "NAME ARCH VERSION MARK" of all that is unpacked.
Status Engine::save_versions() {
    std::string command = options_.command;
    for (char& c : command)
        if (c == '\n') c = ' ';
    TRY_SET(apt::Marks marks, apt::Marks::load(root_, db_.native_arch()));
    std::string out = format("%lld %s\n", static_cast<long long>(time(nullptr)), command.c_str());
    for (const Package* p : db_.packages())
        if (p->is_unpacked())
            out += format("%s %s %s\n", key(*p).c_str(), p->version.str().c_str(),
                          kMarks[marks.is_automatic(*p)]);
    return root_.write_file(kBefore, out);
}

Status Engine::write_history() {
    TRY_SET(auto text, root_.read_if_there(kBefore));
    if (!text) return {};
    auto lines = split_lines(*text);
    HistoryEntry entry;
    std::map<std::pair<std::string, std::string>, HistoryChange> before;
    for (size_t i = 0; i < lines.size(); i++) {
        size_t space = lines[i].find(' ');
        if (space == std::string_view::npos) return fail("%s is damaged", kBefore.c_str());
        if (i == 0) {
            unsigned long long seconds = 0;
            if (!parse_u64(lines[i].substr(0, space), seconds))
                return fail("%s is damaged", kBefore.c_str());
            entry.time_s = static_cast<int64_t>(seconds);
            entry.command = lines[i].substr(space + 1);
            continue;
        }
        auto w = split_words(lines[i]);
        if (w.size() != 4) return fail("%s is damaged", kBefore.c_str());
        HistoryChange was{std::string(w[0]), std::string(w[1]), std::string(w[2]), "",
                          w[3] == kMarks[1]};
        before[{was.name, was.arch}] = was;
    }
    for (const Package* p : db_.packages()) {
        if (!p->is_unpacked()) continue;
        HistoryChange change{p->name, p->arch, "", p->version.str(), false};
        if (auto was = before.find({p->name, p->arch}); was != before.end()) {
            change.before = was->second.before;
            change.was_automatic = was->second.was_automatic;
            before.erase(was);
        }
        if (change.before != change.after) entry.changes.push_back(change);
    }
    for (const auto& [who, change] : before) entry.changes.push_back(change);
    if (entry.changes.empty()) return {};
    return history::add(root_, entry,
                        transaction_.is_durable() ? history::Sync::yes : history::Sync::no);
}

Status Engine::write_marks() {
    TRY_SET(apt::Marks marks, apt::Marks::load(root_, db_.native_arch()));
    for (const Mark& m : marks_)
        if (const Package* p = db_.find(m.name, m.arch); p && p->is_unpacked())
            marks.set_automatic(*p, m.automatic);
    return marks.save(root_, db_);
}

Status Engine::save_progress(Phase phase) {
    DpkgCheckpoint database(&db_);
    return transaction_.save(database, state_text(phase));
}

Status Engine::note_prerm(Package& p) {
    if (!transaction_.has_begun() || after_prerm_.contains(&p)) return {};
    after_prerm_.insert(&p);
    return transaction_.log("prerm " + key(p));
}

Status Engine::end_transaction() {
    if (!transaction_.has_begun()) {
        transaction_.abandon();
        return db_.checkpoint();
    }
    TRY(save_progress(Phase::done));
    // Repeated when it is interrupted: what is written here is durable before the transaction ends.
    if (Status s = write_marks(); !s)
        fprintf(stderr, "pkg: warning: what was installed by hand: %s\n", s.error().text.c_str());
    // A history that cannot be written is no reason to keep a finished transaction open.
    if (Status s = write_history(); !s)
        fprintf(stderr, "pkg: warning: the history: %s\n", s.error().text.c_str());
    TRY(transaction_.close());
    db_.leave_folding_to_transaction(false);
    return {};
}

Status Engine::resume() {
    TRY_SET(auto saved, transaction_.resume());
    db_.leave_folding_to_transaction(true);
    redo_ = true;
    TRY(triggers_.load());
    Phase phase = Phase::done;
    std::vector<std::string> names;
    std::vector<std::string> lines;
    for (std::string_view line : split_lines(saved.state)) lines.emplace_back(line);
    lines.insert(lines.end(), saved.log.begin(), saved.log.end());
    for (const std::string& line : lines) {
        auto w = split_words(line);
        auto bad = [&] { return fail("the journal has the line '%s'", line.c_str()); };
        if (w.size() < 2) return bad();
        Package* named = w.size() == 3 ? db_.find(w[1], w[2]) : nullptr;
        if (w[0] == "phase") {
            for (int i = 0; i < 4; i++)
                if (w[1] == kPhases[i]) phase = static_cast<Phase>(i);
        } else if (w[0] == "options" && w.size() == 4) {
            unsigned long long conffiles = 0;
            if (!parse_u64(w[1], conffiles) || conffiles > 2) return bad();
            options_.conffiles = static_cast<ConffilePolicy>(conffiles);
            options_.remove_essential = w[2] == "1";
            options_.ignore_depends = w[3] == "1";
        } else if (w[0] == "package" && w.size() == 3) {
            auto c = std::make_unique<Candidate>();
            c->stage = transaction_.stage_dir(set_.size());
            TRY_SET(auto loaded, Stage::load(root_, c->stage));
            c->deb = std::move(loaded.deb);
            c->plan = std::move(loaded.plan);
            c->unpacked = w[1] == "unpacked";
            names.emplace_back(w[2]);
            set_.push_back(std::move(c));
        } else if (w[0] == "remove" && named) {
            remove_queue_.push_back(named);
            names.push_back(named->display_name());
        } else if (w[0] == "conflict" && named) {
            to_be_removed_.insert(named);
        } else if (w[0] == "deconfigured" && named) {
            deconfigured_.insert(named);
        } else if (w[0] == "prerm" && named) {
            after_prerm_.insert(named);
        } else if ((w[0] == kMarks[0] || w[0] == kMarks[1]) && w.size() == 3) {
            marks_.push_back({std::string(w[1]), std::string(w[2]), w[0] == kMarks[1]});
        }
    }
    fflush(stdout);
    if (phase != Phase::done)
        fprintf(stderr, "pkg: going on with what was interrupted: %s\n",
                names.empty() ? "configuring" : join(names, ", ").c_str());
    for (Package* p : db_.packages())
        if (!p->triggers_pending.empty() &&
            (p->state == State::triggers_pending || p->state == State::triggers_awaited))
            trigger_queue_.push_back(p);
    TRY(triggers_.incorporate());
    TRY(note_changed());
    Status done;
    switch (phase) {
        case Phase::unpack:
            done = carry_out();
            break;
        case Phase::configure:
            done = set_.empty() ? configure_all() : configure_new();
            break;
        case Phase::remove:
            done = remove_queue(remove_queue_);
            break;
        case Phase::done:
            return end_transaction();
    }
    // What fails now has been unwound, or says in its state what is wrong with it: the transaction
    // is over, and the run that found it goes on.
    if (!done) fprintf(stderr, "pkg: %s\n", done.error().text.c_str());
    if (Status s = finish(); !s) fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
    return {};
}

}  // namespace tenon::pkg
