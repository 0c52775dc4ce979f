// What comes from a repository and its configuration: Packages, Release, InRelease, sources, pins.
#include <stdint.h>

#include "pkg/lib/apt/index.h"
#include "pkg/lib/apt/policy.h"
#include "pkg/lib/apt/release.h"
#include "pkg/lib/apt/sources.h"
#include "pkg/lib/openpgp/signed_text.h"

using namespace tenon::pkg;

namespace {

void packages(std::string_view bytes, Filter filter) {
    Source source = Source::memory(bytes);
    auto plain = decompress(source, filter);
    if (!plain) return;
    apt::IndexReport report;
    auto index = apt::make_index(**plain, report);
    if (!index) return;
    // What was let in is read back, package by package.
    apt::Catalog catalog;
    if (!catalog.add_text(*index, 0)) __builtin_trap();
    catalog.finish();
    if (catalog.records().size() != report.packages) __builtin_trap();
    for (const apt::Record& r : catalog.records()) {
        auto [first, last] = catalog.range(r.name);
        if (first == last || r.get("Filename").empty()) __builtin_trap();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 8) {
        case 0:
            packages(bytes, Filter::none);
            break;
        case 1:
            packages(bytes, Filter::xz);
            break;
        case 2:
            packages(bytes, Filter::zstd);
            break;
        case 3:
            (void)apt::Release::parse(bytes);
            break;
        case 4:
            if (auto text = openpgp::parse_clear_signed(bytes))
                (void)openpgp::check_clear_signed(*text, {}, 0);
            break;
        case 5:
            (void)apt::parse_one_line_sources(bytes, "fuzz", "amd64");
            break;
        case 6:
            (void)apt::parse_deb822_sources(bytes, "fuzz", "amd64");
            break;
        case 7:
            (void)apt::parse_preferences(bytes);
            break;
    }
    return 0;
}
