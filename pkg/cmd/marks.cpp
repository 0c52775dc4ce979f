// Verbs about what is wanted and why: hold, unhold, why, autoremove.
#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/plan.h"
#include "pkg/cmd/session.h"
#include "pkg/lib/needs.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

Status set_want(const Options& o, const Words& words, Want want, const char* verb) {
    if (words.empty()) return fail("%s: no package named", verb);
    if (geteuid() != 0) return fail("this needs root's rights");
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, open_changing(root, o));
    TRY_SET(auto packages, packages_named(*db, words));
    for (Package* p : packages) {
        p->want = want;
        TRY(db->note(*p));
    }
    return db->checkpoint();
}

const char* verb_of(Field f) {
    return f == Field::recommends ? "recommends" : f == Field::suggests ? "suggests" : "needs";
}

}  // namespace

Status run_hold(const Options& o, const Words& words) {
    return set_want(o, words, Want::hold, "hold");
}

Status run_unhold(const Options& o, const Words& words) {
    return set_want(o, words, Want::install, "unhold");
}

Status run_why(const Options& o, const Words& words) {
    if (words.size() != 1) return fail("why: one package name is needed");
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    const Package* known = db->find_spec(words[0]);
    if (!known || known->state == State::not_installed) {
        TRY_SET(ApkView view, look_at_apk(o));
        if (const auto* p = view.find(words[0])) return why_apk(o, view, *p);
    }
    TRY_SET(auto named, packages_named(*db, words));
    TRY_SET(apt::Marks marks, apt::Marks::load(root, db->native_arch()));
    const Package& p = *named[0];
    if (!p.is_unpacked()) return fail("%s is not installed", words[0].c_str());
    const std::string name = p.display_name();
    if (Report* r = o.report) {
        r->set("package", name);
        r->set("essential", p.essential);
        r->set("protected", p.is_protected);
        r->set("held", p.want == Want::hold);
        r->set("automatic", marks.is_automatic(p));
        r->add_none("chain");
    }
    if (p.essential) printf("%s is essential\n", name.c_str());
    if (p.is_protected) printf("%s is protected\n", name.c_str());
    if (p.want == Want::hold) printf("%s is held\n", name.c_str());
    if (!marks.is_automatic(p)) printf("%s was installed by hand\n", name.c_str());
    // Of others, those that were installed by hand, or that no root can be without.
    std::set<const Package*> roots;
    for (const Package* q : db->packages())
        if (q != &p && q->is_unpacked() &&
            (!marks.is_automatic(*q) || q->essential || q->is_protected))
            roots.insert(q);
    auto chain = Needs(*db).chain(roots, p);
    for (const Need& n : chain) {
        printf("%s %s %s\n", n.by->display_name().c_str(), verb_of(n.field), n.text.c_str());
        if (o.report)
            o.report->add("chain", JsonObject{{"package", n.by->display_name()},
                                              {"relation", verb_of(n.field)},
                                              {"on", n.text},
                                              {"fulfilled_by", n.of->display_name()}});
    }
    if (chain.empty() && marks.is_automatic(p) && !p.essential && !p.is_protected)
        printf(
            "%s is needed by nothing that was installed by hand; 'pkg autoremove' takes it away\n",
            name.c_str());
    return {};
}

Status run_autoremove(const Options& o, const Words& words) {
    if (!words.empty()) return fail("autoremove: takes no name");
    if (o.dry_run) {
        TRY_SET(Root root, Root::open(o.root));
        TRY_SET(auto db, Database::open(root, Access::read));
        TRY_SET(apt::Marks marks, apt::Marks::load(root, db->native_arch()));
        std::vector<std::string> names;
        for (const Package* p :
             unneeded(*db, [&](const Package& q) { return marks.is_automatic(q); }))
            names.push_back(p->display_name());
        report_plan(o, "remove", names);
        if (names.empty())
            puts("Nothing to remove");
        else
            printf("To remove: %s\n", join(names, ", ").c_str());
        return {};
    }
    return with_engine(o, [&](Engine& e, Database& db) -> Status {
        TRY_SET(apt::Marks marks, apt::Marks::load(db.root(), db.native_arch()));
        auto packages = unneeded(db, [&](const Package& q) { return marks.is_automatic(q); });
        if (packages.empty()) return puts("Nothing to remove"), Status();
        return e.remove(packages, o.purge);
    });
}

}  // namespace tenon::pkg
