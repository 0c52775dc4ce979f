// Core dumps: what a program was when a signal ended it, as an ELF file. See README.md.
#pragma once

#include "personality/linux/trace/tracee.h"

namespace tenon::personality::trace {

// The calling task dies of `info`: ends the other threads of its process and writes the core where
// the pattern says. True: it was written. May sleep.
bool dump_core(const process::SignalInfo& info);
// On the way out: stays until a dump of this process has seen the task's registers.
void wait_for_dump(Task& self);

// --- core_name.cpp
// What the pattern comes to: a path, or the arguments of a program that reads the dump.
struct CoreName {
    static constexpr usize kRoom = 2 * PATH_MAX;
    std::unique_ptr<char[]> text;  // each with its NUL
    usize length = 0;              // with the last NUL
    u32 arguments = 0;             // 0: a path
};
// Error::nametoolong past kRoom. Spec: man 5 core.
Result<void> make_core_name(CoreName& out, u32 signal);

// --- core_image.cpp
// Writes at growing offsets, no further than the limit. A hole is one in a file; a pipe gets zeros
// as soon as something follows it.
class CoreFile {
  public:
    CoreFile(vfs::File& file, u64 limit_bytes) : file_(file), limit_(limit_bytes) {}
    Result<void> write(const void* bytes, usize length);
    Result<void> pad_to(u64 offset);
    void skip(u64 length) { at_ += length; }
    // The hole at the end becomes part of what was written.
    Result<void> finish();
    u64 position() const { return at_; }

  private:
    Result<void> write_stream(const void* bytes, usize length);
    Result<void> fill_stream();
    vfs::File& file_;
    u64 at_ = 0, streamed_ = 0, limit_;
};
Result<void> write_core(CoreFile& out, const process::SignalInfo& info);

// --- core_notes.cpp
// The notes' bytes, made in memory.
class NoteBuffer {
  public:
    // Room for the contents, zero-filled; null when memory is short.
    void* add(const char* name, u32 type, usize length);
    std::span<const u8> bytes() const { return {data_.get(), used_}; }
    bool failed() const { return failed_; }

  private:
    bool reserve(usize more);
    std::unique_ptr<u8[]> data_;
    usize used_ = 0, room_ = 0;
    bool failed_ = false;
};
Result<void> add_notes(NoteBuffer& notes, const process::SignalInfo& info);

}  // namespace tenon::personality::trace
