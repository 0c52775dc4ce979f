// MD5 and SHA-256, through nettle (the library that libarchive already brings along).
#pragma once

#include <nettle/md5.h>
#include <stddef.h>

#include <string>
#include <string_view>

#include "pkg/lib/root.h"

namespace tenon::pkg {

// MD5 is what dpkg's database records for conffiles and md5sums; it is no protection against an
// attacker and is never used as one.
class Md5 {
  public:
    Md5() { md5_init(&ctx_); }
    void update(const void* data, size_t len_bytes);
    std::string hex();

  private:
    md5_ctx ctx_;
};

std::string md5_hex(std::string_view data);
// Of a plain file in the root, not following a link.
Result<std::string> md5_of_file(Root& root, std::string_view path);

}  // namespace tenon::pkg
