// Loading, unloading and listing modules, as the boot code, system calls, procfs and sysfs see it.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/module/gate.h>

#include <span>

namespace tenon::module {

class ParameterBase;

enum class State : u8 { coming, live, going, failed };

enum : u32 {
    kLoadIgnoreVersions = 1,  // MODULE_INIT_IGNORE_MODVERSIONS
    kLoadIgnoreVermagic = 2,  // MODULE_INIT_IGNORE_VERMAGIC
};

// Links and activates the module in `image`; `parameters` is "a=1 b=\"x y\"". All or nothing; the
// log says why not, naming both sides. May sleep. Errors: noexec (format, vermagic), noent (a
// symbol nobody exports), inval, exist, busy, nomem, or what create() answered.
TENON_API Result<void> load_image(std::span<const u8> image, std::string_view parameters,
                                  u32 flags = 0);
// By name or alias from /lib/modules/RELEASE, with everything it needs and, where it can be, what
// its softdeps wish for. Ok when loaded already. All or nothing: when a step fails, what this call
// loaded is unloaded again, newest first.
TENON_API Result<void> load_by_name(std::string_view name, std::string_view parameters);
// Loads every module whose alias matches; Error::noent when there is none.
TENON_API Result<void> request_module(std::string_view modalias);

enum : u32 {
    kUnloadForce = 1,     // O_TRUNC
    kUnloadNonblock = 2,  // O_NONBLOCK
};
// Errors as delete_module(2): noent, again (others depend on it, or in use), busy (no exit allowed,
// in flight past the deadline).
TENON_API Result<void> unload(std::string_view name, u32 flags);

// Ends the calls inside, frees all that it holds and starts it again, as after a fault. Errors:
// noent, opnotsupp (a trusted module), busy. Does not wait for it.
TENON_API Result<void> restart_module(std::string_view name);
// Lets a module out of quarantine and starts it. Error::noent when it is not in there.
TENON_API Result<void> release_module(std::string_view name);
// Puts the module in the file at `path` in the place of the loaded one of its name: the old one
// stops (open files of it may stay), its save() is restored by the new one, and what it served is
// held meanwhile. When the new one does not start or does not take the state, the old one goes on
// with it. Errors: noent (no such file, not loaded), again (other modules hold it), opnotsupp
// (trusted), and what the new one answered. Logs the pause. Waits for it, in a thread apart.
TENON_API Result<void> update_module(std::string_view path);
// A line for each module that ever faulted: "NAME STATE faults=N restarts=N at=SECONDS last=TEXT".
TENON_API void write_health(fmt::Sink& out);

// --- Facts for /proc/modules and /sys/module. `visit` may sleep; the list is held meanwhile.
struct ModuleInfo {
    std::string_view name, version, vermagic, src_checksum;
    State state;
    u64 base_address;
    usize size_bytes, init_bytes;
    u32 references;  // modules that hold it, and pins
    u64 in_flight;   // calls inside
    bool trusted;
    u32 grants;       // entries of its ledger
    u64 taint_flags;  // as /proc/modules' last column, 0: none
};
class Module;
TENON_API void for_each_module(void (*visit)(Module&, const ModuleInfo&, void*), void* context);
// False when no such module is loaded. `visit` as above.
TENON_API bool with_module(std::string_view name, void (*visit)(Module&, const ModuleInfo&, void*),
                           void* context);
TENON_API void for_each_holder(Module& module, void (*visit)(std::string_view holder, void*),
                               void* context);
TENON_API void for_each_parameter(Module& module, void (*visit)(ParameterBase&, void*),
                                  void* context);
// As a file of sysfs is written: through the gate, checked against type and range; after an error
// the old value stands. Errors: perm (not writable), nodev (not live), inval (no such value, or out
// of its range), range (beyond its type). For visitors.
TENON_API Result<void> write_parameter(Module& module, ParameterBase& parameter,
                                       std::string_view text);
TENON_API void for_each_section(Module& module,
                                void (*visit)(std::string_view name, u64 address, void*),
                                void* context);
// One line a grant: kind, what, where it was asked for.
TENON_API void write_ledger(Module& module, fmt::Sink& out);

// --- Symbols
struct SymbolAt {
    std::string_view name, module;  // module empty: the core
    u64 offset;
};
// The module function that holds `address`; for stack traces. Any context, takes no lock.
TENON_API bool find_symbol_at(u64 address, SymbolAt& out, std::span<char> name_buffer);
// What modules export, in no order. `visit` as above.
struct ExportInfo {
    std::string_view name, module;
    u64 address;
    u32 type_checksum;
};
TENON_API void for_each_export(void (*visit)(const ExportInfo&, void*), void* context);
// --- [core] Boot
void init();
void start_warden();  // threads work
// Loads what the manifest's `module NAME [PARAMETERS]` lines say; returns how many failed.
u32 load_boot_modules(std::string_view manifest);

}  // namespace tenon::module
