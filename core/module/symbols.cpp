// Exports by hash, and the way back from an address to a name.
//
// The core's exports are a table in its image, made after the link by modpost: entries sorted by
// the hash of their name, found through a bucket index on the hash's upper bits: O(1). Modules'
// exports hang in a chained hash, guarded by the loader's mutex (they are looked up only while a
// module is linked). Two symbols are the same when their 64-bit hashes are; modpost refuses a
// collision.
#include <tenon/arch/recovery.h>
#include <tenon/sync/rcu.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/module/module.h"
#include "core/module/text.h"

// Made by modpost; empty in the first link.
extern "C" {
[[gnu::visibility("hidden")]] extern const tenon::u8 tenon_exports_start[];
[[gnu::visibility("hidden")]] extern const tenon::u8 tenon_exports_end[];
}

namespace tenon::module {

namespace {

struct CoreTable {
    u32 magic;  // "TEXP"
    u32 count;
    u32 bucket_bits;
    u32 api_checksum;
    static constexpr u32 kMagic = 0x50584554;
    // Then: u32 first[(1 << bucket_bits) + 1]; pad to 8; CoreEntry entry[count]; u64 count of
    // those that are in a namespace, and these as CoreSpace.
};
struct CoreEntry {
    u64 hash;
    i32 relative;  // from its own address to the symbol
    u32 type_checksum;
};

struct CoreSpace {
    u64 hash;
    i64 relative;  // from its own address to the text of ExportSpace
};

constexpr u32 kBuckets = 256;
Export* g_buckets[kBuckets];
sync::RcuPtr<Module> g_range_list;

const CoreTable* core_table() {
    const auto* table = reinterpret_cast<const CoreTable*>(tenon_exports_start);
    const bool present = tenon_exports_end > tenon_exports_start + sizeof(CoreTable);
    return present && table->magic == CoreTable::kMagic ? table : nullptr;
}

const CoreEntry* find_core(u64 hash) {
    const CoreTable* table = core_table();
    if (table == nullptr) return nullptr;
    const auto* first = reinterpret_cast<const u32*>(table + 1);
    const usize index_words = (usize{1} << table->bucket_bits) + 1;
    const auto* entries = reinterpret_cast<const CoreEntry*>(
        tenon_exports_start + align_up(sizeof(CoreTable) + index_words * 4, 8));
    const u64 bucket = hash >> (64 - table->bucket_bits);
    for (u32 i = first[bucket]; i < first[bucket + 1]; ++i)
        if (entries[i].hash == hash) return &entries[i];
    return nullptr;
}

// Few symbols of the core are not for everybody.
std::string_view core_space(u64 hash) {
    const CoreTable* table = core_table();
    const usize index_words = (usize{1} << table->bucket_bits) + 1;
    const auto* at = reinterpret_cast<const u64*>(tenon_exports_start +
                                                  align_up(sizeof(CoreTable) + index_words * 4, 8) +
                                                  table->count * sizeof(CoreEntry));
    const auto* space = reinterpret_cast<const CoreSpace*>(at + 1);
    for (u64 i = 0; i < *at; ++i, ++space)
        if (space->hash == hash)
            return reinterpret_cast<const char*>(&space->relative) + space->relative;
    return {};
}

const Export* find_in_modules(u64 hash, std::string_view name) {
    const Export* e = g_buckets[hash % kBuckets];
    while (e != nullptr && (e->hash != hash || name != e->name)) e = e->next;
    return e;
}

}  // namespace

u32 core_api_checksum() {
    const CoreTable* table = core_table();
    return table == nullptr ? 0 : table->api_checksum;
}

Result<Resolved> find_export(u64 hash, std::string_view name, const Batch& batch) {
    if (const CoreEntry* e = find_core(hash)) {
        const u64 address =
            reinterpret_cast<u64>(&e->relative) + static_cast<u64>(i64{e->relative});
        return Resolved{address, e->type_checksum, nullptr, core_space(hash)};
    }
    const Export* e = find_in_modules(hash, name);
    if (e == nullptr) return Err(Error::noent);
    if (!e->module->importable(batch)) return Err(Error::busy);
    return Resolved{e->address, e->type_checksum, e->module, e->space};
}

Result<void> list_exports(Module& module, fmt::Sink& why) {
    for (u32 i = 0; i < module.export_count; ++i) {
        const Export& mine = module.exports[i];
        const Export* there = find_in_modules(mine.hash, mine.name);
        if (there == nullptr && find_core(mine.hash) == nullptr) continue;
        char names[160];
        SymbolAt at{mine.name, {}, 0};
        if (there != nullptr) (void)find_symbol_at(there->address, at, names);
        fmt::print(why, "exports {}, which {} exports already: {}", at.name,
                   there != nullptr ? there->module->name() : "the core",
                   there != nullptr ? "unload that first" : "rename it");
        return Err(Error::noexec);
    }
    for (u32 i = 0; i < module.export_count; ++i) {
        Export& e = module.exports[i];
        e.next = std::exchange(g_buckets[e.hash % kBuckets], &e);
    }
    module.exports_listed = true;
    return {};
}

void unlist_exports(Module& module) {
    if (!std::exchange(module.exports_listed, false)) return;
    for (u32 i = 0; i < module.export_count; ++i) {
        Export& e = module.exports[i];
        Export** at = &g_buckets[e.hash % kBuckets];
        while (*at != &e) at = &(*at)->next;
        *at = e.next;
    }
}

void for_each_export(void (*visit)(const ExportInfo&, void*), void* context) {
    sync::MutexGuard guard(registry().mutex);
    for (const Export* first : g_buckets)
        for (const Export* e = first; e != nullptr; e = e->next)
            visit({e->name, e->module->name(), e->address, e->type_checksum}, context);
}

void publish_for_traces(Module& module) {
    module.next_in_range_list.assign(g_range_list.load());
    g_range_list.assign(&module);
}

// The caller waits for a grace period before the module's memory goes.
void withdraw_from_traces(Module& module) {
    sync::RcuPtr<Module>* at = &g_range_list;
    while (at->load() != nullptr && at->load() != &module) at = &at->load()->next_in_range_list;
    if (at->load() == &module) at->assign(module.next_in_range_list.load());
}

Module* find_module_at(u64 address) {
    Module* m = g_range_list.load();
    while (m != nullptr && !m->contains(address)) m = m->next_in_range_list.load();
    return m;
}

bool is_object_of(u64 vtable, const Gate* gate) {
    const sync::RcuGuard guard;
    bool gate_is_known = false, vtable_is_theirs = false;
    for (Module* m = g_range_list.load(); m != nullptr; m = m->next_in_range_list.load()) {
        gate_is_known |= m->gate.get() == gate;
        vtable_is_theirs |= m->contains(vtable);
    }
    return gate == nullptr ? !vtable_is_theirs && arch::is_readable(vtable)
                           : gate_is_known && vtable_is_theirs;
}

bool find_symbol_at(u64 address, SymbolAt& out, std::span<char> name_buffer) {
    sync::RcuGuard guard;
    const Module* m = find_module_at(address);
    if (m == nullptr) return false;
    const u64 base = reinterpret_cast<u64>(m->base);
    const SymbolNames::Traced* best = nullptr;
    u32 low = 0, high = m->names.traced_count;
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        if (base + m->names.traced[middle].offset <= address) {
            best = &m->names.traced[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    fmt::BufferSink sink(name_buffer);
    if (best != nullptr)
        sink.write(&m->names.text[best->name]);
    else
        sink.write("?");
    out.name = sink.text();
    out.module = m->name();
    out.offset = address - base - (best != nullptr ? best->offset : 0);
    return true;
}

}  // namespace tenon::module
