#include "pkg/tests/rpm_builder.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#include <algorithm>

#include "pkg/lib/rpm/tags.h"

namespace tenon::pkg::test {

namespace {

namespace tag = rpm::tag;
namespace sigtag = rpm::sigtag;

std::string be(uint64_t v, size_t bytes) {
    std::string out;
    while (bytes--) out += static_cast<char>(v >> (8 * bytes));
    return out;
}

size_t alignment(RpmType t) {
    return t == RpmType::int64 ? 8 : t == RpmType::int32 ? 4 : t == RpmType::int16 ? 2 : 1;
}

std::string hex8(uint64_t v) {
    char text[17];
    snprintf(text, sizeof(text), "%08x", static_cast<unsigned>(v));
    return text;
}

void pad4(std::string& s) {
    while (s.size() % 4) s += '\0';
}

void cpio_entry(std::string& out, const RpmSpec& spec, const RpmItem& item, size_t index,
                const std::string& data) {
    if (spec.form == CpioForm::stripped) {
        out += "07070X" + hex8(index);
    } else {
        uint32_t sum = 0;
        for (unsigned char c : data) sum += c;
        std::string name = "." + item.path;
        out += spec.form == CpioForm::crc ? "070702" : "070701";
        for (uint64_t v : {uint64_t{item.inode}, uint64_t{item.mode}, uint64_t{0}, uint64_t{0},
                           uint64_t{1}, uint64_t{0}, uint64_t{data.size()}, uint64_t{0},
                           uint64_t{0}, uint64_t{0}, uint64_t{0}, uint64_t{name.size() + 1},
                           uint64_t{spec.form == CpioForm::crc ? sum : 0}})
            out += hex8(v);
        out += name + '\0';
    }
    pad4(out);
    out += data;
    pad4(out);
}

}  // namespace

void RpmHeaderBuilder::number(uint32_t tag, std::vector<uint64_t> values, RpmType type) {
    std::string data;
    for (uint64_t v : values) data += be(v, alignment(type));
    values_[tag] = {type, static_cast<uint32_t>(values.size()), data};
}

void RpmHeaderBuilder::text(uint32_t tag, const std::string& value) {
    values_[tag] = {RpmType::string, 1, value + '\0'};
}

void RpmHeaderBuilder::texts(uint32_t tag, const std::vector<std::string>& values) {
    std::string data;
    for (const auto& v : values) data += v + '\0';
    values_[tag] = {RpmType::string_array, static_cast<uint32_t>(values.size()), data};
}

void RpmHeaderBuilder::bytes(uint32_t tag, const std::string& value) {
    values_[tag] = {RpmType::bin, static_cast<uint32_t>(value.size()), value};
}

std::string RpmHeaderBuilder::build(uint32_t region) const {
    std::string index, data;
    auto entry = [](uint64_t tag, RpmType type, uint64_t offset, uint64_t count) {
        return be(tag, 4) + be(static_cast<uint64_t>(type), 4) + be(offset, 4) + be(count, 4);
    };
    for (const auto& [tag, v] : values_) {
        while (data.size() % alignment(v.type)) data += '\0';
        index += entry(tag, v.type, data.size(), v.count);
        data += v.data;
    }
    if (region) {
        index = entry(region, RpmType::bin, data.size(), 16) + index;
        data += entry(region, RpmType::bin, -index.size(), 16);
    }
    return std::string("\x8e\xad\xe8\x01\0\0\0\0", 8) + be(index.size() / 16, 4) +
           be(data.size(), 4) + index + data;
}

std::string cpio_of(const RpmSpec& spec) {
    std::string out;
    const auto& items = spec.items;
    for (size_t i = 0; i < items.size(); i++) {
        const RpmItem& item = items[i];
        if (item.flags & 64) continue;  // ghost
        // Of hard links the last one has the contents.
        bool later =
            item.inode && std::any_of(items.begin() + static_cast<long>(i) + 1, items.end(),
                                      [&](const auto& o) { return o.inode == item.inode; });
        cpio_entry(out, spec, item, i, S_ISDIR(item.mode) || later ? "" : item.data);
    }
    // The trailer is named so, without "./": 11 bytes with the NUL.
    std::string head = "070701";
    for (int i = 0; i < 11; i++) head += hex8(i == 4 ? 1 : 0);
    out += head + hex8(11) + hex8(0) + std::string("TRAILER!!!\0", 11);
    pad4(out);
    return out;
}

std::string compressed(const std::string& data, Compression compression) {
    std::string out;
    struct archive* a = archive_write_new();
    archive_write_set_format_raw(a);
    archive_write_set_bytes_in_last_block(a, 1);
    if (compression == Compression::gzip) archive_write_add_filter_gzip(a);
    if (compression == Compression::xz) archive_write_add_filter_xz(a);
    if (compression == Compression::zstd) archive_write_add_filter_zstd(a);
    if (compression == Compression::bzip2) archive_write_add_filter_bzip2(a);
    if (compression == Compression::lzma) archive_write_add_filter_lzma(a);
    archive_write_open(
        a, &out, nullptr,
        [](struct archive*, void* to, const void* bytes, size_t len) {
            static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), len);
            return static_cast<la_ssize_t>(len);
        },
        nullptr);
    struct archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, "payload");
    archive_entry_set_filetype(e, AE_IFREG);
    archive_write_header(a, e);
    archive_write_data(a, data.data(), data.size());
    archive_entry_free(e);
    archive_write_close(a);
    archive_write_free(a);
    return out;
}

std::string rpm_of(const RpmSpec& spec) {
    RpmHeaderBuilder h = spec.header;
    h.text(tag::kName, spec.name);
    h.text(tag::kVersion, spec.version);
    h.text(tag::kRelease, spec.release);
    h.text(tag::kArch, "noarch");
    h.text(tag::kOs, "linux");
    h.text(tag::kSourceRpm, spec.name + ".src.rpm");
    h.text(tag::kPayloadFormat, "cpio");
    const char* compressors[] = {"", "gzip", "xz", "zstd", "bzip2", "lzma"};
    if (spec.compression != Compression::none)
        h.text(tag::kPayloadCompressor, compressors[static_cast<int>(spec.compression)]);
    if (!spec.items.empty()) {
        std::vector<std::string> bases, dirs, owners, links, digests, caps;
        std::vector<uint64_t> indexes, sizes, modes, flags, inodes, devices, zeros;
        for (const RpmItem& item : spec.items) {
            size_t slash = item.path.rfind('/') + 1;
            std::string dir = item.path.substr(0, slash);
            auto it = std::find(dirs.begin(), dirs.end(), dir);
            indexes.push_back(static_cast<uint64_t>(it - dirs.begin()));
            if (it == dirs.end()) dirs.push_back(dir);
            bases.push_back(item.path.substr(slash));
            owners.push_back("root");
            links.push_back(S_ISLNK(item.mode) ? item.data : "");
            digests.push_back(S_ISREG(item.mode) ? to_hex(hash_of(spec.file_digest, item.data))
                                                 : "");
            caps.push_back(item.capabilities);
            sizes.push_back(S_ISDIR(item.mode) ? 4096 : item.data.size());
            modes.push_back(item.mode);
            flags.push_back(item.flags);
            inodes.push_back(item.inode ? item.inode : 1000 + inodes.size());
            devices.push_back(1);
            zeros.push_back(0);
        }
        h.texts(tag::kBaseNames, bases);
        h.texts(tag::kDirNames, dirs);
        h.number(tag::kDirIndexes, indexes);
        h.number(spec.form == CpioForm::stripped ? tag::kLongFileSizes : tag::kFileSizes, sizes,
                 spec.form == CpioForm::stripped ? RpmType::int64 : RpmType::int32);
        h.number(tag::kFileModes, modes, RpmType::int16);
        h.number(tag::kFileRdevs, zeros, RpmType::int16);
        h.number(tag::kFileMtimes, zeros);
        h.number(tag::kFileFlags, flags);
        h.number(tag::kFileDevices, devices);
        h.number(tag::kFileInodes, inodes);
        h.texts(tag::kFileDigests, digests);
        h.texts(tag::kFileLinkTos, links);
        h.texts(tag::kFileUserName, owners);
        h.texts(tag::kFileGroupName, owners);
        h.texts(tag::kFileCaps, caps);
        const uint64_t ids[] = {1, 2, 11, 8, 9, 10, 12, 14};
        h.number(tag::kFileDigestAlgo, {ids[static_cast<int>(spec.file_digest)]});
    }
    std::string payload =
        compressed(spec.cpio.empty() ? cpio_of(spec) : spec.cpio, spec.compression);
    if (spec.payload_digest)
        h.texts(tag::kPayloadSha256, {to_hex(hash_of(HashAlgorithm::sha256, payload))});
    std::string header = h.build(tag::kImmutableRegion);
    RpmHeaderBuilder s = spec.signatures;
    if (spec.header_digests) {
        s.text(sigtag::kSha1, to_hex(hash_of(HashAlgorithm::sha1, header)));
        s.text(sigtag::kSha256, to_hex(hash_of(HashAlgorithm::sha256, header)));
        s.text(sigtag::kSha3, to_hex(hash_of(HashAlgorithm::sha3_256, header)));
    }
    std::string signature = s.build(tag::kSignatureRegion);
    while (signature.size() % 8) signature += '\0';
    std::string lead("\xed\xab\xee\xdb\x03\0\0\0\0\xff", 10);
    lead += spec.name;
    lead.resize(76);
    lead += std::string("\0\x01\0\x05", 4);
    lead.resize(96);
    return lead + signature + header + payload;
}

}  // namespace tenon::pkg::test
