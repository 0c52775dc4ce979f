#include "core/module/signed_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tenon::module {
namespace {

std::vector<u8> sealed(usize content_bytes, u8 signer_bytes, u8 key_id_bytes = 8, u8 hash = 6,
                       u8 id_type = 1, u8 signature_bytes = 64) {
    std::vector<u8> out(content_bytes, 'c');
    out.insert(out.end(), 5, 's');
    out.insert(out.end(), 8, 'k');
    out.insert(out.end(), 64, 'x');
    const u8 trailer[12] = {0, hash, id_type, signer_bytes,   key_id_bytes, 0, 0, 0,
                            0, 0,    0,       signature_bytes};
    out.insert(out.end(), std::begin(trailer), std::end(trailer));
    const std::string magic = "~Module signature appended~\n";
    out.insert(out.end(), magic.begin(), magic.end());
    return out;
}

TEST(SignedFile, cuts_the_parts_off) {
    const auto file = sealed(10, 5);
    const SignedFile s = SignedFile::split(file);
    EXPECT_EQ(s.content.size(), 10u);
    EXPECT_EQ(s.content.data(), file.data());
    EXPECT_EQ(s.signer, "sssss");
    EXPECT_EQ(std::string(s.key_id.begin(), s.key_id.end()), "kkkkkkkk");
    EXPECT_EQ(s.signature.size(), 64u);
    EXPECT_EQ(s.signature.back(), 'x');
}

TEST(SignedFile, takes_nothing_that_is_not_there) {
    // One byte more of a name than stands in front.
    EXPECT_EQ(SignedFile::split(sealed(10, 15)).content.size(), 0u);
    for (const auto& file : {sealed(10, 16), sealed(10, 255), sealed(10, 5, 9), sealed(10, 5, 8, 4),
                             sealed(10, 5, 8, 6, 2), sealed(10, 5, 8, 6, 1, 65)}) {
        const SignedFile s = SignedFile::split(file);
        EXPECT_TRUE(s.signature.empty());
        EXPECT_EQ(s.content.size(), file.size());
    }
    for (usize n = 0; n < 40; ++n) {
        const auto file = sealed(0, 5);
        const std::vector<u8> end(file.end() - static_cast<long>(n), file.end());
        EXPECT_TRUE(SignedFile::split(end).signature.empty());
    }
}

}  // namespace
}  // namespace tenon::module
