// What a module holds: one Grant for each thing it acquired through its Context, with the place
// that asked for it. Dropping a handle removes the grant; what is left when the module has gone is
// swept, newest first, and reported.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/intrusive.h>
#include <tenon/module/context.h>
#include <tenon/sync/spinlock.h>

namespace tenon::module {

struct Grant {
    Grant(Module& owner, GrantKind kind, const char* what, uptr site)
        : owner(owner), site(site), what(what), kind(kind) {}
    virtual ~Grant() = default;
    // Gives the resource back; may sleep. Called once, off the list.
    virtual void release() = 0;
    // Whose code release() runs, if that may be a module's; 0: the core's own.
    virtual uptr release_text() const { return 0; }

    Module& owner;
    uptr site;
    const char* what;
    u64 detail = 0;  // a number that tells it from its like: address, irq, major
    GrantKind kind;
    ListHook hook;
};

const char* grant_kind_name(GrantKind kind);

class Ledger {
  public:
    Ledger() = default;
    TENON_NONCOPYABLE(Ledger);
    void add(Grant& grant);
    void remove(Grant& grant);
    u32 count() const { return count_; }
    // Releases what is left and logs each; returns how many there were.
    u32 sweep(std::string_view module_name);
    // The same for a module that failed, whose own text, at [text, text + text_bytes), must not
    // run: what would only call it is dropped. Not logged one by one. Unless its devices are
    // silent, memory that they may write to is never given to anybody again.
    u32 sweep_failed(uptr text, usize text_bytes, bool devices_are_silent);
    // What the module's text asked for by `new` and kmalloc() and nobody gave back. It is said, not
    // taken: somebody may still point to it. Before its symbols go.
    static void report_memory(std::string_view module_name, uptr text, usize text_bytes);
    void write(fmt::Sink& out);

  private:
    Grant* take_newest();
    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    List<Grant, &Grant::hook> grants_;
    u32 count_ = 0;
};

}  // namespace tenon::module
