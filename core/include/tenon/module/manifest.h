// What a module says about itself: a constexpr Manifest, turned into the .modinfo section at
// compile time, where the kernel, depmod, modprobe and modinfo read it.
//
//     class Edu final : public tenon::module::Instance { ... static create(...) ... };
//     TENON_MODULE(Edu, {
//         .name = "edu",
//         .version = "1.0",
//         .license = "MIT",
//         .description = "QEMU's teaching device",
//         .needs = {"pci>=1.0,<2"},
//         .aliases = {"pci:v00001234d000011E8sv*sd*bc*sc*i*"},
//     });
#pragma once

#include <tenon/lib/result.h>
#include <tenon/module/version.h>

#include <array>
#include <memory>
#include <string_view>

namespace tenon::module {

class Context;
class Instance;
class ParameterBase;

// What the core does after a fault inside the module ended its calls: a fresh instance, with each
// third fault of a minute after a restart of the modules that it stands on directly, for what they
// keep for it may be damaged; or nothing.
enum class Restart : u8 { on_fault, with_providers, never };
constexpr std::string_view restart_name(Restart r) {
    return r == Restart::never            ? "never"
           : r == Restart::with_providers ? "with_providers"
                                          : "on_fault";
}

struct Manifest {
    std::string_view name;
    std::string_view version = "0";
    std::string_view license = "MIT";
    std::string_view description = {};
    std::string_view author = {};
    // Modules that must be active before: "NAME", or with a range "NAME>=1.2,<2". Operators: >= >
    // <= < =, comma-separated.
    std::array<std::string_view, 8> needs = {};
    // "pre: NAME..." or "post: NAME...": tried, not required.
    std::array<std::string_view, 4> softdeps = {};
    // C++ namespaces whose exports can be imported only by who names them here: "tenon::net::ip",
    // or, for these modules alone (patterns), "tenon::net::ip: tcp udp_*". A symbol belongs to the
    // longest that it lies in.
    std::array<std::string_view, 4> exports = {};
    // Namespaces of others that it imports from; what is nested in one comes with it.
    std::array<std::string_view, 8> imports = {};
    // Patterns that device modaliases, "fs-NAME", "char-major-M-N" and the like are matched
    // against.
    std::array<std::string_view, 16> aliases = {};
    Restart restart = Restart::on_fault;
    // Passes the gate on registration only; for a personality.
    bool trusted = false;
    // What it may have of objects and pages that it asked for itself, at a time; past that it gets
    // no more. 0: no limit.
    u64 memory_quota_bytes = 0;
    // Of what save() writes: told to the restore() that gets it.
    u32 state_version = 0;
};

// What the loader finds in the section .tenon.module.
struct Descriptor {
    u32 magic = 0x4e4e4554;  // "TENN"
    u32 abi = TENON_MODULE_ABI;
    Result<std::unique_ptr<Instance>> (*create)(Context& context) = nullptr;
};

namespace detail {

// Writes "key=value\0" records, or only counts them.
struct ModinfoWriter {
    char* out = nullptr;
    usize used = 0;
    constexpr void put(char c) {
        if (out != nullptr) out[used] = c;
        ++used;
    }
    constexpr void text(std::string_view s) {
        for (char c : s) put(c);
    }
    constexpr void record(std::string_view key, std::string_view value) {
        if (value.empty()) return;
        text(key);
        put('=');
        text(value);
        put('\0');
    }
    constexpr void number(u64 value) {
        char digits[20];
        usize n = 0;
        do {
            digits[n++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        while (n != 0) put(digits[--n]);
    }
};

constexpr void write_modinfo(ModinfoWriter& w, const Manifest& m) {
    w.record("name", m.name);
    w.record("version", m.version);
    w.record("license", m.license);
    w.record("description", m.description);
    w.record("author", m.author);
    for (auto need : m.needs) w.record("requires", need);
    for (auto soft : m.softdeps) w.record("softdep", soft);
    for (auto space : m.exports) w.record("export_ns", space);
    for (auto space : m.imports) w.record("import_ns", space);
    for (auto alias : m.aliases) w.record("alias", alias);
    w.record("restart", restart_name(m.restart));
    if (m.trusted) w.record("trusted", "Y");
    if (m.memory_quota_bytes != 0) {
        w.text("quota=");
        w.number(m.memory_quota_bytes);
        w.put('\0');
    }
    if (m.state_version != 0) {
        w.text("stateversion=");
        w.number(m.state_version);
        w.put('\0');
    }
    w.record("vermagic", TENON_VERMAGIC);
}

template <usize N>
struct Text {
    char bytes[N];
};

// `Definition::value` is the manifest.
template <typename Definition>
consteval auto modinfo() {
    constexpr Manifest m = Definition::value();
    static_assert(!m.name.empty(), "a module needs a name");
    static_assert(m.name.size() < 56, "a module name has at most 55 characters");
    constexpr usize size = [] {
        ModinfoWriter w;
        write_modinfo(w, Definition::value());
        return w.used;
    }();
    Text<size> text{};
    ModinfoWriter w{text.bytes};
    write_modinfo(w, m);
    return text;
}

template <typename T>
Result<std::unique_ptr<Instance>> create_instance(Context& context) {
    auto made = T::create(context);
    if (!made) return Err(made.error());
    return std::unique_ptr<Instance>(std::move(*made));
}

}  // namespace detail
}  // namespace tenon::module

// Once in every module. The instance is created when the module is activated; its destructor is the
// module's exit.
#define TENON_MODULE(Type, ...)                                                                    \
    namespace tenon_module_definition {                                                            \
    struct Definition {                                                                            \
        static consteval ::tenon::module::Manifest value() { return __VA_ARGS__; }                 \
    };                                                                                             \
    [[gnu::section(".modinfo"), gnu::used, gnu::aligned(1)]] static constinit const auto modinfo = \
        ::tenon::module::detail::modinfo<Definition>();                                            \
    [[gnu::section(".tenon.module"),                                                               \
      gnu::used]] static constinit const ::tenon::module::Descriptor descriptor{                   \
        .create = &::tenon::module::detail::create_instance<Type>};                                \
    }                                                                                              \
    static_assert(true)
