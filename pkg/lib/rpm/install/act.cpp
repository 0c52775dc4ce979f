// Run: what changes the root.
#include <time.h>

#include <algorithm>

#include "pkg/lib/rpm/install/run.h"

namespace tenon::pkg::rpm {

long Run::count(const std::string& name) const {
    return std::count_if(live_.begin(), live_.end(),
                         [&](const Live& l) { return l.package->name == name; });
}

void Run::warn(const Status& s) {
    if (!s) report_.warnings.push_back(s.error().text);
}

void Run::fail_element(Element& e, const Error& why) {
    e.failed = true;
    failures_.push_back(label(e.package) +
                        (e.is_install() ? " is not installed: " : " is not removed: ") + why.text);
}

Status Run::run_script(const Element& e, ScriptKind kind, long instances) {
    const Script* script = e.package.scriptlet(kind);
    if (!script || !options_.run_scripts) return {};
    ScriptCall call;
    call.what = std::string("%") + to_string(kind) + " of " + label(e.package);
    call.script = script;
    call.counts = {instances};
    call.prefixes = e.prefixes;
    return scripts_->run(call);
}

Status Run::add_to_database(Element& e) {
    InstallFacts facts;
    facts.time = static_cast<uint32_t>(time(nullptr));
    facts.transaction_id = tid_;
    facts.file_states = e.states;
    TRY_SET(std::string blob, make_blob(*e.header, *e.signatures, facts));
    if (e.replaces) {
        TRY(db_->remove(e.replaces));
        std::erase_if(live_, [&](const Live& l) { return l.number == e.replaces; });
    }
    TRY_SET(e.number, db_->add(blob));
    live_.push_back({e.number, &e.package, &e.states, &e.prefixes});
    return {};
}

// The order is rpm's: others' triggers, own triggers, then the step, then the same again; file
// triggers of high priority before the package's own script.
Status Run::install_one(Element& e) {
    const Package& p = e.package;
    e.states.assign(p.files.size(), FileState::normal);
    const Live coming{0, &p, &e.states, &e.prefixes};
    TRY(triggers_set_off_by(p, When::pre_in, 0));
    TRY(own_triggers(coming, When::pre_in, 0));
    const long instances = count(p.name) + 1;
    TRY(run_script(e, ScriptKind::pre_in, instances));
    TRY(place_files(e));
    TRY(add_to_database(e));

    // It is installed; what fails from here on is told, and changes nothing.
    const Live self = live_.back();
    const auto files = files_of(p, e.states);
    warn(file_triggers_set_off_by(files, When::in, TriggerScope::file, Range::upper, live_));
    warn(own_file_triggers(self, When::in, TriggerScope::file, Range::upper));
    warn(run_script(e, ScriptKind::post_in, instances));
    warn(triggers_set_off_by(p, When::in, 0));
    warn(own_triggers(self, When::in, 0));
    warn(file_triggers_set_off_by(files, When::in, TriggerScope::file, Range::lower, live_));
    warn(own_file_triggers(self, When::in, TriggerScope::file, Range::lower));
    report_.installed.push_back(label(p));
    return {};
}

Status Run::erase_one(Element& e) {
    const Package& p = e.package;
    auto found = std::find_if(live_.begin(), live_.end(),
                              [&](const Live& l) { return l.number == e.number; });
    if (found == live_.end()) return fail("the database has it no more");
    const Live self = *found;
    const long left = count(p.name) - 1;
    const auto files = files_that_go(e);
    if (!after_preun_.contains(e.stage)) {
        warn(own_file_triggers(self, When::un, TriggerScope::file, Range::upper));
        warn(file_triggers_set_off_by(files, When::un, TriggerScope::file, Range::upper, live_));
        warn(own_triggers(self, When::un, -1));
        warn(triggers_set_off_by(p, When::un, -1));
        TRY(run_script(e, ScriptKind::pre_un, left));
        warn(own_file_triggers(self, When::un, TriggerScope::file, Range::lower));
        warn(file_triggers_set_off_by(files, When::un, TriggerScope::file, Range::lower, live_));
        // It may call programs that are removed next: a redo could not run it again.
        if (options_.run_scripts && p.scriptlet(ScriptKind::pre_un))
            TRY(transaction_->log(format("preun %zu", e.stage)));
    }
    TRY(erase_files(e));
    warn(file_triggers_set_off_by(files, When::post_un, TriggerScope::file, Range::upper, live_));
    warn(run_script(e, ScriptKind::post_un, left));
    warn(triggers_set_off_by(p, When::post_un, -1));
    warn(file_triggers_set_off_by(files, When::post_un, TriggerScope::file, Range::lower, live_));
    note_post_triggers(e);
    TRY(db_->remove(e.number));
    std::erase_if(live_, [&](const Live& l) { return l.number == e.number; });
    if (!e.replaced_by) report_.removed.push_back(label(p));
    return {};
}

Status Run::act() {
    for (size_t i : order_) {
        Element& e = *elements_[i];
        const long now = count(e.package.name);
        if (e.is_install()) {
            e.instances = now + 1;
            if (Status s = run_script(e, ScriptKind::pre_trans, e.instances); !s)
                fail_element(e, s.error());
        } else {
            e.instances = now - 1;
            warn(run_script(e, ScriptKind::pre_un_trans, e.instances));
        }
    }
    TRY(transaction_triggers_before());
    for (size_t i : order_) {
        Element& e = *elements_[i];
        // What was to be replaced stays when its successor has failed.
        if (e.replaced_by && elements_[*e.replaced_by]->failed) e.failed = true;
        if (e.failed) continue;
        Status s = e.is_install() ? install_one(e) : erase_one(e);
        if (!s) fail_element(e, s.error());
    }
    return {};
}

Status Run::after() {
    for (size_t i : order_) {
        const Element& e = *elements_[i];
        if (e.failed) continue;
        warn(run_script(e, e.is_install() ? ScriptKind::post_trans : ScriptKind::post_un_trans,
                        e.instances));
    }
    return transaction_triggers_after();
}

Status Run::carry_out(Phase from) {
    live_.clear();
    for (const Installed& p : installed_)
        live_.push_back({p.number, &p.package, &p.states, &p.prefixes});
    if (from == Phase::act) {
        TRY(act());
        TRY(save(Phase::after));
    }
    return after();
}

}  // namespace tenon::pkg::rpm
