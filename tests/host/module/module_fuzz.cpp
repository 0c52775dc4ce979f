// libFuzzer entry: any bytes, through the loader's pure half.
#include <cstdint>
#include <cstring>

#include "loader_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<tenon::u64> aligned((size + 7) / 8);
    std::memcpy(aligned.data(), data, size);
    tenon::module::test::load_for_test({reinterpret_cast<const tenon::u8*>(aligned.data()), size});
    return 0;
}
