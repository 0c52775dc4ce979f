// Triggers: one package asks to be told when another does something.  Spec: deb-triggers(5), and
// dpkg's doc/spec/triggers.rst.
//
// Words. A package is interested in a trigger (a name, or a path: then any change at or below the
// path fires it). Activating a trigger makes it pending on each interested package that is
// configured, and makes the activating package await them, unless either side said noawait.
// A pending package is processed by `postinst triggered "NAME NAME..."`; then nobody awaits it.
//
// On disk, in dpkg's format: triggers/NAME lists who is interested in NAME, triggers/File who is
// interested in which path, triggers/Unincorp what dpkg-trigger was told while a script ran.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/database.h"
#include "pkg/lib/plan.h"

namespace tenon::pkg {

class Triggers {
  public:
    explicit Triggers(Database& db) : db_(db) {}

    Status load();
    // Fires a trigger by name or path. `awaiter` may be null.
    Status activate(std::string_view name, Package* awaiter);
    // Fires the triggers of a path and of every directory above it.
    Status activate_path(std::string_view path, Package* awaiter);
    // The activate lines of the package's own triggers file, whenever its state changes.
    Status activate_own(const std::vector<TriggerLine>& lines, Package& p);
    Status add_interests(const std::vector<TriggerLine>& lines, const Package& p);
    Status remove_interests(const std::vector<TriggerLine>& lines, const Package& p);
    // Reads what dpkg-trigger left behind.
    Status incorporate();
    // Nobody awaits `p` any more. Returns those whose state changed by that.
    std::vector<Package*> clear_awaiters(const Package& p);
    // Packages that have become pending since last asked.
    std::vector<Package*> take_pending() { return std::exchange(pending_, {}); }
    // Packages whose records changed and are to be noted.
    std::vector<Package*> take_changed() { return std::exchange(changed_, {}); }

  private:
    struct Interest {
        std::string package;  // as written: name or name:arch
        bool await = true;
    };
    Status record(const Interest& interest, std::string_view trigger, Package* awaiter);
    Result<std::vector<Interest>> read_explicit(const std::string& name);
    Status write_explicit(const std::string& name, const std::vector<Interest>& list);
    Status write_files();

    Database& db_;
    std::map<std::string, std::vector<Interest>, std::less<>> file_interests_;
    std::vector<Package*> pending_, changed_;
};

// dpkg-trigger's half: appends to Unincorp under its lock. No awaiter: "-".
Status queue_trigger(Root& root, const std::string& trigger, const std::string& awaiter);
bool valid_trigger_name(std::string_view name);

}  // namespace tenon::pkg
