#include "pkg/lib/apk/adb.h"

#include <string.h>

#include <algorithm>
#include <iterator>

namespace tenon::pkg::apk {

namespace {

constexpr uint32_t kTypeInt = 0x1, kTypeInt32 = 0x2, kTypeInt64 = 0x3;
constexpr uint32_t kTypeBlob8 = 0x8, kTypeBlob16 = 0x9, kTypeBlob32 = 0xa;
constexpr uint32_t kTypeArray = 0xd, kTypeObject = 0xe;
constexpr uint32_t kValueMask = 0x0fffffff;
constexpr size_t kHeaderBytes = 8;  // compatible version, version, reserved, root
constexpr uint64_t kAlignment = 8;
constexpr uint32_t kBlockExtended = 3;
constexpr uint32_t kBlockSizeMask = 0x3fffffff;
// What apk shares is small: the owners and modes, the names of dependencies.
constexpr uint64_t kBudgetFactor = 32;
constexpr uint64_t kBudgetBase = 64 * 1024;
constexpr uint64_t kBudgetMax = 1u << 30;

}  // namespace

uint64_t load_le(std::string_view bytes) {
    uint64_t n = 0;
    for (size_t i = bytes.size(); i-- > 0;) n = n << 8 | static_cast<unsigned char>(bytes[i]);
    return n;
}

Adb::Adb(std::string_view block)
    : block_(block), budget_(std::min(block.size() * kBudgetFactor + kBudgetBase, kBudgetMax)) {}

Result<AdbObject> Adb::root() {
    if (block_.size() < kHeaderBytes) return fail("its ADB block is truncated");
    if (block_[0] != 0) return fail("is of a later version of the ADB format");
    return AdbObject::from(*this, static_cast<uint32_t>(load_le(block_.substr(4, 4))));
}

Result<std::string_view> Adb::at(uint64_t offset, uint64_t len_bytes) const {
    if (offset > block_.size() || len_bytes > block_.size() - offset)
        return fail("its ADB block points outside of itself");
    return block_.substr(offset, len_bytes);
}

Status Adb::charge(uint64_t amount) {
    if (amount > budget_) return fail("its ADB block describes far more than it holds");
    budget_ -= amount;
    return {};
}

Result<AdbObject> AdbObject::from(Adb& adb, uint32_t value) {
    AdbObject o;
    o.adb_ = &adb;
    if (value == 0) return o;
    uint32_t type = value >> 28, offset = value & kValueMask;
    if (type != kTypeArray && type != kTypeObject)
        return fail("its ADB block has a value of the wrong type");
    TRY_SET(auto first, adb.at(offset, 4));
    uint64_t words = load_le(first);  // the count itself is the first of them
    if (words == 0) return fail("its ADB block has an object without a length");
    TRY_SET(o.slots_, adb.at(offset, words * 4));
    TRY(adb.charge(words * 4));
    o.count_ = static_cast<uint32_t>(words - 1);
    return o;
}

uint32_t AdbObject::value(uint32_t slot) const {
    if (slot == 0 || slot > count_) return 0;
    return static_cast<uint32_t>(load_le(slots_.substr(uint64_t{slot} * 4, 4)));
}

Result<uint64_t> AdbObject::integer(uint32_t slot) const {
    uint32_t v = value(slot);
    if (v == 0) return uint64_t{0};
    uint32_t type = v >> 28, offset = v & kValueMask;
    if (type == kTypeInt) return uint64_t{offset};
    if (type != kTypeInt32 && type != kTypeInt64)
        return fail("its ADB block has a value of the wrong type");
    TRY_SET(auto bytes, adb_->at(offset, type == kTypeInt32 ? 4 : 8));
    return load_le(bytes);
}

Result<std::string_view> AdbObject::blob(uint32_t slot) const {
    uint32_t v = value(slot);
    if (v == 0) return std::string_view();
    uint32_t type = v >> 28, offset = v & kValueMask;
    if (type < kTypeBlob8 || type > kTypeBlob32)
        return fail("its ADB block has a value of the wrong type");
    uint64_t head = type == kTypeBlob8 ? 1 : type == kTypeBlob16 ? 2 : 4;
    TRY_SET(auto size, adb_->at(offset, head));
    TRY_SET(auto bytes, adb_->at(offset + head, load_le(size)));
    TRY(adb_->charge(bytes.size()));
    return bytes;
}

Result<std::string> AdbObject::text(uint32_t slot) const {
    TRY_SET(auto bytes, blob(slot));
    if (bytes.contains('\0')) return fail("its ADB block has a NUL in a text");
    return std::string(bytes);
}

Result<AdbObject> AdbObject::object(uint32_t slot) const {
    if (!adb_) return AdbObject();
    return from(*adb_, value(slot));
}

Result<AdbContainer> AdbContainer::open(Source source, Schema schema) {
    AdbContainer c;
    c.source_ = std::make_unique<Source>(source.again());
    char head[4];
    TRY(c.source_->read_exactly(head, sizeof(head)));
    Filter filter = Filter::none;
    if (memcmp(head, "ADB.", 4) == 0) {
        *c.source_ = c.source_->again();  // not compressed: these bytes are the header's own
    } else if (memcmp(head, "ADBd", 4) == 0) {
        filter = Filter::deflate;
    } else if (memcmp(head, "ADBc", 4) == 0) {
        char spec[2];  // algorithm and level; the level is of no use here
        TRY(c.source_->read_exactly(spec, sizeof(spec)));
        constexpr Filter kFilters[] = {Filter::none, Filter::deflate, Filter::zstd};
        auto algorithm = static_cast<unsigned char>(spec[0]);
        if (algorithm >= std::size(kFilters))
            return fail("has the unknown compression %d", algorithm);
        filter = kFilters[algorithm];
    } else {
        return fail("is not an ADB file");
    }
    TRY_SET(c.stream_, decompress(*c.source_, filter));
    char header[8];
    TRY(c.stream_->read_exactly(header, sizeof(header)));
    if (memcmp(header, "ADB.", 4) != 0) return fail("is not an ADB file");
    uint64_t found = load_le(std::string_view(header + 4, 4));
    if (found != static_cast<uint32_t>(schema))
        return fail(schema == Schema::package ? "is an ADB file, but not a package"
                                              : "is an ADB file, but not an index");
    return c;
}

Result<std::optional<AdbContainer::Block>> AdbContainer::next() {
    char padding[kAlignment];
    if (left_bytes_ != 0) return fail("an ADB block is longer than what it holds");
    TRY(stream_->read_exactly(padding, padding_bytes_));
    for (size_t i = 0; i < padding_bytes_; i++)
        if (padding[i] != 0) return fail("an ADB block has bytes after its end");
    padding_bytes_ = 0;
    char word[4];
    TRY_SET(size_t n, stream_->read(word, sizeof(word)));
    if (n == 0) return std::nullopt;
    TRY(stream_->read_exactly(word + n, sizeof(word) - n));
    uint64_t raw = load_le(std::string_view(word, 4));
    uint64_t type = raw >> 30, size = raw & kBlockSizeMask, head = 4;
    if (type == kBlockExtended) {
        char more[12];  // reserved, then the size with this header
        TRY(stream_->read_exactly(more, sizeof(more)));
        type = size;
        size = load_le(std::string_view(more + 4, 8));
        head = 16;
    }
    if (type > static_cast<uint32_t>(BlockType::data)) return fail("has an unknown ADB block");
    if (size < head || size > INT64_MAX) return fail("an ADB block has an impossible size");
    left_bytes_ = size - head;
    padding_bytes_ = (kAlignment - size % kAlignment) % kAlignment;
    return Block{static_cast<BlockType>(type), left_bytes_};
}

Result<size_t> AdbContainer::read(void* buffer, size_t len_bytes) {
    if (left_bytes_ == 0 || len_bytes == 0) return size_t{0};
    TRY_SET(size_t n, stream_->read(buffer, std::min<uint64_t>(len_bytes, left_bytes_)));
    if (n == 0) return fail("truncated in an ADB block");
    left_bytes_ -= n;
    return n;
}

// Grows with what is really there, not with what the header claims.
Result<std::string> AdbContainer::read_all(uint64_t max_bytes) {
    if (left_bytes_ > max_bytes) return fail("an ADB block is too large");
    std::string out;
    char buffer[32768];
    for (;;) {
        TRY_SET(size_t n, read(buffer, sizeof(buffer)));
        if (n == 0) return out;
        out.append(buffer, n);
    }
}

}  // namespace tenon::pkg::apk
