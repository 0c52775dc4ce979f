// Makes RPM files in memory: sound ones and every kind of unsound one.
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/tests/deb_builder.h"

namespace tenon::pkg::test {

// The types of header values, by rpm's numbers.
enum class RpmType : uint32_t { int8 = 2, int16, int32, int64, string, bin, string_array, i18n };

class RpmHeaderBuilder {
  public:
    void number(uint32_t tag, std::vector<uint64_t> values, RpmType type = RpmType::int32);
    void text(uint32_t tag, const std::string& value);
    void texts(uint32_t tag, const std::vector<std::string>& values);
    void bytes(uint32_t tag, const std::string& value);
    void remove(uint32_t tag) { values_.erase(tag); }
    // From the magic on; `region` is 62 or 63, or 0 for none.
    std::string build(uint32_t region) const;

  private:
    struct Value {
        RpmType type;
        uint32_t count;
        std::string data;
    };
    std::map<uint32_t, Value> values_;
};

struct RpmItem {
    std::string path;  // absolute
    mode_t mode = S_IFREG | 0644;
    std::string data;  // contents or link target
    uint32_t flags = 0;
    uint32_t inode = 0;  // 0: one of its own; equal ones are hard links
    std::string capabilities;
};

enum class CpioForm { newc, crc, stripped };

struct RpmSpec {
    std::string name = "a", version = "1", release = "1";
    std::vector<RpmItem> items;
    Compression compression = Compression::gzip;
    CpioForm form = CpioForm::newc;
    HashAlgorithm file_digest = HashAlgorithm::sha256;
    bool header_digests = true, payload_digest = true;
    RpmHeaderBuilder header;  // what is in it already is kept
    RpmHeaderBuilder signatures;
    std::string cpio;  // instead of what the items give
};

std::string cpio_of(const RpmSpec& spec);
std::string rpm_of(const RpmSpec& spec);
// The bytes of `data` under a compression, without a container.
std::string compressed(const std::string& data, Compression compression);

}  // namespace tenon::pkg::test
