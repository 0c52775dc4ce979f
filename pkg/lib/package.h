// One package as the database knows it.  Spec: dpkg(1) "package states", deb-control(5).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/deb822.h"
#include "pkg/lib/relation.h"
#include "pkg/lib/result.h"
#include "pkg/lib/version.h"

namespace tenon::pkg {

enum class Want { unknown, install, hold, deinstall, purge };
// In the order in which a package climbs: comparisons below rely on it.
enum class State {
    not_installed,
    config_files,
    half_installed,
    unpacked,
    half_configured,
    triggers_awaited,
    triggers_pending,
    installed,
};
enum class MultiArch { no, same, foreign, allowed };
enum class Field {
    depends,
    pre_depends,
    recommends,
    suggests,
    breaks,
    conflicts,
    replaces,
    provides,
    enhances,
};
constexpr size_t kFieldCount = 9;

const char* to_string(Want w);
const char* to_string(State s);
const char* field_name(Field f);

struct Conffile {
    std::string path;
    std::string md5;  // what the package shipped last; or kNewConffile, kNonExistent
    bool obsolete = false;
    bool remove_on_upgrade = false;
};
// The digest was never recorded: unpacked, not yet configured.
inline constexpr const char* kNewConffile = "newconffile";
// The user removed the file.
inline constexpr const char* kNonExistent = "nonexistent";

class Package {
  public:
    // From a .deb's control file: everything that dpkg would refuse is refused here, and relation
    // fields come out in dpkg's own layout.
    static Result<Package> from_control(const Stanza& control);
    // From the status file or the updates journal.
    static Result<Package> from_status(const Stanza& stanza);
    // The stanza as dpkg writes it: its field order, its omissions.
    std::string to_status() const;
    // Takes control data over from the package that replaces this one, and keeps the state.
    void take_control_from(const Package& other);
    // What is left of the control data after removal (dpkg drops relations and Essential).
    void reduce_to_config_files();

    std::string name;
    std::string arch;
    Version version;
    Version config_version;  // last version configured; empty when never
    Want want = Want::unknown;
    bool reinst_required = false;
    State state = State::not_installed;
    MultiArch multi_arch = MultiArch::no;
    bool essential = false;
    bool is_protected = false;
    std::vector<Conffile> conffiles;
    std::vector<std::string> triggers_pending;
    std::vector<std::string> triggers_awaited;
    // Every other field, as text.
    Stanza fields;

    const Dependencies& relations(Field f) const;
    std::string field(std::string_view f) const { return fields.get(f); }
    // name, or name:arch where the name alone would not say which (Multi-Arch: same).
    std::string display_name() const;
    // The stem of its files in info/.
    std::string info_name() const {
        return multi_arch == MultiArch::same ? name + ":" + arch : name;
    }
    Conffile* conffile(std::string_view path);
    // Its files are on disk, whatever else.
    bool is_unpacked() const { return state >= State::unpacked; }
    // Dependencies on it count as met (dpkg: installed, or only triggers outstanding).
    bool is_configured() const {
        return state == State::installed || state == State::triggers_pending;
    }

  private:
    static Result<Package> common(const Stanza& s);
    mutable std::array<std::optional<Dependencies>, kFieldCount> parsed_;
};

}  // namespace tenon::pkg
