// Outside bytes enter here: a whole .deb, and each text format that a package brings along.
#include <stdint.h>

#include "pkg/lib/plan.h"

using namespace tenon::pkg;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (auto deb = DebFile::open_memory(bytes)) {
        auto plan = make_plan(*deb);
        if (plan) (void)plan->package.to_status();
    }
    // The texts on their own, so that the fuzzer need not find its way through a compression.
    if (auto stanzas = parse_stanzas(bytes))
        for (const auto& s : *stanzas) {
            if (auto p = Package::from_control(s))
                for (size_t f = 0; f < kFieldCount; f++) (void)p->relations(static_cast<Field>(f));
            (void)Package::from_status(s);
        }
    (void)parse_dependencies(bytes);
    (void)parse_triggers_file(bytes);
    (void)parse_conffiles_file(bytes);
    (void)parse_md5sums(bytes);
    if (auto v = Version::parse(bytes)) (void)compare(*v, *Version::parse("1:1.0-1"));
    return 0;
}
