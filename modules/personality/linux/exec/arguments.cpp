#include "personality/linux/exec/arguments.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace tenon::personality {

namespace {
constexpr usize kSmallBlock = 8192;  // larger ones are not worth contiguous frames
}

ArgumentBlock::~ArgumentBlock() {
    if (capacity_ > kSmallBlock)
        mm::vfree(bytes_);
    else
        mm::kfree(bytes_);
}

void ArgumentBlock::swap(ArgumentBlock& o) {
    std::swap(bytes_, o.bytes_);
    std::swap(used_, o.used_);
    std::swap(capacity_, o.capacity_);
    std::swap(argc, o.argc);
    std::swap(envc, o.envc);
}

Result<char*> ArgumentBlock::reserve(usize more) {
    if (used_ + more > capacity_) {
        const usize wanted = std::bit_ceil(std::max<usize>(used_ + more, 4096));
        ArgumentBlock grown;
        if (wanted > kSmallBlock) {
            TRY_ASSIGN(void* p, mm::vmalloc(wanted));
            grown.bytes_ = static_cast<char*>(p);
        } else {
            grown.bytes_ = static_cast<char*>(mm::kmalloc(wanted));
            if (grown.bytes_ == nullptr) return Err(Error::nomem);
        }
        grown.capacity_ = wanted;
        if (used_ != 0) std::memcpy(grown.bytes_, bytes_, used_);
        std::swap(bytes_, grown.bytes_);
        std::swap(capacity_, grown.capacity_);
    }
    return bytes_ + used_;
}

Result<void> ArgumentBlock::append(std::string_view text) {
    TRY_ASSIGN(char* to, reserve(text.size() + 1));
    std::memcpy(to, text.data(), text.size());
    to[text.size()] = '\0';
    commit(text.size() + 1);
    return {};
}

}  // namespace tenon::personality
