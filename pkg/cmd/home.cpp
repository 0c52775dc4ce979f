#include "pkg/cmd/home.h"

#include <stdio.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

Result<std::optional<Home>> Home::find(const Options& o, Family family, const char* prefix,
                                       Create create) {
    Home home;
    TRY_SET(Root root, Root::open(o.root));
    home.outer = std::make_unique<Root>(std::move(root));
    TRY_SET(Family here, family_of(*home.outer));
    if (here == family || o.initdb) return home;
    TRY_SET(auto there, home.outer->lstat(prefix));
    if (!there && create == Create::no) return std::nullopt;
    if (!there) TRY(home.outer->mkdir_all(prefix, 0755));
    home.prefix = prefix;
    TRY_SET(Root inner, home.outer->open_inner(home.prefix));
    home.inner = std::make_unique<Root>(std::move(inner));
    return home;
}

Status settle_wrappers(Home& home, const PrefixLayout& layout,
                       const std::vector<PrefixProgram>& programs) {
    if (home.prefix.empty()) return {};
    TRY_SET(auto changes, sync_wrappers(*home.outer, *home.inner, layout, programs));
    if (!changes.empty()) TRY(home.outer->sync_all());
    using Kind = WrapperChange::Kind;
    std::vector<std::string> made;
    for (const auto& c : changes) {
        if (c.kind == Kind::made) made.push_back(c.wrapper);
        if (c.kind == Kind::made_beside)
            printf("%s is %s here: there is a program of that name already\n", c.program.c_str(),
                   c.wrapper.c_str());
        if (c.kind == Kind::no_name)
            printf("%s%s gets no name on the PATH: both that would do are taken\n",
                   home.prefix.c_str(), c.program.c_str());
    }
    if (!made.empty()) printf("On the PATH: %s\n", join(made, ", ").c_str());
    return {};
}

}  // namespace tenon::pkg
