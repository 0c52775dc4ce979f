// tmod: what the kernel knows about its modules, for people and for scripts.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "tmod/output.h"
#include "tmod/pci_names.h"

namespace tmod {
namespace {

// Exit status: 0 done, 1 refused by the kernel, 2 no such thing, 3 not in this kernel, 64 usage.
enum : int { kDone = 0, kRefused = 1, kNotFound = 2, kNotThere = 3, kUsage = 64 };

constexpr const char* kHelp =
    "usage: tmod COMMAND [NAME] [--json]\n"
    "  list             modules, with state, references, grants and faults\n"
    "  status NAME      state, restarts, last fault\n"
    "  holders NAME     who keeps it: modules, open files, mounts, calls in flight\n"
    "  ledger NAME      what it holds, and where each thing was acquired\n"
    "  tree             modules below the ones that they stand on\n"
    "  explain DEVICE   why a driver has, or has not, a device (0000:00:03.0)\n"
    "  restart NAME     end its calls, free what it holds, start it again\n"
    "  update FILE.ko   put this version in the place of the loaded one, with its state\n"
    "  release NAME     let it out of quarantine\n"
    "Exit status: 0 done, 1 the kernel refuses, 2 no such module or device,\n"
    "3 this kernel cannot do it, 64 wrong usage.\n";

int complain(int status, const Text& what) {
    fprintf(stderr, "tmod: %s\n", what.c_str());
    return status;
}
bool is_loaded(const Text& name) {
    const List all = loaded_modules();
    return std::find(all.begin(), all.end(), name) != all.end();
}
Text state_of(const Text& name) {
    Health health;
    if (health_of(name, health)) return health.state;
    return is_loaded(name) ? read_text(module_folder(name) + "/initstate") : "not loaded";
}

int list(Output& out) {
    std::vector<List> rows;
    for (const Text& name : loaded_modules()) {
        std::vector<Grant> grants;
        Health health;
        const bool ledger = ledger_of(name, grants);
        const bool faulted = health_of(name, health);
        rows.push_back({name, read_text(module_folder(name) + "/version"), state_of(name),
                        read_text(module_folder(name) + "/coresize"),
                        read_text(module_folder(name) + "/refcnt"),
                        ledger ? std::to_string(grants.size()) : Text("-"),
                        faulted ? health.faults : Text("0")});
    }
    out.table("modules", {"name", "version", "state", "bytes", "refs", "grants", "faults"}, rows,
              "no module is loaded");
    return kDone;
}

int status(Output& out, const Text& name) {
    Health health;
    const bool faulted = health_of(name, health);
    if (!faulted && !is_loaded(name)) return complain(kNotFound, "no module " + name);
    out.fact("name", "module", name);
    out.fact("version", "version", read_text(module_folder(name) + "/version"));
    out.fact("state", "state", state_of(name));
    out.fact("references", "references", read_text(module_folder(name) + "/refcnt"));
    out.fact("faults", "faults", faulted ? health.faults : "0");
    out.fact("restarts", "restarts", faulted ? health.restarts : "0");
    if (faulted) {
        out.fact("last_fault", "last fault", health.last);
        out.fact("last_fault_seconds", "at second", health.at);
        if (health.state == "quarantined")
            out.say("It faulted too often. `tmod release " + name + "` starts it again.");
        if (health.state == "waiting") out.say("It is started again after its back-off.");
    }
    return kDone;
}

int holders(Output& out, const Text& name) {
    if (!is_loaded(name)) return complain(kNotFound, "no module " + name);
    std::vector<List> modules, files, mounts, calls;
    for (const Text& holder : list_directory(module_folder(name) + "/holders"))
        modules.push_back({holder});
    std::vector<Grant> grants;
    ledger_of(name, grants);
    std::vector<unsigned> majors;
    for (const Grant& g : grants)
        if (g.what.find("device numbers") != Text::npos)
            majors.push_back(static_cast<unsigned>(strtoul(g.detail.c_str(), nullptr, 0)));
    for (const OpenFile& f : open_files(majors)) files.push_back({f.pid, f.command, f.fd, f.path});
    for (const Text& line : lines_of(read_text("/proc/mounts"))) {
        const List words = words_of(line);
        if (words.size() > 2 && (words[2] == name || words[2] + "fs" == name))
            mounts.push_back({words[1], words[2]});
    }
    for (const Inside& i : tasks_inside(name)) calls.push_back({i.pid, i.command, i.stack});
    out.fact("references", "references", read_text(module_folder(name) + "/refcnt"));
    out.fact("calls_in_flight", "in flight", read_text(module_folder(name) + "/in_flight"));
    out.table("modules", {"module"}, modules, "no module holds it");
    out.table("files", {"pid", "command", "fd", "path"}, files, "no open file of its devices");
    out.table("mounts", {"mount point", "type"}, mounts, nullptr);
    out.table("calls", {"task", "command", "stack"}, calls, nullptr);
    return kDone;
}

int ledger(Output& out, const Text& name) {
    if (!is_loaded(name)) return complain(kNotFound, "no module " + name);
    std::vector<Grant> grants;
    if (!ledger_of(name, grants))
        return complain(kNotThere, exists(module_folder(name) + "/ledger")
                                       ? "only root may read a ledger"
                                       : "this kernel keeps no ledger");
    std::vector<List> rows;
    for (const Grant& g : grants) rows.push_back({g.kind, g.what, g.detail, g.site});
    out.table("grants", {"kind", "what", "detail", "acquired at"}, rows, "it holds nothing");
    return kDone;
}

// Who stands on a module comes below it; a module on two others comes twice.
void branch(Output& out, std::vector<List>& rows, const Text& name, const Text& parent,
            unsigned depth) {
    rows.push_back({name, parent, std::to_string(depth)});
    out.say(Text(2 * depth, ' ') + name);
    if (depth > 30) return;
    for (const Text& holder : list_directory(module_folder(name) + "/holders"))
        branch(out, rows, holder, name, depth + 1);
}

int tree(Output& out, bool json) {
    const List all = loaded_modules();
    List held;
    for (const Text& name : all)
        for (const Text& holder : list_directory(module_folder(name) + "/holders"))
            held.push_back(holder);
    std::vector<List> rows;
    for (const Text& name : all)
        if (std::find(held.begin(), held.end(), name) == held.end()) branch(out, rows, name, "", 0);
    if (json) out.table("tree", {"module", "below", "depth"}, rows, nullptr);
    return kDone;
}

// The device's folder, and its bus.
Text find_device(const Text& wanted, Text& bus) {
    for (const Text& b : list_directory("/sys/bus")) {
        const Text path = "/sys/bus/" + b + "/devices/" + wanted;
        if (!exists(path)) continue;
        bus = b;
        return path;
    }
    return {};
}

int explain(Output& out, const Text& wanted) {
    Text bus;
    const Text device = find_device(wanted, bus);
    if (device.empty()) return complain(kNotFound, "no device " + wanted + " on any bus");
    const Text alias = read_text(device + "/modalias");
    const Text driver = link_name(device + "/driver");
    Text only = read_text(device + "/driver_override");
    if (only == "(null)") only.clear();
    out.fact("device", "device", wanted);
    if (const Text name = pci_name(device); !name.empty()) out.fact("name", "name", name);
    out.fact("bus", "bus", bus);
    out.fact("modalias", "modalias", alias);
    out.fact("driver", "driver", driver.empty() ? "none" : driver);
    if (!only.empty()) out.fact("driver_override", "reserved for", only);

    std::vector<List> rows;
    Text reason;
    const List candidates = modules_for(alias);
    for (const Text& module : candidates) {
        const Text state = state_of(module);
        const bool bound = driver == module || link_name("/sys/bus/" + bus + "/drivers/" + driver +
                                                         "/module") == module;
        rows.push_back({module, state, bound ? "has it" : ""});
        if (!driver.empty() || !reason.empty()) continue;
        if (!only.empty() && only != module)
            reason = "it is reserved for the driver " + only;
        else if (state == "quarantined")
            reason = "the module " + module + " is in quarantine: tmod status " + module;
        else if (state == "not loaded")
            reason = "the module " + module + " is not loaded: modprobe " + module;
        else if (state == "waiting")
            reason = "the module " + module + " is about to be started again";
        else
            reason =
                "the driver of " + module + " did not take it: dmesg says why its probe failed";
    }
    out.table("modules", {"module for it", "state", "bound"}, rows, nullptr);
    Text told;  // the bus's own account, where there is one
    if (read_file(device + "/explain", told)) out.fact("bus_says", "the bus says", told);
    if (!driver.empty())
        reason = "the driver " + driver + " has it";
    else if (candidates.empty())
        reason = alias.empty() ? "it has no modalias: nothing can be found for it"
                               : "no module in /lib/modules has an alias that matches it";
    out.fact("because", "because", reason);
    return kDone;
}

int give_order(const char* verb, const Text& argument) {
    if (!kernel_contains())
        return complain(kNotThere, Text("this kernel has no ") + verb + " of modules");
    const int error = order(Text(verb) + " " + argument);
    if (error == 0) return kDone;
    const Text text = Text(verb) + " " + argument + ": ";
    switch (error) {
        case ENOENT:
            return complain(kNotFound,
                            text + (strcmp(verb, "release") == 0 ? "not in quarantine"
                                                                 : "no such file, or not loaded"));
        case EOPNOTSUPP:
            return complain(kRefused, text + "a trusted module is not restarted");
        case EAGAIN:
            return complain(kRefused, text + "other modules hold it: tmod holders");
        default:
            return complain(kRefused, text + strerror(error) + "; dmesg says more");
    }
}

int usage(const Text& what) {
    complain(kUsage, what);
    fputs(kHelp, stderr);
    return kUsage;
}

}  // namespace
}  // namespace tmod

int main(int argc, char** argv) {
    using namespace tmod;
    bool json = false;
    List words;
    for (int i = 1; i < argc; ++i) {
        const Text word = argv[i];
        if (word == "--json")
            json = true;
        else if (word == "--help" || word == "-h")
            words.insert(words.begin(), "help");
        else if (word[0] == '-')
            return usage("unknown option " + word);
        else
            words.push_back(word);
    }
    if (words.empty()) return usage("a command is missing");
    const Text command = words[0];
    if (command == "help") {
        fputs(kHelp, stdout);
        return kDone;
    }
    const bool alone = command == "list" || command == "tree";
    constexpr std::string_view kNamed[] = {"status",  "holders", "ledger", "explain",
                                           "restart", "update",  "release"};
    if (!alone && std::find(std::begin(kNamed), std::end(kNamed), command) == std::end(kNamed))
        return usage("unknown command " + command);
    if (words.size() != (alone ? 1 : 2))
        return usage(command + (alone ? " takes no name" : " takes one name"));
    if (command == "restart") return give_order("restart", folded(words[1]));
    if (command == "release") return give_order("release", folded(words[1]));
    if (command == "update") {
        char* path = ::realpath(words[1].c_str(), nullptr);
        if (path == nullptr) return complain(kNotFound, words[1] + ": " + strerror(errno));
        const int result = give_order("update", path);
        ::free(path);
        return result;
    }
    Output out(json);
    if (command == "list") return list(out);
    if (command == "tree") return tree(out, json);
    if (command == "status") return status(out, folded(words[1]));
    if (command == "holders") return holders(out, folded(words[1]));
    if (command == "ledger") return ledger(out, folded(words[1]));
    return explain(out, words[1]);
}
