#include "pkg/lib/rpm/install/header_blob.h"

#include <endian.h>
#include <string.h>

#include <map>

namespace tenon::pkg::rpm {

namespace {

constexpr std::string_view kMagic("\x8e\xad\xe8\x01\0\0\0\0", 8);
constexpr size_t kEntryBytes = 16;
// rpm's own numbers of types.
constexpr uint32_t kChar = 1, kInt32 = 4, kStringArray = 8;
// ELF files of 32 and of 64 bits: what rpm installs on this architecture.
constexpr uint32_t kBothColors = 3;

struct Renumbered {
    Tag in_signature, in_database;
};
constexpr Renumbered kRenumbered[] = {
    {1000, 257}, {1002, 259}, {1004, 261}, {1005, 262}, {1007, 1046},
    {274, 5090}, {275, 5091}, {276, 276},  {277, 277},  {267, 267},
    {268, 268},  {269, 269},  {273, 273},  {270, 270},  {271, 271},
};

struct Value {
    uint32_t type, count;
    std::string data;
};

void put_be32(std::string& out, uint32_t v) {
    v = htobe32(v);
    out.append(reinterpret_cast<const char*>(&v), sizeof(v));
}

uint32_t be32_at(std::string_view bytes, size_t at) {
    uint32_t v;
    memcpy(&v, bytes.data() + at, sizeof(v));
    return be32toh(v);
}

size_t alignment(uint32_t type) {
    return type == 3 ? 2 : type == kInt32 ? 4 : type == 5 ? 8 : 1;
}

Value number(uint32_t v) {
    Value out{kInt32, 1, {}};
    put_be32(out.data, v);
    return out;
}

}  // namespace

Result<std::string> make_blob(const Header& main, const Header& signatures,
                              const InstallFacts& facts) {
    if (!main.has_region())
        return fail("it is a package of rpm 3's making, without an immutable region");
    std::map<Tag, Value> added;
    for (const HeaderEntry& e : signatures.entries())
        for (const Renumbered& r : kRenumbered)
            if (r.in_signature == e.tag && !main.has(r.in_database))
                added[r.in_database] = {e.type, e.count, std::string(e.data)};
    added[tag::kInstallTime] = number(facts.time);
    added[tag::kInstallTid] = number(facts.transaction_id);
    added[tag::kInstallColor] = number(kBothColors);
    if (!facts.file_states.empty()) {
        Value states{kChar, static_cast<uint32_t>(facts.file_states.size()), {}};
        for (FileState s : facts.file_states) states.data += static_cast<char>(s);
        added[tag::kFileStates] = std::move(states);
    }
    if (auto prefixes = main.strings(tag::kPrefixes); !prefixes.empty()) {
        Value v{kStringArray, static_cast<uint32_t>(prefixes.size()), {}};
        for (std::string_view p : prefixes) v.data.append(p) += '\0';
        added[tag::kInstallPrefixes] = std::move(v);
    }

    std::string_view raw = main.raw().substr(kMagic.size());
    const uint32_t entries = be32_at(raw, 0), data_bytes = be32_at(raw, 4);
    std::string index(raw.substr(8, kEntryBytes * entries));
    std::string data(raw.substr(8 + kEntryBytes * entries, data_bytes));
    for (const auto& [tag, v] : added) {
        data.append(-data.size() % alignment(v.type), '\0');
        for (uint32_t field : {tag, v.type, static_cast<uint32_t>(data.size()), v.count})
            put_be32(index, field);
        data += v.data;
    }
    std::string blob;
    put_be32(blob, entries + static_cast<uint32_t>(added.size()));
    put_be32(blob, static_cast<uint32_t>(data.size()));
    return blob + index + data;
}

Result<Header> parse_blob(std::string_view blob) {
    return Header::parse(std::string(kMagic) + std::string(blob), HeaderKind::installed);
}

}  // namespace tenon::pkg::rpm
