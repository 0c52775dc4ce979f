#include "pkg/lib/apk/checkpoint.h"

#include "pkg/lib/apk/database.h"
#include "pkg/lib/text.h"

// gen.N/db/ has a file for each of the database's, by number; `names` says which is which, and
// `before` holds what lib/apk/db/installed was until then.
namespace tenon::pkg::apk {

namespace {

const std::string kInstalled = std::string(kDbDir) + "/installed";

std::string numbered(const std::string& gen, size_t i) {
    return gen + format("/db/%zu", i);
}

Result<std::vector<std::string>> names_in(Root& root, const std::string& gen) {
    TRY_SET(std::string text, root.read_file(gen + "/db/names"));
    std::vector<std::string> out;
    for (std::string_view line : split_lines(text)) out.emplace_back(line);
    return out;
}

Status put_all(Root& root, const std::string& gen) {
    TRY_SET(auto names, names_in(root, gen));
    for (size_t i = 0; i < names.size(); i++) {
        TRY_SET(bool kept, root.exists(numbered(gen, i)));
        if (kept) {
            TRY(root.mkdir_all(names[i].substr(0, names[i].rfind('/')), 0755));
            TRY(put_in_place(root, numbered(gen, i), names[i]));
        } else {
            TRY(root.unlink(names[i]));
        }
    }
    return {};
}

}  // namespace

Status ApkCheckpoint::copy(Root& root, const std::string& gen) {
    TRY(root.mkdir(gen + "/db", 0700));
    TRY_SET(auto texts, db_->texts());
    std::string names;
    size_t i = 0;
    // `installed` last: until it is in its place, a repetition finds the same.
    auto paths = db_->paths();
    std::reverse(paths.begin(), paths.end());
    for (const auto& path : paths) {
        TRY(root.write_file(numbered(gen, i++), texts[path]));
        names += path + "\n";
    }
    TRY(root.write_file(gen + "/db/names", names));
    TRY_SET(auto before, root.read_if_there(kInstalled));
    if (before) TRY(root.write_file(gen + "/db/before", *before));
    return {};
}

Status ApkCheckpoint::adopt(Root& root, const std::string& gen, bool) {
    return put_all(root, gen);
}

Result<bool> ApkCheckpoint::is_ours(Root& root, const std::string& gen) const {
    TRY_SET(auto now, root.read_if_there(kInstalled));
    TRY_SET(auto names, names_in(root, gen));
    TRY_SET(auto before, root.read_if_there(gen + "/db/before"));
    if (now == before) return true;
    for (size_t i = 0; i < names.size(); i++)
        if (names[i] == kInstalled) {
            TRY_SET(auto kept, root.read_if_there(numbered(gen, i)));
            return kept == now;
        }
    return false;
}

Status ApkCheckpoint::restore(Root& root, const std::string& gen) const {
    return put_all(root, gen);
}

}  // namespace tenon::pkg::apk
