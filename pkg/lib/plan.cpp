#include "pkg/lib/plan.h"

#include <string.h>

#include <unordered_map>

#include "pkg/lib/digest.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// The longest suffix that is ever put behind a file's name while it is being replaced.
constexpr size_t kSuffixMax = sizeof(".dpkg-divert.tmp") - 1;

class PlanSink final : public EntrySink {
  public:
    PlanSink(Plan& plan, ContentSink* contents) : plan_(plan), contents_(contents) {}

    Status entry(const TarEntry& e, EntryData& data) override {
        PlannedFile file{.entry = e, .md5 = {}};
        if (Status s = check_place(e); !s) return s;
        if (e.type == FileType::regular) {
            TRY(digest(e, data, file.md5));
            plan_.total_bytes += e.size_bytes;
        } else if (e.type == FileType::hard_link) {
            auto it = seen_.find(e.link);
            if (it == seen_.end())
                return fail("'%s' is a hard link to '%s', which this package does not contain",
                            e.path.c_str(), e.link.c_str());
            const PlannedFile& target = plan_.files[it->second];
            if (target.entry.type != FileType::regular && target.entry.type != FileType::hard_link)
                return fail("'%s' is a hard link to '%s', which is no plain file", e.path.c_str(),
                            e.link.c_str());
            file.md5 = target.md5;
        } else if (e.path == "/." && e.type != FileType::directory) {
            return fail("'%s' would replace the root directory", e.path.c_str());
        }
        seen_.emplace(e.path, plan_.files.size());
        plan_.files.push_back(std::move(file));
        return {};
    }

    size_t index_of(const std::string& path) const {
        auto it = seen_.find(path);
        return it == seen_.end() ? SIZE_MAX : it->second;
    }

  private:
    Status check_place(const TarEntry& e) {
        size_t slash = e.path.rfind('/');
        if (e.path.size() - slash - 1 + kSuffixMax > 255)
            return fail("'%s' has a name too long to be replaced safely", e.path.c_str());
        if (auto it = seen_.find(e.path); it != seen_.end()) {
            const TarEntry& old = plan_.files[it->second].entry;
            if (old.type != FileType::directory || e.type != FileType::directory)
                return fail("'%s' appears twice", e.path.c_str());
        }
        // A file below something that this very package makes a link would follow that link.
        for (size_t at = slash; at > 0 && at != std::string::npos; at = e.path.rfind('/', at - 1)) {
            auto it = seen_.find(e.path.substr(0, at));
            if (it != seen_.end() && plan_.files[it->second].entry.type != FileType::directory)
                return fail("'%s' lies below '%s', which is not a directory", e.path.c_str(),
                            it->first.c_str());
            if (at == 0) break;
        }
        return {};
    }

    Status digest(const TarEntry& e, EntryData& data, std::string& md5) {
        Md5 sum;
        if (contents_) TRY(contents_->begin(plan_.files.size(), e));
        char buffer[65536];
        uint64_t total = 0;
        for (;;) {
            auto n = data.read(buffer, sizeof(buffer));
            if (!n) return std::unexpected(std::move(n.error()).in(e.path));
            if (*n == 0) break;
            sum.update(buffer, *n);
            if (contents_) TRY(contents_->write(buffer, *n));
            total += *n;
        }
        if (total != e.size_bytes) return fail("'%s' is truncated", e.path.c_str());
        md5 = sum.hex();
        return contents_ ? contents_->end() : Status();
    }

    Plan& plan_;
    ContentSink* contents_;
    std::unordered_map<std::string, size_t> seen_;
};

}  // namespace

Result<std::vector<TriggerLine>> parse_triggers_file(std::string_view text) {
    std::vector<TriggerLine> out;
    for (std::string_view line : split_lines(text)) {
        line = trim(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        auto words = split_words(line);
        std::string shown(line);
        if (words.size() != 2) return fail("triggers: bad line '%s'", shown.c_str());
        TriggerLine t;
        std::string_view w = words[0];
        if (w.starts_with("interest"))
            t.kind = TriggerLine::Kind::interest, w.remove_prefix(8);
        else if (w.starts_with("activate"))
            t.kind = TriggerLine::Kind::activate, w.remove_prefix(8);
        else
            return fail("triggers: unknown directive in '%s'", shown.c_str());
        if (w == "-noawait")
            t.await = false;
        else if (!w.empty() && w != "-await")
            return fail("triggers: unknown directive in '%s'", shown.c_str());
        for (char c : words[1])
            if (c <= ' ' || c >= 127) return fail("triggers: bad name in '%s'", shown.c_str());
        t.name = words[1];
        out.push_back(std::move(t));
    }
    return out;
}

Result<std::vector<ConffileLine>> parse_conffiles_file(std::string_view text) {
    std::vector<ConffileLine> out;
    for (std::string_view line : split_lines(text)) {
        while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
        if (line.empty()) continue;
        ConffileLine c;
        constexpr std::string_view kRemove = "remove-on-upgrade ";
        if (line.starts_with(kRemove)) {
            c.remove_on_upgrade = true;
            line.remove_prefix(kRemove.size());
        }
        std::string shown(line);
        if (line.empty() || line[0] != '/')
            return fail("conffiles: '%s' is not an absolute path", shown.c_str());
        TRY_SET(c.path, clean_path(line.substr(1)));
        out.push_back(std::move(c));
    }
    return out;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_md5sums(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> out;
    for (std::string_view line : split_lines(text)) {
        if (line.empty()) continue;
        bool hex = line.size() > 34;
        for (size_t i = 0; hex && i < 32; i++)
            hex = is_digit(line[i]) || (line[i] >= 'a' && line[i] <= 'f');
        if (!hex || line[32] != ' ')
            return fail("md5sums: bad line '%s'", std::string(line).c_str());
        std::string_view path = line.substr(34);
        if (path.starts_with("./")) path.remove_prefix(2);
        out.emplace_back("/" + std::string(path), std::string(line.substr(0, 32)));
    }
    return out;
}

Result<Plan> plan_of_control(const DebFile& deb) {
    Plan plan;
    auto in_deb = [&](Error e) { return std::unexpected(std::move(e).in(deb.path())); };
    auto package = Package::from_control(deb.control());
    if (!package) return in_deb(package.error());
    plan.package = std::move(*package);
    if (const std::string* text = deb.file("triggers")) {
        auto parsed = parse_triggers_file(*text);
        if (!parsed) return in_deb(parsed.error());
        plan.triggers = std::move(*parsed);
    }
    if (const std::string* text = deb.file("conffiles")) {
        auto parsed = parse_conffiles_file(*text);
        if (!parsed) return in_deb(parsed.error());
        plan.conffiles = std::move(*parsed);
    }
    return plan;
}

Result<Plan> make_plan(const DebFile& deb, ContentSink* contents) {
    auto in_deb = [&](Error e) { return std::unexpected(std::move(e).in(deb.path())); };
    TRY_SET(Plan plan, plan_of_control(deb));
    PlanSink sink(plan, contents);
    TRY(deb.walk_data(sink));
    if (const std::string* text = deb.file("md5sums")) {
        auto sums = parse_md5sums(*text);
        if (!sums) return in_deb(sums.error());
        for (const auto& [path, md5] : *sums) {
            size_t i = sink.index_of(path);
            if (i != SIZE_MAX && !plan.files[i].md5.empty() && plan.files[i].md5 != md5)
                return in_deb(Error{"'" + path + "' does not have the digest that md5sums names"});
        }
    }
    if (Status s = mark_conffiles(plan); !s) return in_deb(s.error());
    return plan;
}

Status mark_conffiles(Plan& plan) {
    if (plan.conffiles.empty()) return {};
    std::unordered_map<std::string_view, size_t> index;
    for (size_t i = 0; i < plan.files.size(); i++) index.emplace(plan.files[i].entry.path, i);
    for (const auto& c : plan.conffiles) {
        auto it = index.find(c.path);
        if (it == index.end()) continue;
        PlannedFile& file = plan.files[it->second];
        if (file.entry.type == FileType::directory)
            return fail("the conffile '%s' is a directory", c.path.c_str());
        file.conffile = !c.remove_on_upgrade;
    }
    return {};
}

}  // namespace tenon::pkg
