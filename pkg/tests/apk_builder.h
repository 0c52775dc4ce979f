// Makes .apk files and indexes in memory, signed with keys of its own: sound ones and every kind
// of unsound one.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apk/keys.h"
#include "pkg/lib/hash.h"

namespace tenon::pkg::test {

// One key for each kind, made once, the same in every run.
std::string rsa_pem();
std::string rsa_signature(HashAlgorithm algorithm, std::string_view digest);
std::string ecdsa_pem();
std::string ecdsa_signature(std::string_view digest);
// Both keys, named "test.rsa.pub" and "test.ec.pem".
const apk::KeyRing& test_keys();

struct ApkItem {
    std::string path;
    char type = '0';   // the tar type: 0 file, 1 hard link, 2 symlink, 5 directory ...
    std::string data;  // contents, or the link's target
    unsigned mode = 0644;
    std::vector<std::pair<std::string, std::string>> pax;  // beside the checksum
    bool checksum = true;
};

std::string gzip(std::string_view data);
std::string tar_item(const ApkItem& item);
std::string tar_end();

struct V2Spec {
    std::string pkginfo = "pkgname = made\npkgver = 1.0-r0\narch = x86_64\n";
    std::vector<std::pair<std::string, std::string>> control;  // ".post-install" and so on
    std::vector<ApkItem> items;
    std::string signature = "RSA";  // "", RSA, RSA256, RSA512
    bool data_hash = true;
};
struct V2Parts {
    std::string signatures, control, data;  // gzip members
    std::string all() const { return signatures + control + data; }
};
V2Parts v2_parts(const V2Spec& spec);
// The signature member over these compressed bytes.
std::string v2_signature(const std::string& kind, std::string_view over);
std::string v2_index(const std::string& text, const std::string& signature = "RSA256");

// Values of an ADB block, in the order in which they are made.
class AdbWriter {
  public:
    AdbWriter() : bytes_(8, '\0') {}
    static uint32_t integer(uint32_t n) { return 0x10000000 | n; }
    uint32_t blob(std::string_view bytes);
    uint32_t object(const std::vector<uint32_t>& slots);
    uint32_t array(const std::vector<uint32_t>& items);
    std::string finish(uint32_t root);

  private:
    uint32_t slots(uint32_t type, const std::vector<uint32_t>& values);
    std::string bytes_;
};

struct V3File {
    std::string name;
    std::string data;
    std::string target;  // with its two bytes of type; empty for a plain file
    unsigned mode = 0644;
    std::vector<std::string> xattrs;  // name NUL value
    std::string hash;                 // empty: the right one
};
struct V3Dir {
    std::string name;
    std::vector<V3File> files;
};
struct V3Spec {
    std::vector<V3Dir> dirs;
    std::vector<std::string> depends = {"so:libc.musl-x86_64.so.1"};
    std::string script;  // post-install
    std::vector<std::string> triggers;
    bool sign = true;
};
std::string v3_adb(const V3Spec& spec);
std::string v3_signature(uint32_t schema, std::string_view adb);
std::string adb_block(uint32_t type, std::string_view payload);
std::string adb_data(uint32_t path, uint32_t file, std::string_view contents);
// Not compressed: "ADB." and so on.
std::string v3_plain(const V3Spec& spec);
std::string deflated(std::string_view plain);  // "ADBd"
std::string zstd(std::string_view plain);      // "ADBc"

constexpr uint32_t kSchemaPackage = 0x676b6370, kSchemaIndex = 0x78646e69;

}  // namespace tenon::pkg::test
