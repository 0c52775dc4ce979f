#include "pkg/lib/solver/libsolv/apk_universe.h"

#include <algorithm>

namespace tenon::pkg::solver {

Result<ApkUniverse> ApkUniverse::create(const ApkSystem& system, const apk::Package* made) {
    ApkUniverse u(system);
    u.tags_.emplace_back();
    size_t packages = system.installed.size();
    for (const ApkRepository& r : system.repositories) {
        packages += r.packages->size();
        auto at = std::find(u.tags_.begin(), u.tags_.end(), r.tag);
        if (at == u.tags_.end()) {
            if (u.tags_.size() > kMaxTags) return fail("more than %u tags", kMaxTags);
            at = u.tags_.insert(u.tags_.end(), r.tag);
        }
        u.repository_tags_.push_back(static_cast<unsigned>(at - u.tags_.begin()));
    }
    if (system.repositories.size() > UINT16_MAX || packages > 10'000'000)
        return fail("more packages than can be looked at");
    u.names_.reserve(packages * 3);
    u.identities_.reserve(packages);
    for (size_t i = 0; i < system.repositories.size(); i++)
        for (const apk::Package& p : *system.repositories[i].packages) {
            auto& in = u.nodes_[u.add_node(p)].repositories;
            if (in.empty() || in.back() != i) in.push_back(static_cast<uint16_t>(i));
        }
    for (size_t i = 0; i < system.installed.size(); i++) {
        ApkNode& node = u.nodes_[u.add_node(*system.installed[i].package)];
        // What is installed is the truth about itself.
        node.package = system.installed[i].package;
        node.installed = static_cast<int>(i);
    }
    if (made) u.nodes_[u.add_node(*made)].made = true;
    for (NodeId n = 0; n < u.nodes_.size(); n++) TRY(u.add_claims(n));
    return u;
}

NodeId ApkUniverse::add_node(const apk::Package& p) {
    // The database of what is installed has 20 bytes of every kind, an index may have more.
    std::string identity = p.checksum.kind == apk::Checksum::Kind::none
                               ? p.name + '\n' + p.version
                               : p.checksum.bytes.substr(0, apk::kIdentityBytes);
    auto [at, is_new] = identities_.try_emplace(std::move(identity), nodes_.size());
    if (is_new) nodes_.push_back(ApkNode{.package = &p});
    return at->second;
}

NameId ApkUniverse::intern(std::string_view name) {
    auto [at, is_new] = names_.try_emplace(name, claims_.size());
    if (is_new) claims_.emplace_back();
    return at->second;
}

Status ApkUniverse::add_claims(NodeId n) {
    ApkNode& node = nodes_[n];
    node.name = intern(node.package->name);
    claims_[node.name].push_back({n, &node.package->version});
    for (const apk::Dependency& d : node.package->provides) {
        ApkClaim c{n, d.version.empty() ? nullptr : &d.version};
        auto& list = claims_[intern(d.name)];
        bool known = false;
        // This node's own are at the end.
        for (auto i = list.rbegin(); i != list.rend() && i->node == n && !known; ++i) {
            TRY(charge(1));
            known = (!i->version && !c.version) ||
                    (i->version && c.version && *i->version == *c.version);
        }
        if (known) continue;
        // Of two different claims one has a version.
        if (!list.empty() && list.back().node == n) node.claimed_twice = &d.name;
        list.push_back(c);
    }
    for (const apk::Dependency& d : node.package->install_if)
        if (!d.conflict) triggers_[intern(d.name)].push_back(n);
    return {};
}

NameId ApkUniverse::find_name(std::string_view name) const {
    auto at = names_.find(name);
    return at == names_.end() ? kNone : at->second;
}

Status ApkUniverse::charge(uint64_t amount) {
    if (budget_ < amount) return fail("the packages depend on each other in too many ways");
    budget_ -= amount;
    return {};
}

bool ApkUniverse::satisfies(const ApkClaim& c, const apk::Dependency& d) const {
    const apk::Package& p = package(c.node);
    if (d.match == apk::kMatchAny) return true;
    if (d.match == apk::kMatchChecksum) {
        auto wanted = apk::Checksum::parse(d.version);
        return c.version == &p.version && wanted && apk::same_identity(p.checksum, *wanted);
    }
    return c.version && apk::version_matches(*c.version, d.match, d.version);
}

Result<AtomId> ApkUniverse::add_atom(const apk::Dependency& d) {
    apk::Dependency plain = d;
    plain.conflict = false;
    plain.tag.clear();
    auto [at, is_new] = atom_numbers_.try_emplace(plain.str(), atoms_.size());
    if (!is_new) return at->second;
    ApkAtom& atom = atoms_.emplace_back();
    atom.name = find_name(plain.name);
    atom.dependency = std::move(plain);
    if (atom.name == kNone) return at->second;
    const auto& claims = claims_[atom.name];
    TRY(charge(claims.size() + 1));
    for (const ApkClaim& c : claims)
        if (satisfies(c, atom.dependency)) atom.claims.push_back(c);
    return at->second;
}

Status ApkUniverse::expand_list(const std::vector<apk::Dependency>& from,
                                std::vector<AtomId>& wanted, std::vector<AtomId>& unwanted) {
    for (const apk::Dependency& d : from) {
        TRY_SET(AtomId a, add_atom(d));
        auto& to = d.conflict ? unwanted : wanted;
        // Lists are short; of a long one only the budget's part is looked through.
        TRY(charge(to.size()));
        if (std::find(to.begin(), to.end(), a) == to.end()) to.push_back(a);
    }
    return {};
}

Status ApkUniverse::expand(NodeId n) {
    ApkNode& node = nodes_[n];
    if (node.expanded) return {};
    node.expanded = true;
    TRY(expand_list(node.package->depends, node.needs, node.forbids));
    return expand_list(node.package->install_if, node.when, node.unless);
}

const std::vector<NodeId>& ApkUniverse::triggered_by(NameId name) const {
    static const std::vector<NodeId> kNobody;
    auto at = triggers_.find(name);
    return at == triggers_.end() ? kNobody : at->second;
}

unsigned ApkUniverse::tag_number(const std::string& tag) const {
    auto at = std::find(tags_.begin(), tags_.end(), tag);
    return at == tags_.end() ? kNone : static_cast<unsigned>(at - tags_.begin());
}

uint64_t ApkUniverse::tags_of(NodeId n) const {
    uint64_t out = 0;
    for (uint16_t r : nodes_[n].repositories) out |= uint64_t{1} << repository_tags_[r];
    return out;
}

bool ApkUniverse::reachable(NodeId n) const {
    const auto& in = nodes_[n].repositories;
    return std::any_of(in.begin(), in.end(),
                       [&](uint16_t r) { return system_->repositories[r].reachable; });
}

std::string ApkUniverse::why_unusable(NodeId n) const {
    const ApkNode& node = nodes_[n];
    const apk::Package& p = *node.package;
    if (node.claimed_twice)
        return " conflicts with itself: it provides " + *node.claimed_twice + " twice";
    if (node.installed >= 0 || node.made) return "";
    if (!p.not_installable.empty()) return " cannot be installed: " + p.not_installable;
    if (!p.arch.empty() && p.arch != "noarch" &&
        std::find(system_->archs.begin(), system_->archs.end(), p.arch) == system_->archs.end())
        return " is for the architecture " + p.arch;
    if (!reachable(n)) return " is in repositories that cannot be reached now";
    return "";
}

}  // namespace tenon::pkg::solver
