// The strings of a program start.
#pragma once

#include <tenon/process/personality.h>

namespace tenon::personality {

// Strings of a program start in one block: arguments, then environment, each with its NUL.
class ArgumentBlock {
  public:
    ArgumentBlock() = default;
    TENON_NONCOPYABLE(ArgumentBlock);
    ~ArgumentBlock();
    // Room for `more` bytes after what is there; grows. Error::nomem.
    Result<char*> reserve(usize more);
    void commit(usize more) { used_ += more; }
    Result<void> append(std::string_view text);  // adds the NUL
    void swap(ArgumentBlock& o);
    const char* bytes() const { return bytes_; }
    usize used() const { return used_; }
    usize room() const { return capacity_ - used_; }
    u32 argc = 0, envc = 0;

  private:
    char* bytes_ = nullptr;
    usize used_ = 0, capacity_ = 0;
};

inline ArgumentBlock& arguments_of(const process::ExecRequest& request) {
    return *static_cast<ArgumentBlock*>(request.arguments);
}

}  // namespace tenon::personality
