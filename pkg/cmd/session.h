// What the verbs that know repositories share: the root, its database, its lists, and a plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/apt/marks.h"
#include "pkg/lib/apt/update.h"
#include "pkg/lib/solver/solver.h"

namespace tenon::pkg {

// Root and database stay where they are: others hold references to them.
struct Session {
    std::unique_ptr<Root> root;
    std::unique_ptr<Database> db;
    std::vector<apt::Source> sources;
    std::unique_ptr<apt::Available> available;
    std::vector<uint32_t> candidates;

    // Everything but the candidates. `files`: .deb files that are packages like those of the lists.
    static Result<Session> open(const Options& o, Access access, const Words& files = {});
    Result<apt::Marks> marks() { return apt::Marks::load(*root, db->native_arch()); }
    // The record that a word of the command line means: NAME, NAME:ARCH, NAME=VERSION, or the one
    // package that provides NAME. nullopt when what is installed is the best there is.
    Result<std::optional<uint32_t>> find(const std::string& word);
    const apt::Record& record(uint32_t number) const {
        return available->catalog.records()[number];
    }
    // The installed package whose place this one would take.
    Package* replaced_by(const apt::Record& r);
};

bool names_deb_file(const std::string& word);

// A solution: first without removing anything that stays useful, then, if there is none, with
// removals, which the caller shows.
Result<solver::Answer> solve(Session& s, solver::Request request);
// Problems as one text with a line each, indented.
std::string problems_text(const solver::Answer& answer);

void print_plan(const Options& o, Session& s, const solver::Answer& answer);
// Fetches, installs, and marks. `chosen`: records that somebody asked for by name. What is new and
// neither in there nor in `marks` is marked as automatic.
Status carry_out(const Options& o, Session& s, const solver::Answer& answer,
                 const std::vector<uint32_t>& chosen, std::vector<Mark> marks = {});

}  // namespace tenon::pkg
