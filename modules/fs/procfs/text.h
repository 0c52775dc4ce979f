// The text of a procfs file: grows as it is written.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/result.h>

namespace tenon::procfs {

class Text final : public fmt::Sink {
  public:
    Text() = default;
    ~Text();
    TENON_NONCOPYABLE(Text);
    void write(std::string_view text) override;
    template <typename... Args>
    void print(std::string_view format, const Args&... args) {
        fmt::print(*this, format, args...);
    }
    void pad(char c, usize n);
    void clear() {
        size_ = 0;
        failed_ = false;
    }
    // Takes back what was written last: `size` bytes stay.
    void shorten(usize size) { size_ = size; }
    std::string_view view() const { return {data_, size_}; }
    usize size() const { return size_; }
    bool failed() const { return failed_; }  // no memory: what was written is not whole

  private:
    char* data_ = nullptr;
    usize size_ = 0, room_ = 0;
    bool failed_ = false;
};

// Nanoseconds as clock ticks of 1/100 s.
constexpr u64 ticks(u64 ns) {
    return ns / 10'000'000;
}
constexpr u64 kib(u64 pages) {
    return pages << (kPageShift - 10);
}
// Reads a decimal (or, with a sign, negative) number; white space around it. Error::inval.
Result<i64> parse_number(std::string_view text);
// Takes the first number off `text` as /proc/sys reads them: decimal, 0x or 0 before it as in C,
// maybe a sign; white space before it and behind it. Error::inval, also for an empty text.
Result<i64> take_number(std::string_view& text);

}  // namespace tenon::procfs
