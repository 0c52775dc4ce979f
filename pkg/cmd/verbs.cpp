#include "pkg/cmd/verbs.h"

#include <stdio.h>
#include <unistd.h>

#include "pkg/lib/unpack_only.h"

namespace tenon::pkg {

namespace {

Status run_unpack(const Options& o, const std::vector<std::string>& words) {
    if (words.empty()) return fail("unpack: no FILE.deb given");
    bool as_root = geteuid() == 0;
    if (!as_root && o.ownership_file.empty())
        return fail("unpack: not root, so owners cannot be set; give --ownership-file FILE");
    TRY_SET(Root root, Root::open(o.root));
    // An image has no user yet whose data a power cut could take.
    root.set_sync(root.is_system());
    TRY_SET(auto db, Database::open(root, Access::write));
    OwnershipLog log;
    if (!o.ownership_file.empty()) {
        TRY_SET(log, OwnershipLog::open(o.ownership_file));
    }
    for (const auto& path : words) {
        TRY_SET(DebFile deb, DebFile::open(path));
        TRY(unpack_only(root, *db, deb, as_root, o.ownership_file.empty() ? nullptr : &log));
    }
    return db->checkpoint();
}

Status run_list(const Options& o, const std::vector<std::string>&) {
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    for (const Package* p : db->packages())
        if (p->state != State::not_installed)
            printf("%s %s %s %s\n", p->display_name().c_str(), p->version.str().c_str(),
                   p->arch.c_str(), to_string(p->state));
    return {};
}

Status run_files(const Options& o, const std::vector<std::string>& words) {
    if (words.size() != 1) return fail("files: one package name is needed");
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    const Package* p = db->find_spec(words[0]);
    if (!p || p->state == State::not_installed)
        return fail("%s is not installed", words[0].c_str());
    TRY_SET(auto paths, db->read_list(*p));
    for (const auto& path : paths) puts(path.c_str());
    return {};
}

constexpr Verb kVerbs[] = {
    {"unpack", run_unpack},
    {"list", run_list},
    {"files", run_files},
};

}  // namespace

const Verb* find_verb(std::string_view name) {
    for (const Verb& v : kVerbs)
        if (name == v.name) return &v;
    return nullptr;
}

}  // namespace tenon::pkg
