#include "pkg/lib/rpm/install/index.h"

#include <string.h>

#include <set>

#include "pkg/lib/rpm/relation.h"

namespace tenon::pkg::rpm {

const std::vector<IndexTable> kIndexTables = {
    {"Name", false, true, false},           {"Basenames", false, true, true},
    {"Group", false, true, false},          {"Requirename", false, true, true},
    {"Providename", false, true, true},     {"Conflictname", false, true, true},
    {"Obsoletename", false, true, true},    {"Triggername", false, true, true},
    {"Dirnames", false, true, true},        {"Installtid", true, false, false},
    {"Sigmd5", true, false, false},         {"Sha1header", false, true, false},
    {"Filetriggername", false, true, true}, {"Transfiletriggername", false, true, true},
    {"Recommendname", false, true, true},   {"Suggestname", false, true, true},
    {"Supplementname", false, true, true},  {"Enhancename", false, true, true},
};

namespace {

constexpr Tag kTags[] = {
    tag::kName,
    tag::kBaseNames,
    tag::kGroup,
    tag::kRequireName,
    tag::kProvideName,
    tag::kConflictName,
    tag::kObsoleteName,
    tag::kTriggerName,
    tag::kDirNames,
    tag::kInstallTid,
    tag::kSigMd5,
    tag::kSha1Header,
    tag::kFileTriggerName,
    tag::kTransFileTriggerName,
    tag::kRecommendName,
    tag::kSuggestName,
    tag::kSupplementName,
    tag::kEnhanceName,
};

// Needed for installing only, or for erasing as well.
constexpr SenseFlags kInstallNeeds =
    kPreTransNeed | kPreNeed | kPostNeed | kRpmlibNeed | 1u << 5 /* %posttrans */;
constexpr SenseFlags kEraseNeeds = kPreUnNeed | kPostUnNeed;

// The names in a rich dependency; those that count when they are not there have a "!". What
// decides between two branches is there in both ways.
void names_of(const RichDependency& d, bool negated, std::set<std::string>& plain,
              std::set<std::string>& inverted) {
    if (d.op == RichOp::none) {
        if (d.leaf.name.starts_with("rpmlib(")) return;
        (negated ? inverted : plain).insert(d.leaf.name);
        return;
    }
    bool conditional = d.op == RichOp::if_ || d.op == RichOp::unless_;
    for (size_t i = 0; i < d.operands.size(); i++) {
        if (conditional && i == 1) {
            names_of(d.operands[i], !negated, plain, inverted);
            if (d.operands.size() < 3) continue;
        }
        names_of(d.operands[i], negated, plain, inverted);
    }
}

void add_names(const std::string& text, uint32_t place, std::vector<IndexRow>& out) {
    auto parsed = parse_rich(text, RichContext::must_hold);
    if (!parsed) parsed = parse_rich(text, RichContext::must_not_hold);
    if (!parsed) return;
    std::set<std::string> plain, inverted;
    names_of(*parsed, false, plain, inverted);
    for (const auto& n : plain) out.push_back({n, place});
    for (const auto& n : inverted) out.push_back({"!" + n, place});
}

bool may_be_rich(Tag t) {
    return t == tag::kRequireName || t == tag::kConflictName || t == tag::kRecommendName ||
           t == tag::kSuggestName || t == tag::kSupplementName || t == tag::kEnhanceName;
}

}  // namespace

std::vector<IndexRow> index_rows(const Header& header, size_t table) {
    std::vector<IndexRow> out;
    const Tag t = kTags[table];
    if (t == tag::kSigMd5) {
        if (auto bytes = header.bytes(t); !bytes.empty()) out.push_back({std::string(bytes), 0});
        return out;
    }
    if (t == tag::kInstallTid) {
        // In the byte order of the machine.
        for (uint64_t v : header.numbers(t)) {
            auto narrow = static_cast<uint32_t>(v);
            std::string key(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
            out.push_back({key, static_cast<uint32_t>(out.size())});
        }
        return out;
    }
    auto names = header.strings(t);
    if (t == tag::kGroup && names.size() > 1) names.resize(1);  // one language counts
    std::vector<uint64_t> flags, places;
    if (t == tag::kRequireName) flags = header.numbers(tag::kRequireFlags);
    if (t == tag::kFileTriggerName) places = header.numbers(tag::kFileTriggerIndex);
    if (t == tag::kTransFileTriggerName) places = header.numbers(tag::kTransFileTriggerIndex);
    std::set<std::string_view> seen;
    for (uint32_t i = 0; i < names.size(); i++) {
        if (i < flags.size() && (flags[i] & kInstallNeeds) && !(flags[i] & kEraseNeeds)) continue;
        if (t == tag::kTriggerName && !seen.insert(names[i]).second) continue;
        uint32_t place = i < places.size() ? static_cast<uint32_t>(places[i]) : i;
        out.push_back({std::string(names[i]), place});
        if (names[i].starts_with('(') && may_be_rich(t))
            add_names(std::string(names[i]), place, out);
    }
    return out;
}

}  // namespace tenon::pkg::rpm
