#include "pkg/lib/engine.h"

#include <stdio.h>

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg {

void Unwind::run() {
    bool failed[3] = {false, false, false};
    for (size_t i = steps_.size(); i-- > 0;) {
        auto group = static_cast<size_t>(steps_[i].group);
        if (failed[group] && steps_[i].group != Group::files) continue;
        if (!steps_[i].step()) failed[group] = true;
    }
    steps_.clear();
}

Engine::Engine(Root& root, Database& db, EngineOptions options)
    : root_(root),
      db_(db),
      options_(std::move(options)),
      depends_(db.native_arch()),
      scripts_(root, db),
      triggers_(db),
      transaction_(root) {}

Result<std::unique_ptr<Database>> open_for_change(Root& root, const EngineOptions& options) {
    TRY_SET(auto db, Database::open(root, Access::write));
    if (db->interrupted()) {
        Engine engine(root, *db, options);
        TRY(engine.start());
        TRY(engine.finish());
    }
    return db;
}

Status Engine::start() {
    if (db_.interrupted()) {
        // An engine of its own: nothing of that run is part of this one.
        db_.set_resumed();
        Engine earlier(root_, db_, options_);
        Status resumed = earlier.resume();
        if (!resumed) return resumed;
    }
    TRY(triggers_.load());
    // An earlier run may have left packages with triggers to process, and scripts run by others
    // may have fired some.
    for (Package* p : db_.packages())
        if (!p->triggers_pending.empty() &&
            (p->state == State::triggers_pending || p->state == State::triggers_awaited))
            trigger_queue_.push_back(p);
    TRY(triggers_.incorporate());
    return note_changed();
}

// The one place where a state becomes durable. Keeps dpkg's rules about which states may carry
// trigger fields.
Status Engine::note(Package& p) {
    if (p.state != State::triggers_pending && p.state != State::triggers_awaited)
        p.triggers_pending.clear();
    if (p.state <= State::config_files) p.triggers_awaited.clear();
    TRY(db_.note(p));
    if (p.triggers_pending.empty())
        for (Package* other : triggers_.clear_awaiters(p)) TRY(note(*other));
    return {};
}

Status Engine::note_changed() {
    for (Package* p : triggers_.take_changed()) TRY(db_.note(*p));
    for (Package* p : triggers_.take_pending())
        if (std::find(trigger_queue_.begin(), trigger_queue_.end(), p) == trigger_queue_.end())
            trigger_queue_.push_back(p);
    return {};
}

Result<std::vector<TriggerLine>> Engine::triggers_of(const Package& p) {
    TRY_SET(auto text, root_.read_if_there(db_.info_path(p, "triggers")));
    if (!text) return std::vector<TriggerLine>();
    return parse_triggers_file(*text);
}

Status Engine::activate_own(Package& p) {
    TRY_SET(auto lines, triggers_of(p));
    TRY(triggers_.activate_own(lines, p));
    return note_changed();
}

Result<ScriptResult> Engine::run_script(const Package& p, const std::string& path,
                                        const std::string& kind,
                                        const std::vector<std::string>& args) {
    auto result = scripts_.run(p, path, kind, args);
    // Whether it worked or not, it may have diverted files, made users and fired triggers, and it
    // may have changed what any kept directory descriptor stands for.
    root_.forget_cached();
    if (result && *result == ScriptResult::absent) return result;
    TRY(db_.overrides().load(root_));
    TRY(triggers_.incorporate());
    TRY(note_changed());
    return result;
}

Result<ScriptResult> Engine::run_old(const Package& p, const std::string& kind,
                                     const std::vector<std::string>& args) {
    return run_script(p, db_.info_path(p, kind), kind, args);
}

// A postinst has succeeded: the package is as installed as its triggers let it be.
Status Engine::after_postinst(Package& p) {
    if (!p.triggers_awaited.empty())
        p.state = State::triggers_awaited;
    else if (!p.triggers_pending.empty())
        p.state = State::triggers_pending;
    else
        p.state = State::installed;
    TRY(note(p));
    return note_changed();
}

Status Engine::process_triggers(Package& p) {
    if (p.triggers_pending.empty()) return {};
    if (p.state != State::triggers_pending && p.state != State::triggers_awaited) return {};
    printf("Processing triggers for %s (%s) ...\n", p.display_name().c_str(),
           p.version.str().c_str());
    std::string names = join(p.triggers_pending, " ");
    // Noting half-configured clears the pending ones: what fires from now on is new.
    p.state = State::half_configured;
    TRY(note(p));
    TRY(run_old(p, "postinst", {"triggered", names}));
    return after_postinst(p);
}

Status Engine::process_all_triggers() {
    // Each package may make others pending again. A run in which the same set of pending triggers
    // comes back is a cycle; dpkg gives up on the first package of it, and so does this.
    std::set<std::string> seen;
    Status first_error;
    while (!trigger_queue_.empty()) {
        Package* p = trigger_queue_.front();
        trigger_queue_.erase(trigger_queue_.begin());
        if (p->triggers_pending.empty() ||
            (p->state != State::triggers_pending && p->state != State::triggers_awaited))
            continue;
        // A package whose own dependencies are not configured waits; a later configure picks it up.
        bool ready = true;
        World world;
        for (Package* q : db_.packages())
            if (q->is_unpacked()) world.push_back(q);
        for (const Dependency& dep : p->relations(Field::depends))
            ready &= depends_.satisfied(world, dep, *p, [](const Package& q) {
                return q.is_configured() || q.state == State::triggers_awaited;
            });
        if (!ready) continue;
        std::string picture = p->display_name();
        for (const Package* q : db_.packages())
            if (!q->triggers_pending.empty())
                picture += "|" + q->display_name() + ":" + join(q->triggers_pending, ",");
        if (!seen.insert(picture).second) {
            p->state = State::half_configured;
            TRY(note(*p));
            if (first_error)
                first_error =
                    fail("triggers of %s go round in a circle; it is left half-configured",
                         p->display_name().c_str());
            continue;
        }
        if (Status s = process_triggers(*p); !s && first_error) first_error = s;
    }
    return first_error;
}

Status Engine::finish() {
    Status triggers = process_all_triggers();
    TRY(end_transaction());
    return triggers;
}

}  // namespace tenon::pkg
