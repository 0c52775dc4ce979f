// From a checked ELF image to a module in memory: laid out, bound to its imports, relocated.
// Nothing of the module has run yet, and dropping the Module undoes everything.
#include <tenon/arch/keys.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "core/module/link.h"
#include "core/module/module.h"
#include "core/module/records.h"
#include "core/module/text.h"

namespace tenon::module {

namespace {

// What a module wants, as it is shown when it cannot have it.
struct Import {
    std::string_view symbol;    // readable where modpost left that
    std::string_view provider;  // as it was linked
    std::string_view space;
    u32 type_checksum;
    bool recorded;
};

std::string_view name_of(const Resolved& found) {
    return found.provider != nullptr ? found.provider->name() : "core";
}
std::string_view version_of(const Resolved& found) {
    return found.provider != nullptr ? found.provider->modinfo.get("version") : TENON_RELEASE;
}

class Builder {
  public:
    Builder(const ElfImage& image, Module& module, u32 flags, const Batch& batch, fmt::Sink& why)
        : image_(image), module_(module), batch_(batch), flags_(flags), why_(why) {}

    Result<void> run();

  private:
    Result<void> place();
    Result<void> bind_symbols();
    Result<u64> bind_import(const Elf64_Sym& symbol, RecordReader& imports);
    Result<void> check_type(const Import& import, const Resolved& found);
    Result<void> check_space(const Import& import, const Resolved& found);
    void say_missing(const Import& import, Error error);
    Result<void> take_descriptor();
    Result<void> take_exports();
    Result<void> take_sections();

    const ElfImage& image_;
    Module& module_;
    const Batch& batch_;
    u32 flags_;
    fmt::Sink& why_;
    Placement placement_;
    std::unique_ptr<u64[]> addresses_;
    u64 stubs_ = 0;
};

Result<void> Builder::run() {
    TRY(place());
    copy_sections(image_, module_.layout, placement_);
    TRY(bind_symbols());
    TRY(apply_relocations(image_, module_.layout, placement_,
                          {addresses_.get(), image_.symbols().size()}, why_));
    TRY(take_descriptor());
    TRY_ASSIGN(module_.names, SymbolNames::collect(image_, module_.layout, why_));
    TRY(take_exports());
    return take_sections();
}

Result<void> Builder::place() {
    u64 stub_bytes = 0;
    if (arch::keys_on() && !module_.gate->trusted())
        for (const Elf64_Sym& s : image_.symbols())
            if (s.st_shndx == SHN_UNDEF) stub_bytes += arch::kImportStubBytes;
    TRY_ASSIGN(module_.layout, plan_layout(image_, count_got_slots(image_), why_, stub_bytes));
    const Layout& l = module_.layout;
    if (l.kept_bytes == 0) {
        why_.write("the file holds no code");
        return Err(Error::noexec);
    }
    TRY_ASSIGN(void* kept, mm::alloc_module_memory(l.kept_bytes));
    module_.base = static_cast<u8*>(kept);
    if (l.total_bytes > l.kept_bytes) {
        TRY_ASSIGN(void* init, mm::alloc_module_memory(l.total_bytes - l.kept_bytes));
        module_.init_base = static_cast<u8*>(init);
    }
    placement_ = {module_.base, reinterpret_cast<u64>(module_.base), module_.init_base,
                  reinterpret_cast<u64>(module_.init_base)};
    return {};
}

Result<void> Builder::bind_symbols() {
    const auto symbols = image_.symbols();
    addresses_.reset(new (std::nothrow) u64[symbols.size()]);
    if (!addresses_) return Err(Error::nomem);
    RecordReader imports(image_.bytes(image_.find_section(".tenon.imports")));
    addresses_[0] = 0;
    for (u32 i = 1; i < symbols.size(); ++i) {
        const Elf64_Sym& s = symbols[i];
        if (s.st_shndx != SHN_UNDEF) {
            addresses_[i] = defined_symbol_address(s, module_.layout, placement_);
            continue;
        }
        if (s.st_name == 0) {
            addresses_[i] = 0;
            continue;
        }
        TRY_ASSIGN(addresses_[i], bind_import(s, imports));
    }
    return {};
}

Result<u64> Builder::bind_import(const Elf64_Sym& symbol, RecordReader& imports) {
    const std::string_view name = image_.symbol_name(symbol);
    const u64 hash = symbol_hash(name);
    auto found = find_export(hash, name, batch_);
    SymbolRecord record{};
    const bool recorded = imports.find(hash, record);
    const auto text = [&](u32 offset, std::string_view otherwise) {
        const std::string_view t = imports.text(offset);
        return t.empty() ? otherwise : t;
    };
    const Import import{text(record.readable, name), text(record.provider, "core"),
                        text(record.name_space, {}), record.type_checksum, recorded};
    if (!found) {
        if (found.error() == Error::noent && ELF64_ST_BIND(symbol.st_info) == STB_WEAK)
            return u64{0};
        say_missing(import, found.error());
        return Err(batch_.planned && found.error() == Error::busy ? Error::again : found.error());
    }
    if ((flags_ & kLoadIgnoreVersions) == 0) TRY(check_type(import, *found));
    TRY(check_space(import, *found));
    TRY(hold_provider(module_, found->provider));
    const bool into_core = found->provider == nullptr ? arch::wants_import_stub(found->address)
                                                      : found->provider->gate->trusted();
    if (module_.layout.stubs.size == 0 || !into_core) return found->address;
    const u64 stub = module_.layout.stubs.offset + arch::kImportStubBytes * stubs_++;
    arch::write_import_stub(placement_.memory(module_.layout, stub),
                            placement_.address(module_.layout, stub), found->address);
    return placement_.address(module_.layout, stub);
}

void Builder::say_missing(const Import& import, Error error) {
    if (import.provider == "core") {
        fmt::print(why_,
                   "needs {}, which neither core {} nor a loaded module exports: build it with "
                   "this kernel's SDK",
                   import.symbol, TENON_RELEASE);
        return;
    }
    const Module* there = registry().find(import.provider);
    if (there == nullptr)
        fmt::print(why_, "needs {} of {}, which is not loaded: modprobe loads what a module needs",
                   import.symbol, import.provider);
    else if (error == Error::busy)
        fmt::print(why_, "needs {} of {}, which is not active: try again", import.symbol,
                   import.provider);
    else
        fmt::print(why_, "needs {} of {}; loaded {} {} does not export it: load one that does",
                   import.symbol, import.provider, there->name(), there->modinfo.get("version"));
}

Result<void> Builder::check_type(const Import& import, const Resolved& found) {
    if (!import.recorded) {
        fmt::print(why_, "no type checksum for {}: link it with tenon_add_module() of the SDK",
                   import.symbol);
        return Err(Error::noexec);
    }
    if (import.type_checksum == found.type_checksum) return {};
    fmt::print(why_,
               "needs {} of {} with types {:08x}; loaded {} {} exports it with types {:08x}: "
               "rebuild it with that SDK",
               import.symbol, import.provider, import.type_checksum, name_of(found),
               version_of(found), found.type_checksum);
    return Err(Error::inval);
}

Result<void> Builder::check_space(const Import& import, const Resolved& found) {
    const ExportSpace space = ExportSpace::parse(found.space);
    if (import.recorded && import.space != space.name) {
        fmt::print(why_,
                   "needs {} in namespace '{}'; loaded {} {} exports it in '{}': rebuild it with "
                   "that SDK",
                   import.symbol, import.space, name_of(found), version_of(found), space.name);
        return Err(Error::inval);
    }
    if (space.name.empty()) return {};
    if (!space.admits(module_.name())) {
        fmt::print(why_,
                   "uses {} in namespace {}, which {} {} gives to {} only: do without it, or have "
                   "{} added there",
                   import.symbol, space.name, name_of(found), version_of(found), space.importers,
                   module_.name());
        return Err(Error::acces);
    }
    bool imported = false;
    module_.modinfo.for_each("import_ns", [&](std::string_view text) {
        imported = covers(text, space.name);
        return !imported;
    });
    if (imported) return {};
    fmt::print(why_,
               "uses {}, which {} {} exports in namespace {}: say .imports = {{\"{}\"}} in its "
               "TENON_MODULE()",
               import.symbol, name_of(found), version_of(found), space.name, space.name);
    return Err(Error::inval);
}

Result<void> Builder::take_descriptor() {
    const u32 at = image_.find_section(".tenon.module");
    if (at == 0 || !module_.layout.is_loaded(at) ||
        image_.section(at).sh_size != sizeof(Descriptor)) {
        why_.write("no TENON_MODULE() in it: not a module of this kernel");
        return Err(Error::noexec);
    }
    module_.descriptor =
        reinterpret_cast<const Descriptor*>(module_.address_of(module_.layout.section_offset[at]));
    const Descriptor& d = *module_.descriptor;
    if (d.magic != Descriptor{}.magic || d.abi != TENON_MODULE_ABI ||
        !module_.contains(reinterpret_cast<u64>(d.create))) {
        fmt::print(why_, "module ABI {}, this kernel's is {}", d.abi, TENON_MODULE_ABI);
        return Err(Error::noexec);
    }
    const u32 parameters = image_.find_section(".tenon.parameters");
    if (parameters == 0 || !module_.layout.is_loaded(parameters)) return {};
    module_.parameters = reinterpret_cast<ParameterBase* const*>(
        module_.address_of(module_.layout.section_offset[parameters]));
    module_.parameter_count = image_.section(parameters).sh_size / sizeof(void*);
    for (u32 i = 0; i < module_.parameter_count; ++i)
        if (!module_.contains(reinterpret_cast<u64>(module_.parameters[i]))) {
            why_.write("its parameter table is damaged");
            return Err(Error::noexec);
        }
    return {};
}

Result<void> Builder::take_exports() {
    const SymbolNames& names = module_.names;
    if (names.exported_count != 0) {
        module_.exports.reset(new (std::nothrow) Export[names.exported_count]);
        if (!module_.exports) return Err(Error::nomem);
    }
    for (u32 i = 0; i < names.exported_count; ++i) {
        Export& e = module_.exports[module_.export_count++];
        e.hash = names.exported[i].hash;
        e.address = reinterpret_cast<u64>(module_.base) + names.exported[i].offset;
        e.name = &names.text[names.exported[i].name];
        e.module = &module_;
    }
    RecordReader records(image_.bytes(image_.find_section(".tenon.exports")));
    for (u32 i = 0; i < module_.export_count; ++i) {
        Export& e = module_.exports[i];
        SymbolRecord record;
        if (!records.find(e.hash, record)) continue;
        e.type_checksum = record.type_checksum;
        const std::string_view space = records.text(record.name_space);
        if (space.empty()) continue;
        module_.modinfo.for_each("export_ns", [&](std::string_view text) {
            if (ExportSpace::parse(text).name == space) e.space = text;
            return e.space.empty();
        });
        if (!e.space.empty()) continue;
        fmt::print(why_,
                   "exports {} in namespace {}, which its manifest does not name: link it "
                   "with tenon_add_module() of the SDK",
                   e.name, space);
        return Err(Error::noexec);
    }
    return {};
}

Result<void> Builder::take_sections() {
    u32 count = 0;
    usize name_bytes = 0;
    for (u32 i = 1; i < image_.section_count(); ++i) {
        if (!module_.layout.is_loaded(i)) continue;
        ++count;
        name_bytes += image_.section_name(i).size() + 1;
    }
    module_.sections.reset(new (std::nothrow) Module::Section[count]);
    module_.section_names.reset(new (std::nothrow) char[name_bytes]);
    if (!module_.sections || !module_.section_names) return Err(Error::nomem);
    usize at = 0;
    for (u32 i = 1; i < image_.section_count(); ++i) {
        if (!module_.layout.is_loaded(i)) continue;
        const std::string_view name = image_.section_name(i);
        char* copy = &module_.section_names[at];
        std::memcpy(copy, name.data(), name.size());
        copy[name.size()] = '\0';
        at += name.size() + 1;
        module_.sections[module_.section_count++] = {
            copy, module_.address_of(module_.layout.section_offset[i])};
    }
    return {};
}

}  // namespace

Result<void> hold_provider(Module& module, Module* provider) {
    if (provider == nullptr) return {};
    constexpr u32 kMaxProviders = 32;
    if (!module.providers) {
        module.providers.reset(new (std::nothrow) Module*[kMaxProviders]);
        if (!module.providers) return Err(Error::nomem);
    }
    for (u32 i = 0; i < module.provider_count; ++i)
        if (module.providers[i] == provider) return {};
    if (module.provider_count == kMaxProviders) return Err(Error::mfile);
    module.providers[module.provider_count++] = provider;
    ++provider->holder_count;
    return {};
}

Result<std::unique_ptr<Module>> build_module(const ElfImage& image, std::string_view name,
                                             u32 flags, const Batch& batch, fmt::Sink& why) {
    std::unique_ptr<Module> module(new (std::nothrow) Module);
    if (!module) return Err(Error::nomem);
    std::memcpy(module->name_text, name.data(), name.size());

    const auto text = image.bytes(image.find_section(".modinfo"));
    module->modinfo_text.reset(new (std::nothrow) char[text.size()]);
    if (!module->modinfo_text) return Err(Error::nomem);
    std::memcpy(module->modinfo_text.get(), text.data(), text.size());
    module->modinfo = Modinfo({module->modinfo_text.get(), text.size()});
    module->quota.set(module->modinfo.get("quota"));

    static u32 next_tag = 0;
    module->tag = ++next_tag;
    TRY_ASSIGN(module->gate,
               Gate::create(name, module->tag, module->modinfo.get("trusted") == "Y"));
    TRY(Builder(image, *module, flags, batch, why).run());
    return module;
}

Result<void> protect_module(Module& module) {
    const auto protect = [&](Region region, arch::PageFlags flags) -> Result<void> {
        const Layout::Range& r = module.layout.region[static_cast<usize>(region)];
        if (r.size == 0) return {};
        return arch::protect_kernel(module.address_of(r.offset), align_up(r.size, kPageSize),
                                    flags);
    };
    using arch::PageFlags;
    TRY(protect(Region::text, PageFlags::read | PageFlags::exec));
    TRY(protect(Region::rodata, PageFlags::read));
    TRY(protect(Region::init_text, PageFlags::read | PageFlags::exec));
    return {};
}

void free_init_memory(Module& module) {
    const Layout::Range& r = module.layout.region[static_cast<usize>(Region::ro_after_init)];
    if (r.size != 0) {
        // The pages are mapped: it cannot fail.
        (void)arch::protect_kernel(module.address_of(r.offset), align_up(r.size, kPageSize),
                                   arch::PageFlags::read);
    }
    if (module.init_base == nullptr) return;
    mm::free_module_memory(module.init_base, module.layout.total_bytes - module.layout.kept_bytes);
    module.init_base = nullptr;
}

Module::~Module() {
    for (u32 i = 0; i < provider_count; ++i) --providers[i]->holder_count;
    if (init_base != nullptr)
        mm::free_module_memory(init_base, layout.total_bytes - layout.kept_bytes);
    if (base != nullptr) mm::free_module_memory(base, layout.kept_bytes);
}

}  // namespace tenon::module
