// A case for the solver of Alpine's packages, as text: @ARGS, @REPO, @INSTALLED, @WORLD, @EXPECT.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pkg/lib/solver/apk_solver.h"

namespace tenon::pkg::solver {

struct ApkCase {
    ApkSystem system;
    ApkRequest request;
    bool refused = false;              // what is expected
    std::vector<std::string> changes;  // likewise, "Installing a (1)"
    std::deque<std::vector<apk::Package>> packages;

    // `file`: the text of a file that a case names.
    using Files = std::function<std::string(const std::string& name)>;
    static ApkCase parse(const std::string& text, const Files& file);
    // "apk upgrade --available a" without "apk".
    void set_arguments(const std::string& line);

    // Empty when the solver does as expected, else what it did.
    std::string run() const;
};

// Packages from lines of a kind that is short to write: "name version D:a,b p:c=1 k:3 i:x,y".
std::vector<apk::Package> brief_packages(const std::string& text);

}  // namespace tenon::pkg::solver
