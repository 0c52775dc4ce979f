// One loaded module, as the core knows it.
#pragma once

#include <tenon/arch/keys.h>
#include <tenon/module/context.h>
#include <tenon/module/loader.h>
#include <tenon/module/manifest.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>

#include "core/module/elf_image.h"
#include "core/module/ledger.h"
#include "core/module/names.h"
#include "core/module/quota.h"

namespace tenon {
class Task;
}

namespace tenon::module {

// An exported symbol of a module; hangs in the export hash while the module is there.
struct Export {
    u64 hash = 0;
    u64 address = 0;
    u32 type_checksum = 0;
    const char* name = nullptr;
    std::string_view space = {};  // as ExportSpace has it; empty: for everybody
    Module* module = nullptr;
    Export* next = nullptr;
};

// One load in progress: modules that are linked against each other before any of them runs.
struct Batch {
    const Task* task;  // who loads
    // A plan was made: what it counted on and is not there went meanwhile. Error::again then.
    bool planned = false;
};

// The bytes that a module was loaded from, kept for the next time.
struct Image {
    u8* data = nullptr;
    usize size_bytes = 0;
    Image() = default;
    Image(Image&& o) noexcept
        : data(std::exchange(o.data, nullptr)), size_bytes(std::exchange(o.size_bytes, 0)) {}
    Image& operator=(Image&& o) noexcept {
        std::swap(data, o.data);
        std::swap(size_bytes, o.size_bytes);
        return *this;
    }
    ~Image();
    static Result<Image> copy(std::span<const u8> bytes);
    std::span<const u8> bytes() const { return {data, size_bytes}; }
};

// State that one instance leaves to the next.
struct Saved {
    std::unique_ptr<u8[]> data;
    usize size_bytes = 0;
    u32 version = 0;  // Manifest::state_version of the one that wrote it
    std::span<const u8> bytes() const { return {data.get(), size_bytes}; }
};

// Life: built by link_image() under the loader's mutex, `coming` until create() has run, `live`,
// `going` while it is taken down. The list holds one that is not yet live too, so that a name is
// loaded once.
class Module {
  public:
    Module() : context(*this) {}
    ~Module();
    TENON_NONCOPYABLE(Module);

    std::string_view name() const { return {name_text}; }
    u64 address_of(u64 offset) const {
        return offset < layout.kept_bytes
                   ? reinterpret_cast<u64>(base) + offset
                   : reinterpret_cast<u64>(init_base) + offset - layout.kept_bytes;
    }
    bool contains(u64 address) const {
        return address - reinterpret_cast<u64>(base) < layout.kept_bytes ||
               (init_base != nullptr && address - reinterpret_cast<u64>(init_base) <
                                            layout.total_bytes - layout.kept_bytes);
    }
    // Where a return into it goes that gives back the core's rights; 0 without import stubs.
    uptr landing() const {
        return layout.stubs.size == 0 ? 0 : address_of(layout.stubs.offset) + arch::kStubLanding;
    }
    // Whether a module of `batch` may import from it.
    bool importable(const Batch& for_batch) const {
        return state == State::live || (state == State::coming && batch == &for_batch);
    }
    // Modules that hold this one, and pins (open files, mounts).
    u32 references() const;

    char name_text[56] = {};
    State state = State::coming;
    const Batch* batch = nullptr;  // while it is coming
    Layout layout;
    u8* base = nullptr;
    u8* init_base = nullptr;
    MemoryQuota quota;
    u32 tag = 0;  // owner of pages and slab objects; 0 is the core

    std::unique_ptr<char[]> modinfo_text;
    Modinfo modinfo;
    Ref<Gate> gate;
    Context context;
    Ledger ledger;
    const Descriptor* descriptor = nullptr;
    Instance* instance = nullptr;  // destroyed inside the gate
    Image image;                   // none for a trusted module
    std::unique_ptr<char[]> parameter_text;
    Saved checkpoint;  // by Context::checkpoint(); guarded by the loader's mutex

    std::unique_ptr<Export[]> exports;
    u32 export_count = 0;
    bool exports_listed = false;
    SymbolNames names;
    ParameterBase* const* parameters = nullptr;  // in the module's rodata
    u32 parameter_count = 0;
    struct Section {
        const char* name;
        u64 address;
    };
    std::unique_ptr<Section[]> sections;
    std::unique_ptr<char[]> section_names;
    u32 section_count = 0;

    // Whom it holds (each once). Guarded by the loader's mutex.
    std::unique_ptr<Module*[]> providers;
    u32 provider_count = 0;
    u32 holder_count = 0;  // modules that have it as a provider

    ListHook list_hook;
    sync::RcuPtr<Module> next_in_range_list;  // for find_symbol_at
};

using ModuleList = List<Module, &Module::list_hook>;

// What the files of this folder share. Everything here is guarded by `mutex`.
struct Registry {
    sync::Mutex mutex{sync::LockRank::module_loader};
    sync::WaitQueue changed;  // a module became live, or left
    ModuleList* modules = nullptr;

    Module* find(std::string_view name);
};
Registry& registry();

// --- symbols.cpp: exports of the core and of modules, by hash
struct Resolved {
    u64 address = 0;
    u32 type_checksum = 0;
    Module* provider = nullptr;  // null: the core
    std::string_view space = {};
};
// Error::noent; Error::busy when its module is neither live nor of `batch`.
Result<Resolved> find_export(u64 hash, std::string_view name, const Batch& batch);
Result<void> list_exports(Module& module, fmt::Sink& why);
void unlist_exports(Module& module);
void publish_for_traces(Module& module);
void withdraw_from_traces(Module& module);
// The module whose text or data holds `address`, or null. In an RCU section, or with irqs off.
Module* find_module_at(u64 address);
// Whether an object with this vtable may come with this gate (null: of the core), which is not
// touched.
bool is_object_of(u64 vtable, const Gate* gate);
u32 core_api_checksum();

// --- build.cpp: from bytes to a linked module that has not run
Result<std::unique_ptr<Module>> build_module(const ElfImage& image, std::string_view name,
                                             u32 flags, const Batch& batch, fmt::Sink& why);
// Makes `module` a holder of `provider` (null: nothing), once.
Result<void> hold_provider(Module& module, Module* provider);
Result<void> protect_module(Module& module);
void free_init_memory(Module& module);

// --- info.cpp
Result<void> set_parameters(Module& module, std::string_view text, fmt::Sink& why);

// --- load.cpp. Both log why they fail.
// Checks and links; the module is in the list, `coming`. Error::exist when its name is (not
// logged), Error::again as Batch says (nor this).
Result<Module*> link_image(std::span<const u8> image, std::string_view parameters, u32 flags,
                           const Batch& batch);
// Runs create(). After an error the module is still there: dispose() of it.
Result<void> activate(Module& module, const Saved* saved = nullptr);
// load_image(), and hands the state of an earlier instance to the new one.
Result<void> load_saved(std::span<const u8> image, std::string_view parameters, u32 flags,
                        const Saved* saved);
// Takes a module down that is not live any more (or whose create() failed): sweep, unlink, free.
void dispose(Module* module);
// The same for one that failed: runs none of its code. All calls into it have ended.
void dispose_failed(Module* module);
// Asks a live module to stop and waits for the calls inside; it is `going` then, or works on.
Result<void> bring_to_rest(Module& module);
void revive(Module& module);

// --- resolve.cpp
struct FileBytes {
    u8* data = nullptr;
    usize size_bytes = 0;
    FileBytes() = default;
    FileBytes(FileBytes&& o) noexcept
        : data(std::exchange(o.data, nullptr)), size_bytes(o.size_bytes) {}
    FileBytes& operator=(FileBytes&&) = delete;
    ~FileBytes();
    std::span<const u8> bytes() const { return {data, size_bytes}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data), size_bytes}; }
};
Result<FileBytes> read_whole_file(std::string_view path, usize limit_bytes);

}  // namespace tenon::module
