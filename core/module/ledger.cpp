#include "core/module/ledger.h"

#include <tenon/trace/log.h>

#include "core/mm/page_alloc.h"
#include "core/module/crossing.h"
#include "core/module/module.h"

namespace tenon::module {

const char* grant_kind_name(GrantKind kind) {
    static constexpr const char* kNames[] = {
        "irq", "timer",  "work",   "thread",      "mmio",   "dma",    "char",  "fstype",
        "bus", "driver", "device", "personality", "metric", "module", "other",
    };
    static_assert(std::size(kNames) == static_cast<usize>(GrantKind::other) + 1);
    return kNames[static_cast<usize>(kind)];
}

void Ledger::add(Grant& grant) {
    sync::SpinGuard guard(lock_);
    grants_.push_front(grant);
    ++count_;
}

void Ledger::remove(Grant& grant) {
    sync::SpinGuard guard(lock_);
    grants_.erase(grants_.iterator_to(grant));
    --count_;
}

namespace {

// "name+0x12 [module]" of a call site, or its address.
void write_site(fmt::Sink& out, uptr site) {
    char names[160];
    SymbolAt at;
    if (find_symbol_at(site, at, names))
        fmt::print(out, "{}+{:#x} [{}]", at.name, at.offset, at.module);
    else
        fmt::print(out, "{:#x}", site);
}

}  // namespace

Grant* Ledger::take_newest() {
    sync::SpinGuard guard(lock_);
    if (grants_.empty()) return nullptr;
    Grant* grant = &grants_.front();
    grants_.pop_front();
    --count_;
    return grant;
}

u32 Ledger::sweep_failed(uptr text, usize text_bytes, bool devices_are_silent) {
    u32 swept = 0;
    while (Grant* grant = take_newest()) {
        const bool is_given_up = grant->kind == GrantKind::dma && !devices_are_silent;
        if (!is_given_up && grant->release_text() - text >= text_bytes) grant->release();
        delete grant;
        ++swept;
    }
    return swept;
}

u32 Ledger::sweep(std::string_view module_name) {
    u32 swept = 0;
    while (Grant* grant = take_newest()) {
        char text[200];
        fmt::BufferSink sink(text);
        write_site(sink, grant->site);
        log::warn("module {}: leaked {} {} ({:#x}), acquired at {}; swept", module_name,
                  grant_kind_name(grant->kind), grant->what, grant->detail, sink.text());
        grant->release();
        delete grant;
        ++swept;
    }
    return swept;
}

void Ledger::report_memory(std::string_view module_name, uptr text, usize text_bytes) {
    struct Left {
        u64 objects = 0, bytes = 0;
        uptr sites[4] = {};
        u32 site_count = 0;
    } left;
    mm::for_each_left_by(
        text, text_bytes,
        [](uptr site, usize size_bytes, void* context) {
            auto& l = *static_cast<Left*>(context);
            ++l.objects;
            l.bytes += size_bytes;
            for (u32 i = 0; i < l.site_count; ++i)
                if (l.sites[i] == site) return;
            if (l.site_count < std::size(l.sites)) l.sites[l.site_count++] = site;
        },
        &left);
    if (left.objects == 0) return;
    log::warn("module {}: leaked {} objects, {} bytes", module_name, left.objects, left.bytes);
    for (u32 i = 0; i < left.site_count; ++i) {
        char text_of_site[200];
        fmt::BufferSink sink(text_of_site);
        write_site(sink, left.sites[i]);
        log::warn("module {}: leaked memory acquired at {}", module_name, sink.text());
    }
}

void Ledger::write(fmt::Sink& out) {
    // Entries are copied in slices: the sink may sleep, and the list may change meanwhile.
    struct Line {
        GrantKind kind;
        const char* what;
        u64 detail;
        uptr site;
    };
    constexpr u32 kSlice = 16;
    for (u32 start = 0;; start += kSlice) {
        Line lines[kSlice];
        u32 n = 0, index = 0;
        {
            sync::SpinGuard guard(lock_);
            for (const Grant& g : grants_) {
                if (index++ < start) continue;
                if (n == kSlice) break;
                lines[n++] = {g.kind, g.what, g.detail, g.site};
            }
        }
        for (u32 i = 0; i < n; ++i) {
            fmt::print(out, "{} {} {:#x} ", grant_kind_name(lines[i].kind), lines[i].what,
                       lines[i].detail);
            write_site(out, lines[i].site);
            out.write("\n");
        }
        if (n < kSlice) return;
    }
}

void Held::give_back(Grant* grant) {
    // Once it is off the list, nobody else gives it back.
    const Uncut whole;
    grant->owner.ledger.remove(*grant);
    grant->release();
    delete grant;
}

}  // namespace tenon::module
