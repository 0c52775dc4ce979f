// Text that grows as it is written.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/mm/slab.h>

#include <cstring>

namespace tenon::sysfs {

class Text final : public fmt::Sink {
  public:
    Text() = default;
    ~Text() { mm::kfree(data_); }
    TENON_NONCOPYABLE(Text);
    void write(std::string_view text) override {
        if (failed_) return;
        if (room_ - size_ < text.size()) {
            const usize wanted = (size_ + text.size()) * 2 + 128;
            auto* grown = static_cast<char*>(mm::krealloc(data_, wanted));
            if (grown == nullptr) {
                failed_ = true;
                return;
            }
            data_ = grown;
            room_ = wanted;
        }
        std::memcpy(data_ + size_, text.data(), text.size());
        size_ += text.size();
    }
    void clear() { size_ = 0; }
    std::string_view view() const { return {data_, size_}; }
    bool failed() const { return failed_; }

  private:
    char* data_ = nullptr;
    usize size_ = 0, room_ = 0;
    bool failed_ = false;
};

}  // namespace tenon::sysfs
