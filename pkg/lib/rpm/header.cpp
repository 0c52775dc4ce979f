#include "pkg/lib/rpm/header.h"

#include <endian.h>
#include <string.h>

#include <algorithm>

namespace tenon::pkg::rpm {

namespace {

constexpr size_t kIntroBytes = 16;
constexpr size_t kEntryBytes = 16;
constexpr char kMagic[8] = {'\x8e', '\xad', '\xe8', '\x01', 0, 0, 0, 0};
// rpm's own bounds.
constexpr uint32_t kMaxSignatureEntries = 32, kMaxSignatureBytes = 64 * 1024 * 1024;
constexpr uint32_t kMaxEntries = 0xffff, kMaxDataBytes = 256 * 1024 * 1024;
constexpr uint32_t kOldImageRegion = 61;  // in the trailer of some old signature headers
// Memory is taken as the bytes arrive, not as the intro claims.
constexpr size_t kReadStepBytes = 1024 * 1024;

enum Type : uint32_t {
    kNull,
    kChar,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kString,
    kBin,
    kStringArray,
    kI18nString,
};

uint32_t be32(const char* p) {
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

size_t number_bytes(uint32_t type) {
    switch (type) {
        case kChar:
        case kInt8:
        case kBin:
            return 1;
        case kInt16:
            return 2;
        case kInt32:
            return 4;
        case kInt64:
            return 8;
        default:
            return 0;
    }
}

bool is_text(uint32_t type) {
    return type == kString || type == kStringArray || type == kI18nString;
}

bool is_number(uint32_t type) {
    return type >= kChar && type <= kInt64;
}

enum class TagClass { text, number };

// What pkg reads of a main header, by class. A wrong class must not pass for absent.
TagClass class_of(Tag t, bool& known) {
    using namespace tag;
    static constexpr Tag kNumbers[] = {
        kEpoch,
        kBuildTime,
        kSize,
        kLongSize,
        kSourcePackage,
        kFormat,
        kDirIndexes,
        kFileSizes,
        kLongFileSizes,
        kFileModes,
        kFileRdevs,
        kFileMtimes,
        kFileFlags,
        kFileVerifyFlags,
        kFileDevices,
        kFileInodes,
        kFileColors,
        kFileDigestAlgo,
        kProvideFlags,
        kRequireFlags,
        kConflictFlags,
        kObsoleteFlags,
        kRecommendFlags,
        kSuggestFlags,
        kSupplementFlags,
        kEnhanceFlags,
        kOrderFlags,
        kPreInFlags,
        kPostInFlags,
        kPreUnFlags,
        kPostUnFlags,
        kPreTransFlags,
        kPostTransFlags,
        kPreUnTransFlags,
        kPostUnTransFlags,
        kVerifyScriptFlags,
        kTriggerFlags,
        kTriggerIndex,
        kTriggerScriptFlags,
        kFileTriggerScriptFlags,
        kFileTriggerIndex,
        kFileTriggerFlags,
        kFileTriggerPriorities,
        kTransFileTriggerScriptFlags,
        kTransFileTriggerIndex,
        kTransFileTriggerFlags,
        kTransFileTriggerPriorities,
        kChangelogTime,
    };
    static constexpr Tag kTexts[] = {
        kName,
        kVersion,
        kRelease,
        kSummary,
        kDescription,
        kBuildHost,
        kDistribution,
        kVendor,
        kLicense,
        kPackager,
        kGroup,
        kUrl,
        kOs,
        kArch,
        kSourceRpm,
        kEncoding,
        kOldFileNames,
        kBaseNames,
        kDirNames,
        kFileDigests,
        kFileLinkTos,
        kFileUserName,
        kFileGroupName,
        kFileLangs,
        kFileCaps,
        kProvideName,
        kProvideVersion,
        kRequireName,
        kRequireVersion,
        kConflictName,
        kConflictVersion,
        kObsoleteName,
        kObsoleteVersion,
        kRecommendName,
        kRecommendVersion,
        kSuggestName,
        kSuggestVersion,
        kSupplementName,
        kSupplementVersion,
        kEnhanceName,
        kEnhanceVersion,
        kOrderName,
        kOrderVersion,
        kPreIn,
        kPreInProg,
        kPostIn,
        kPostInProg,
        kPreUn,
        kPreUnProg,
        kPostUn,
        kPostUnProg,
        kPreTrans,
        kPreTransProg,
        kPostTrans,
        kPostTransProg,
        kPreUnTrans,
        kPreUnTransProg,
        kPostUnTrans,
        kPostUnTransProg,
        kVerifyScript,
        kVerifyScriptProg,
        kTriggerScripts,
        kTriggerName,
        kTriggerVersion,
        kTriggerScriptProg,
        kFileTriggerScripts,
        kFileTriggerScriptProg,
        kFileTriggerName,
        kFileTriggerVersion,
        kTransFileTriggerScripts,
        kTransFileTriggerScriptProg,
        kTransFileTriggerName,
        kTransFileTriggerVersion,
        kChangelogName,
        kChangelogText,
        kPayloadFormat,
        kPayloadCompressor,
        kPayloadSha256,
        kPayloadSha256Alt,
        kPayloadSha512,
        kPayloadSha512Alt,
        kPayloadSha3,
        kPayloadSha3Alt,
    };
    known = true;
    if (std::find(std::begin(kNumbers), std::end(kNumbers), t) != std::end(kNumbers))
        return TagClass::number;
    known = std::find(std::begin(kTexts), std::end(kTexts), t) != std::end(kTexts);
    return TagClass::text;
}

// "The signature header" or "the header", for errors.
const char* title(HeaderKind kind) {
    return kind == HeaderKind::signature ? "the signature header" : "the header";
}

}  // namespace

Result<Header> Header::read(ByteStream& stream, HeaderKind kind) {
    std::string bytes(kIntroBytes, '\0');
    TRY(stream.read_exactly(bytes.data(), bytes.size(), title(kind)));
    if (memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0)
        return fail("%s does not begin with its magic number", title(kind));
    uint32_t entries = be32(bytes.data() + 8), data = be32(bytes.data() + 12);
    bool signature = kind == HeaderKind::signature;
    if (entries > (signature ? kMaxSignatureEntries : kMaxEntries))
        return fail("%s claims %u entries", title(kind), entries);
    if (data > (signature ? kMaxSignatureBytes : kMaxDataBytes))
        return fail("%s claims %u bytes of data", title(kind), data);
    size_t total = kIntroBytes + kEntryBytes * entries + data;
    while (bytes.size() < total) {
        size_t at = bytes.size();
        bytes.resize(at + std::min(kReadStepBytes, total - at));
        TRY(stream.read_exactly(bytes.data() + at, bytes.size() - at, title(kind)));
    }
    if (signature) {
        char padding[8];
        TRY(stream.read_exactly(padding, -total % 8, title(kind)));
    }
    return parse(std::move(bytes), kind);
}

Result<Header> Header::parse(std::string bytes, HeaderKind kind) {
    Header h;
    h.raw_ = std::move(bytes);
    if (h.raw_.size() < kIntroBytes || memcmp(h.raw_.data(), kMagic, sizeof(kMagic)) != 0)
        return fail("%s does not begin with its magic number", title(kind));
    h.index_count_ = be32(h.raw_.data() + 8);
    h.data_bytes_ = be32(h.raw_.data() + 12);
    if (h.index_count_ > kMaxEntries || h.data_bytes_ > kMaxDataBytes ||
        h.raw_.size() != kIntroBytes + kEntryBytes * h.index_count_ + h.data_bytes_)
        return fail("%s has a wrong size", title(kind));
    if (h.index_count_ == 0) return fail("%s is empty", title(kind));
    TRY(h.check_region(kind));
    TRY(h.check_entries(kind));
    return h;
}

Header::Entry Header::raw_entry(size_t index) const {
    const char* p = raw_.data() + kIntroBytes + kEntryBytes * index;
    return {be32(p), be32(p + 4), be32(p + 8), be32(p + 12), 0};
}

std::string_view Header::data() const {
    return std::string_view(raw_).substr(kIntroBytes + kEntryBytes * index_count_);
}

// The region's entry is the first; its trailer, an entry at the end of the region's data, tells by
// a negative offset how many entries belong to the region.
Status Header::check_region(HeaderKind kind) {
    Tag region = kind == HeaderKind::signature ? tag::kSignatureRegion : tag::kImmutableRegion;
    Entry first = raw_entry(0);
    if (first.tag != region) return {};  // rpm 3 knew no regions: the digests cover all of it
    auto bad = [&] { return fail("the immutable region of %s is damaged", title(kind)); };
    if (first.type != kBin || first.count != kEntryBytes) return bad();
    if (data_bytes_ < kEntryBytes || first.offset > data_bytes_ - kEntryBytes) return bad();
    const char* p = data().data() + first.offset;
    Entry trailer{be32(p), be32(p + 4), be32(p + 8), be32(p + 12), 0};
    if (kind == HeaderKind::signature && trailer.tag == kOldImageRegion) trailer.tag = region;
    uint32_t region_index_bytes = -trailer.offset;
    if (trailer.tag != region || trailer.type != kBin || trailer.count != kEntryBytes ||
        region_index_bytes % kEntryBytes || region_index_bytes / kEntryBytes > index_count_)
        return bad();
    region_end_ = first.offset + kEntryBytes;
    has_region_ = true;
    // Nothing may be added to the main header of a package: digests would not cover it.
    if (kind == HeaderKind::main &&
        (region_index_bytes / kEntryBytes != index_count_ || region_end_ != data_bytes_))
        return fail("%s has data outside of its immutable region", title(kind));
    return {};
}

Status Header::check_entries(HeaderKind kind) {
    uint32_t end = 0;
    std::string_view all = data();
    entries_.reserve(index_count_);
    for (size_t i = has_region_ ? 1 : 0; i < index_count_; i++) {
        Entry e = raw_entry(i);
        auto bad = [&](const char* why) { return fail("%s: tag %u %s", title(kind), e.tag, why); };
        if (e.offset < end) return bad("overlaps the data before it");
        if (e.offset > all.size()) return bad("lies outside of the data");
        if (e.type == kNull || e.type > kI18nString) return bad("has an unknown type");
        if (e.count == 0) return bad("has no value");
        if (e.type == kString && e.count != 1) return bad("has more than one value");
        if (e.count > all.size()) return bad("claims more values than there is data");
        size_t room = all.size() - e.offset;
        if (is_text(e.type)) {
            size_t at = e.offset;
            for (uint32_t n = 0; n < e.count; n++) {
                size_t stop = all.find('\0', at);
                if (stop == std::string_view::npos) return bad("is cut off");
                at = stop + 1;
            }
            e.len_bytes = static_cast<uint32_t>(at - e.offset);
        } else {
            size_t unit = number_bytes(e.type);
            if (e.count > room / unit) return bad("is cut off");
            if (e.offset % unit) return bad("is not aligned");
            e.len_bytes = static_cast<uint32_t>(unit * e.count);
        }
        end = e.offset + e.len_bytes;
        if (has_region_ && e.offset < region_end_ && end > region_end_ - kEntryBytes)
            return bad("overlaps the region's trailer");
        if (kind != HeaderKind::signature) {
            bool known;
            TagClass c = class_of(e.tag, known);
            if (known && (c == TagClass::text ? !is_text(e.type) : !is_number(e.type)))
                return bad("has a wrong type");
        }
        entries_.push_back(e);
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.tag < b.tag; });
    auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                    [](const Entry& a, const Entry& b) { return a.tag == b.tag; });
    if (twice != entries_.end()) return fail("%s: tag %u appears twice", title(kind), twice->tag);
    return {};
}

const Header::Entry* Header::find(Tag tag) const {
    auto it = std::lower_bound(entries_.begin(), entries_.end(), tag,
                               [](const Entry& e, Tag t) { return e.tag < t; });
    return it != entries_.end() && it->tag == tag ? &*it : nullptr;
}

size_t Header::count(Tag tag) const {
    const Entry* e = find(tag);
    return e ? e->count : 0;
}

std::string_view Header::string(Tag tag) const {
    const Entry* e = find(tag);
    if (!e || !is_text(e->type)) return {};
    return data().data() + e->offset;  // a NUL is behind it: check_entries
}

std::vector<std::string_view> Header::strings(Tag tag) const {
    std::vector<std::string_view> out;
    const Entry* e = find(tag);
    if (!e || !is_text(e->type)) return out;
    out.reserve(e->count);
    const char* p = data().data() + e->offset;
    for (uint32_t n = 0; n < e->count; n++) {
        out.emplace_back(p);
        p += out.back().size() + 1;
    }
    return out;
}

std::vector<uint64_t> Header::numbers(Tag tag) const {
    std::vector<uint64_t> out;
    const Entry* e = find(tag);
    if (!e || !is_number(e->type)) return out;
    out.reserve(e->count);
    size_t unit = number_bytes(e->type);
    auto* p = reinterpret_cast<const unsigned char*>(data().data() + e->offset);
    for (uint32_t n = 0; n < e->count; n++) {
        uint64_t v = 0;
        for (size_t i = 0; i < unit; i++) v = v << 8 | *p++;
        out.push_back(v);
    }
    return out;
}

uint64_t Header::number(Tag tag, uint64_t otherwise) const {
    auto all = numbers(tag);
    return all.empty() ? otherwise : all.front();
}

std::vector<HeaderEntry> Header::entries() const {
    std::vector<HeaderEntry> out;
    out.reserve(entries_.size());
    for (const Entry& e : entries_)
        out.push_back({e.tag, e.type, e.count, data().substr(e.offset, e.len_bytes)});
    return out;
}

std::string_view Header::bytes(Tag tag) const {
    const Entry* e = find(tag);
    return e && e->type == kBin ? data().substr(e->offset, e->len_bytes) : std::string_view();
}

}  // namespace tenon::pkg::rpm
