// Every package of Alpine's that a solution could hold, each once, and what depends on what.
//
// Theory. A package claims its own name with its version, and every name that it provides, with a
// version or without. A claim with a version owns the name: nobody else may claim it in any way. A
// claim without one can stand beside others like it, and is not taken to satisfy a need by choice
// unless the package has a provider priority. A dependency (an atom here) is a name, and perhaps
// what its version must be; whose claims satisfy it is found out here by Alpine's rules, so that
// the engine below needs no rules of versions at all.
//
// The same build in several repositories, or installed and in one, is one node. As in apk the
// checksum is what identifies a build; where two builds claim to have the same one, the first
// counts.
#pragma once

#include <stdint.h>

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkg/lib/solver/apk_solver.h"

namespace tenon::pkg::solver {

// Numbers, all of them from 0.
using NodeId = uint32_t;
using NameId = uint32_t;
using AtomId = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;

struct ApkNode {
    const apk::Package* package = nullptr;
    int installed = -1;                       // a number in system.installed
    std::vector<uint16_t> repositories = {};  // that have it, ascending
    bool made = false;                        // a virtual package of this request
    NameId name = kNone;
    const std::string* claimed_twice = nullptr;  // a name that is claimed in two different ways
    // What was needed of a node once, so that it need not be looked up again.
    std::vector<AtomId> needs = {}, forbids = {}, when = {},
                        unless = {};  // the last two: install_if
    bool expanded = false;
};

struct ApkClaim {
    NodeId node;
    const std::string* version;  // nullptr: without one
};

struct ApkAtom {
    NameId name = kNone;           // kNone: nobody claims it
    apk::Dependency dependency;    // neither a conflict nor with a tag
    std::vector<ApkClaim> claims;  // that satisfy it
};

class ApkUniverse {
  public:
    static constexpr unsigned kMaxTags = 62;

    // Errors: more than a computer can be asked to look at.
    static Result<ApkUniverse> create(const ApkSystem& system, const apk::Package* made);

    const ApkSystem& system() const { return *system_; }
    const ApkNode& node(NodeId n) const { return nodes_[n]; }
    const apk::Package& package(NodeId n) const { return *nodes_[n].package; }
    size_t nodes() const { return nodes_.size(); }
    size_t names() const { return claims_.size(); }
    size_t atoms() const { return atoms_.size(); }
    const ApkAtom& atom(AtomId a) const { return atoms_[a]; }
    const std::vector<ApkClaim>& claims(NameId name) const { return claims_[name]; }
    NameId find_name(std::string_view name) const;  // kNone: nobody claims it

    // Finds who satisfies a dependency.
    Result<AtomId> add_atom(const apk::Dependency& d);
    // Fills a node's lists.
    Status expand(NodeId n);
    // Nodes whose install_if names a name.
    const std::vector<NodeId>& triggered_by(NameId name) const;

    // Tags have numbers; 0 is that of the repositories without one, kNone of no repository.
    unsigned tag_number(const std::string& tag) const;
    const std::string& tag_text(unsigned number) const { return tags_[number]; }
    unsigned repository_tag(uint16_t repository) const { return repository_tags_[repository]; }
    // The tags under which a node can be had, as bits.
    uint64_t tags_of(NodeId n) const;

    bool selectable(const ApkClaim& c) const {
        return c.version || package(c.node).provider_priority > 0;
    }
    bool available(NodeId n) const { return !nodes_[n].repositories.empty(); }
    bool reachable(NodeId n) const;
    // Why it can never be installed; empty: it can.
    std::string why_unusable(NodeId n) const;

  private:
    explicit ApkUniverse(const ApkSystem& system) : system_(&system) {}
    NameId intern(std::string_view name);
    NodeId add_node(const apk::Package& p);
    Status add_claims(NodeId n);
    bool satisfies(const ApkClaim& c, const apk::Dependency& d) const;
    Status charge(uint64_t amount);
    Status expand_list(const std::vector<apk::Dependency>& from, std::vector<AtomId>& wanted,
                       std::vector<AtomId>& unwanted);

    const ApkSystem* system_;
    std::deque<ApkNode> nodes_;
    std::unordered_map<std::string_view, NameId> names_;
    std::vector<std::vector<ApkClaim>> claims_;
    std::unordered_map<NameId, std::vector<NodeId>> triggers_;
    std::deque<ApkAtom> atoms_;
    std::unordered_map<std::string, AtomId> atom_numbers_;
    std::unordered_map<std::string, NodeId> identities_;
    std::vector<std::string> tags_;
    std::vector<unsigned> repository_tags_;
    uint64_t budget_ = 100'000'000;
};

}  // namespace tenon::pkg::solver
