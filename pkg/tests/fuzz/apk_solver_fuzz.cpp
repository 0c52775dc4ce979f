// Indexes from outside, as the solver sees them: the bytes are an index, a world, and a request.
#include <stdint.h>

#include "pkg/lib/solver/apk_solver.h"

using namespace tenon::pkg;
using namespace tenon::pkg::solver;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    // Three texts with a NUL between them.
    size_t first = bytes.find('\0'), second = bytes.find('\0', first + 1);
    if (first == bytes.npos || second == bytes.npos) return 0;
    auto index = apk::parse_index(bytes.substr(0, first));
    auto world = apk::parse_dependencies(bytes.substr(first + 1, second - first - 1),
                                         apk::Dependency::Tags::allowed);
    if (!index || !world) return 0;
    ApkSystem system{.archs = {"x86_64"}, .world = *world};
    system.repositories.push_back({.packages = &*index});
    system.repositories.push_back({.packages = &*index, .tag = "t"});
    // Every third is installed.
    for (size_t i = 0; i < index->size(); i += 3)
        system.installed.push_back({.package = &(*index)[i]});
    ApkRequest request{.verb = static_cast<ApkRequest::Verb>(data[0] & 3)};
    request.upgrade = data[0] & 4;
    request.latest = data[0] & 8;
    request.available = data[0] & 16;
    request.force_broken_world = data[0] & 32;
    request.rdepends = request.depends = data[0] & 64;
    request.arguments = {std::string(bytes.substr(second + 1))};
    if (auto answer = solve_apk(system, request))
        for (const auto& stage : answer->stages)
            for (const auto& change : stage.changes) (void)change.str();
    return 0;
}
