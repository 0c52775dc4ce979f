// ADB: the tree of values and the container of format v3.  Spec: apk-v3(5).
//
// A value is a 32-bit word: 4 bits of type, 28 bits that are the value itself or the offset of
// where it stands. Values may be shared, so a small block can describe an enormous tree; each walk
// therefore has a budget in proportion to the block, and a tree that needs more is refused.
#pragma once

#include <stdint.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkg/lib/result.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apk {

// Little-endian, at any alignment.
uint64_t load_le(std::string_view bytes);

class AdbObject;

// The payload of an ADB block. Does not own it.
class Adb {
  public:
    explicit Adb(std::string_view block);
    // The version is known, and the root is an object.
    Result<AdbObject> root();

  private:
    friend class AdbObject;
    Result<std::string_view> at(uint64_t offset, uint64_t len_bytes) const;
    Status charge(uint64_t amount);

    std::string_view block_;
    uint64_t budget_;
};

// An object or an array: slots from 1 to count(). A slot that is not there reads as 0, "" or an
// empty object, as does one that holds null; one of another type is an error.
class AdbObject {
  public:
    AdbObject() = default;
    uint32_t count() const { return count_; }
    bool has(uint32_t slot) const { return value(slot) != 0; }
    Result<uint64_t> integer(uint32_t slot) const;
    Result<std::string_view> blob(uint32_t slot) const;
    // A copy without NULs in it.
    Result<std::string> text(uint32_t slot) const;
    Result<AdbObject> object(uint32_t slot) const;

  private:
    friend class Adb;
    static Result<AdbObject> from(Adb& adb, uint32_t value);
    uint32_t value(uint32_t slot) const;

    Adb* adb_ = nullptr;
    std::string_view slots_;
    uint32_t count_ = 0;
};

enum class Schema : uint32_t { index = 0x78646e69, package = 0x676b6370 };
enum class BlockType : uint32_t { adb = 0, signature = 1, data = 2 };

// The blocks of a file, below its compression.
class AdbContainer {
  public:
    // Reads the header, which must name this schema.
    static Result<AdbContainer> open(Source source, Schema schema);

    struct Block {
        BlockType type;
        uint64_t size_bytes;  // of the payload
    };
    // nullopt at the end of the file. The payload before must have been read whole.
    Result<std::optional<Block>> next();
    // Of the present block's payload; 0 at its end.
    Result<size_t> read(void* buffer, size_t len_bytes);
    Result<std::string> read_all(uint64_t max_bytes);

  private:
    std::unique_ptr<Source> source_;
    std::unique_ptr<ByteStream> stream_;
    uint64_t left_bytes_ = 0, padding_bytes_ = 0;
};

}  // namespace tenon::pkg::apk
