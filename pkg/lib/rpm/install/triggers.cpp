// Run: triggers.  Spec: rpm's docs/manual/triggers.md, file_triggers.md; the order, the counts and
// the lists of files are those of rpm 4.18.
//
// A trigger runs when a package that it names comes or goes while its owner is there, and when its
// owner comes or goes while such a package is there. File triggers do so by prefixes of paths.
#include <algorithm>

#include "pkg/lib/rpm/install/run.h"

namespace tenon::pkg::rpm {

namespace {

// File triggers of this priority and above run before the package's own script.
constexpr uint32_t kUpperPriority = 10'000;

bool in_range(uint32_t priority, bool upper) {
    return (priority >= kUpperPriority) == upper;
}

bool names(const TriggerCondition& c, const Package& p) {
    return c.on.name == p.name && matches(c.on, {p.name, kEqual, p.evr.str()});
}

bool has_when(const Trigger& t, TriggerCondition::When when) {
    return std::any_of(t.conditions.begin(), t.conditions.end(),
                       [&](const TriggerCondition& c) { return c.when == when; });
}

void append_matching(const Trigger& t, TriggerCondition::When when,
                     const std::vector<std::string>& files, std::string& out) {
    for (const std::string& f : files)
        if (std::any_of(t.conditions.begin(), t.conditions.end(), [&](const TriggerCondition& c) {
                return c.when == when && f.starts_with(c.on.name);
            }))
            out += f + "\n";
}

const char* word_of(TriggerScope scope, TriggerCondition::When when) {
    using When = TriggerCondition::When;
    static constexpr const char* kWords[3][4] = {
        {"triggerprein", "triggerin", "triggerun", "triggerpostun"},
        {"filetriggerprein", "filetriggerin", "filetriggerun", "filetriggerpostun"},
        {"transfiletriggerprein", "transfiletriggerin", "transfiletriggerun",
         "transfiletriggerpostun"}};
    int row = scope == TriggerScope::package ? 0 : scope == TriggerScope::file ? 1 : 2;
    int column = when == When::pre_in ? 0 : when == When::in ? 1 : when == When::un ? 2 : 3;
    return kWords[row][column];
}

struct Due {
    Live owner;
    size_t place;
    std::string input;

    const Trigger& trigger() const { return owner.package->triggers[place]; }
};

// Higher priorities first, then the older packages.
void put_in_order(std::vector<Due>& all) {
    std::stable_sort(all.begin(), all.end(), [](const Due& a, const Due& b) {
        return a.trigger().priority > b.trigger().priority;
    });
}

}  // namespace

std::vector<std::string> Run::files_of(const Package& p,
                                       const std::vector<FileState>& states) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < p.files.size(); i++)
        if (i >= states.size() || states[i] == FileState::normal ||
            states[i] == FileState::net_shared)
            out.push_back(p.files[i].path);
    return out;
}

std::vector<std::string> Run::files_that_go(const Element& e) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < e.package.files.size(); i++)
        if (e.actions[i] != FileAction::skip) out.push_back(e.package.files[i].path);
    return out;
}

Status Run::run_trigger(const Live& owner, const Trigger& t, const char* word,
                        std::vector<long> counts, std::string input) {
    ScriptCall call;
    call.what = std::string("%") + word + " of " + label(*owner.package);
    call.script = &t.script;
    call.counts = std::move(counts);
    call.input = std::move(input);
    call.prefixes = *owner.prefixes;
    return scripts_->run(call);
}

Status Run::triggers_set_off_by(const Package& p, When when, long correction) {
    if (!options_.run_scripts) return {};
    Status result;
    const auto owners = live_;
    for (const Live& owner : owners)
        for (const Trigger& t : owner.package->triggers) {
            if (t.scope != TriggerScope::package) continue;
            bool set_off = std::any_of(
                t.conditions.begin(), t.conditions.end(),
                [&](const TriggerCondition& c) { return c.when == when && names(c, p); });
            if (!set_off) continue;
            Status s = run_trigger(owner, t, word_of(t.scope, when),
                                   {count(owner.package->name), count(p.name) + correction}, "");
            if (!s && result) result = s;
        }
    return result;
}

Status Run::own_triggers(const Live& owner, When when, long correction) {
    if (!options_.run_scripts) return {};
    Status result;
    const auto others = live_;
    for (const Trigger& t : owner.package->triggers) {
        if (t.scope != TriggerScope::package) continue;
        const Package* by = nullptr;
        for (const TriggerCondition& c : t.conditions)
            for (const Live& l : others)
                if (!by && c.when == when && names(c, *l.package)) by = l.package;
        if (!by) continue;
        Status s = run_trigger(owner, t, word_of(t.scope, when),
                               {count(owner.package->name) + correction, count(by->name)}, "");
        if (!s && result) result = s;
    }
    return result;
}

Status Run::file_triggers_set_off_by(const std::vector<std::string>& files, When when,
                                     TriggerScope scope, Range range,
                                     const std::vector<Live>& owners) {
    if (!options_.run_scripts) return {};
    std::vector<Due> due;
    for (const Live& owner : owners)
        for (size_t i = 0; i < owner.package->triggers.size(); i++) {
            const Trigger& t = owner.package->triggers[i];
            if (t.scope != scope) continue;
            if (range != Range::all && !in_range(t.priority, range == Range::upper)) continue;
            Due d{owner, i, ""};
            append_matching(t, when, files, d.input);
            if (!d.input.empty()) due.push_back(std::move(d));
        }
    put_in_order(due);
    Status result;
    for (Due& d : due) {
        Status s = run_trigger(d.owner, d.trigger(), word_of(scope, when), {0}, std::move(d.input));
        if (!s && result) result = s;
    }
    return result;
}

Status Run::own_file_triggers(const Live& owner, When when, TriggerScope scope, Range range) {
    if (!options_.run_scripts) return {};
    std::vector<Due> due;
    for (size_t i = 0; i < owner.package->triggers.size(); i++) {
        const Trigger& t = owner.package->triggers[i];
        if (t.scope != scope || !has_when(t, when)) continue;
        if (range != Range::all && !in_range(t.priority, range == Range::upper)) continue;
        Due d{owner, i, ""};
        for (const Live& l : live_) {
            // Its own files have set it off already, as any other package's do.
            if (l.number == owner.number && when == When::in && scope == TriggerScope::file)
                continue;
            append_matching(t, when, files_of(*l.package, *l.states), d.input);
        }
        if (!d.input.empty()) due.push_back(std::move(d));
    }
    put_in_order(due);
    Status result;
    for (Due& d : due) {
        Status s = run_trigger(d.owner, d.trigger(), word_of(scope, when), {0}, std::move(d.input));
        if (!s && result) result = s;
    }
    return result;
}

Status Run::transaction_triggers_before() {
    std::vector<Live> stay, go;
    std::vector<std::string> files;
    for (const Live& l : live_) {
        bool goes = std::any_of(elements_.begin(), elements_.end(), [&](const auto& e) {
            return !e->is_install() && e->number == l.number;
        });
        (goes ? go : stay).push_back(l);
        if (!goes) continue;
        auto own = files_of(*l.package, *l.states);
        files.insert(files.end(), own.begin(), own.end());
    }
    warn(file_triggers_set_off_by(files, When::un, TriggerScope::transaction_file, Range::all,
                                  stay));
    for (size_t i : order_)
        for (const Live& l : go)
            if (!elements_[i]->is_install() && l.number == elements_[i]->number)
                warn(own_file_triggers(l, When::un, TriggerScope::transaction_file, Range::all));
    return {};
}

// %transfiletriggerpostun runs when all is over, but what sets it off is gone then. All files of
// the package do, also those that a new version has again.
void Run::note_post_triggers(const Element& e) {
    const auto files = files_of(e.package, e.states);
    for (const Live& owner : live_)
        for (size_t i = 0; i < owner.package->triggers.size(); i++) {
            const Trigger& t = owner.package->triggers[i];
            std::string matching;
            if (t.scope == TriggerScope::transaction_file)
                append_matching(t, When::post_un, files, matching);
            if (!matching.empty()) post_triggers_.insert({owner.number, i});
        }
}

Status Run::transaction_triggers_after() {
    std::vector<Live> were_there, came;
    std::vector<std::string> files;
    for (const Live& l : live_) {
        bool is_new = std::any_of(elements_.begin(), elements_.end(), [&](const auto& e) {
            return e->is_install() && e->number == l.number;
        });
        (is_new ? came : were_there).push_back(l);
        if (!is_new) continue;
        auto own = files_of(*l.package, *l.states);
        files.insert(files.end(), own.begin(), own.end());
    }
    warn(file_triggers_set_off_by(files, When::in, TriggerScope::transaction_file, Range::all,
                                  were_there));
    std::vector<Due> due;
    for (const auto& [number, place] : post_triggers_)
        for (const Live& l : live_)
            if (l.number == number && place < l.package->triggers.size())
                due.push_back({l, place, ""});
    put_in_order(due);
    for (const Due& d : due)
        warn(run_trigger(d.owner, d.trigger(), word_of(d.trigger().scope, When::post_un), {0}, ""));
    for (size_t i : order_)
        for (const Live& l : came)
            if (elements_[i]->is_install() && l.number == elements_[i]->number)
                warn(own_file_triggers(l, When::in, TriggerScope::transaction_file, Range::all));
    return {};
}

}  // namespace tenon::pkg::rpm
