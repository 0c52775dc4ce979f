#include "pkg/lib/apt/marks.h"

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

constexpr const char* kPath = "/var/lib/apt/extended_states";

}  // namespace

Result<Marks> Marks::load(Root& root, const std::string& native_arch) {
    Marks out;
    out.native_arch_ = native_arch;
    TRY_SET(auto text, root.read_if_there(kPath));
    if (!text) return out;
    auto stanzas = parse_stanzas(*text);
    if (!stanzas) return std::unexpected(std::move(stanzas.error()).in(kPath));
    out.stanzas_ = std::move(*stanzas);
    return out;
}

bool Marks::is_automatic(const Package& p) const {
    for (const Stanza& s : stanzas_)
        if (s.get("Package") == p.name && s.get("Architecture") == arch_of(p))
            return s.get("Auto-Installed") == "1";
    return false;
}

void Marks::set_automatic(const Package& p, bool automatic) {
    if (is_automatic(p) == automatic) return;
    changed_ = true;
    for (Stanza& s : stanzas_)
        if (s.get("Package") == p.name && s.get("Architecture") == arch_of(p)) {
            s.set("Auto-Installed", automatic ? "1" : "0");
            return;
        }
    Stanza s;
    s.set("Package", p.name);
    s.set("Architecture", arch_of(p));
    s.set("Auto-Installed", automatic ? "1" : "0");
    stanzas_.push_back(std::move(s));
}

Status Marks::save(Root& root, Database& db) {
    size_t before = stanzas_.size();
    std::erase_if(stanzas_, [&](const Stanza& s) {
        for (const Package* p : db.instances(s.get("Package")))
            if (p->state > State::config_files && arch_of(*p) == s.get("Architecture"))
                return false;
        return true;
    });
    if (!changed_ && before == stanzas_.size()) return {};
    std::string text;
    for (const Stanza& s : stanzas_) text += s.str() + "\n";
    TRY(root.mkdir_all("/var/lib/apt", 0755));
    return root.write_file(kPath, text);
}

}  // namespace tenon::pkg::apt
