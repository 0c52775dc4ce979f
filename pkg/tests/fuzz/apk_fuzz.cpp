// Outside bytes enter here: whole packages and indexes of both Alpine formats, their parts without
// the compression around them, and each text format.
#include <stdint.h>

#include "pkg/lib/apk/adb.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/apk/tar.h"

using namespace tenon::pkg;
using namespace tenon::pkg::apk;

namespace {

void whole(std::string_view bytes, const KeyRing& keys) {
    if (auto file = ApkFile::open_memory(bytes, keys)) {
        (void)file->require_good();
        (void)file->check();
        (void)index_stanza(file->package());
    }
    if (auto index = open_index_memory(bytes, keys))
        for (const auto& p : index->packages) (void)index_stanza(p);
}

void tar(std::string_view bytes) {
    Source source = Source::memory(bytes);
    TarStream tar(source);
    for (;;) {
        auto more = tar.next();
        if (!more || !*more) return;
        (void)tar.entry();
        (void)tar.read_all(1 << 20);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    static const KeyRing* none = new KeyRing;
    whole(bytes, *none);
    tar(bytes);
    // The fuzzer need not find its way through a compression: what a v3 file looks like inside.
    std::string container = "ADB.";
    container.append(bytes);
    whole(container, *none);
    (void)PublicKey::from_pem(bytes);
    (void)PublicKey::from_der(bytes);
    if (auto info = parse_pkginfo(bytes)) (void)index_stanza(*info);
    if (auto list = parse_index(bytes))
        for (const auto& p : *list) (void)index_stanza(p);
    size_t half = size / 2;
    (void)compare_versions(bytes.substr(0, half), bytes.substr(half));
    (void)Dependency::parse(bytes, Dependency::Tags::allowed);
    return 0;
}
