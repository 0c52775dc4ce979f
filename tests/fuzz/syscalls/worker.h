// A worker: a process of two threads that makes calls until its share is done or a call ends it.
#pragma once

#include <atomic>

#include "context.h"

namespace fuzz {

constexpr unsigned kMaxWorkers = 32;
constexpr unsigned kMaxNumber = 512;
constexpr const char* kRoot = "/tmp/fuzz";

struct Slot {
    std::atomic<u64> calls;  // of this life, by both threads
    std::atomic<u64> generation;
    std::atomic<u32> index;  // of the call of the first thread, in kCalls
    std::atomic<u64> arguments[6];
};

// Shared by the supervisor and all workers; the arena does not know where it lies.
struct Control {
    std::atomic<u64> calls, target;
    std::atomic<u32> tried[kMaxNumber], succeeded[kMaxNumber];
    Slot slots[kMaxWorkers];
};

struct Life {
    Control* control;
    void* shared_page;
    u64 seed;
    unsigned slot;
    u64 generation;
    u64 calls;         // how many before a fresh process takes over
    const char* only;  // names of calls, with commas around each, or null for all
    bool verbose;
};

// Profile of a life: they take turns.
inline Profile profile_of(const Life& life) {
    return (life.slot + life.generation) % 3 == 0 ? Profile::admin : Profile::user;
}
[[noreturn]] void run_worker(const Life& life);

// resources.cpp
void enter_sandbox(unsigned slot, Profile profile);  // exits where it cannot
void make_files(Random& random);
void write_program(Random& random);
void make_resource(Context& context, unsigned which);
constexpr unsigned kResourceKinds = 21;

}  // namespace fuzz
