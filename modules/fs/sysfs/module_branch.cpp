// /sys/module/NAME.
#include <tenon/module/loader.h>
#include <tenon/module/parameter.h>

#include "branch.h"

namespace tenon::sysfs {

namespace {

constexpr std::string_view kFiles[] = {"coresize", "in_flight", "initsize", "initstate", "ledger",
                                       "refcnt",   "taint",     "uevent",   "version"};
constexpr std::string_view kFolders[] = {"holders", "notes", "parameters", "sections"};

bool one_of(std::span<const std::string_view> list, std::string_view name) {
    for (auto n : list)
        if (n == name) return true;
    return false;
}

template <typename Visit>
bool with(std::string_view name, Visit&& visit) {
    return module::with_module(
        name,
        [](module::Module& m, const module::ModuleInfo& i, void* c) {
            (*static_cast<std::remove_reference_t<Visit>*>(c))(m, i);
        },
        &visit);
}
template <typename Visit>
void each_parameter(module::Module& m, Visit&& visit) {
    module::for_each_parameter(
        m,
        [](module::ParameterBase& p, void* c) {
            (*static_cast<std::remove_reference_t<Visit>*>(c))(p);
        },
        &visit);
}
template <typename Visit>
void each_holder(module::Module& m, Visit&& visit) {
    module::for_each_holder(
        m,
        [](std::string_view holder, void* c) {
            (*static_cast<std::remove_reference_t<Visit>*>(c))(holder);
        },
        &visit);
}
template <typename Visit>
void each_section(module::Module& m, Visit&& visit) {
    module::for_each_section(
        m,
        [](std::string_view name, u64 address, void* c) {
            (*static_cast<std::remove_reference_t<Visit>*>(c))(name, address);
        },
        &visit);
}

class ModuleBranch final : public Branch {
  public:
    bool find(const Parts& p, Found& out) override {
        bool found = false;
        const bool loaded = with(p[0], [&](module::Module& m, const module::ModuleInfo&) {
            // The folder has the module's own name, not an alias of it.
            found = find_in(m, p, out);
        });
        return loaded && found;
    }

    void list(const Parts& p, Lister& out) override {
        if (p.count == 0) {
            module::for_each_module([](module::Module&, const module::ModuleInfo& i,
                                       void* c) { static_cast<Lister*>(c)->dir(i.name); },
                                    &out);
            return;
        }
        with(p[0], [&](module::Module& m, const module::ModuleInfo&) {
            if (p.count == 1) {
                for (auto name : kFiles) out.file(name);
                for (auto name : kFolders) out.dir(name);
            } else if (p[1] == "holders") {
                each_holder(m, [&](std::string_view h) { out.link(h); });
            } else if (p[1] == "parameters") {
                each_parameter(m, [&](module::ParameterBase& q) {
                    if (q.mode() != 0) out.file(q.name());
                });
            } else if (p[1] == "sections") {
                each_section(m, [&](std::string_view name, u64) { out.file(name); });
            }
        });
    }

    Result<void> show(const Parts& p, Text& out) override {
        Result<void> result = Err(Error::nodev);
        with(p[0], [&](module::Module& m, const module::ModuleInfo& i) {
            result = show_in(m, i, p, out);
        });
        return result;
    }

    Result<void> store(const Parts& p, std::string_view text) override {
        Result<void> result = Err(Error::io);
        with(p[0], [&](module::Module& m, const module::ModuleInfo&) {
            if (p.count == 2 && p[1] == "uevent") result = {};
            if (p.count != 3 || p[1] != "parameters") return;
            each_parameter(m, [&](module::ParameterBase& q) {
                if (p[2] == q.name()) result = module::write_parameter(m, q, text);
            });
        });
        return result;
    }

    void target(const Parts& p, Text& out) override { fmt::print(out, "module/{}", p[2]); }

  private:
    static bool find_in(module::Module& m, const Parts& p, Found& out) {
        if (p.count == 1 || (p.count == 2 && one_of(kFolders, p[1]))) {
            out = directory();
            return true;
        }
        if (p.count == 2 && one_of(kFiles, p[1])) {
            out = file(p[1] == "uevent" ? 0200 : p[1] == "ledger" ? 0400 : 0444);
            return true;
        }
        if (p.count != 3) return false;
        bool found = false;
        if (p[1] == "holders")
            each_holder(m, [&](std::string_view h) {
                if (h == p[2]) found = true, out = link();
            });
        else if (p[1] == "parameters")
            each_parameter(m, [&](module::ParameterBase& q) {
                if (q.mode() != 0 && p[2] == q.name()) found = true, out = file(q.mode());
            });
        else if (p[1] == "sections")
            each_section(m, [&](std::string_view name, u64) {
                if (name == p[2]) found = true, out = file(0400);
            });
        return found;
    }

    static Result<void> show_in(module::Module& m, const module::ModuleInfo& i, const Parts& p,
                                Text& out) {
        if (p.count == 3) {
            if (p[1] == "parameters")
                each_parameter(m, [&](module::ParameterBase& q) {
                    if (p[2] == q.name()) q.show(out);
                });
            else
                each_section(m, [&](std::string_view name, u64 address) {
                    if (name == p[2]) fmt::print(out, "0x{:016x}", address);
                });
            out.write("\n");
            return {};
        }
        if (p[1] == "version") fmt::print(out, "{}\n", i.version);
        if (p[1] == "refcnt") fmt::print(out, "{}\n", i.references);
        if (p[1] == "in_flight") fmt::print(out, "{}\n", i.in_flight);
        if (p[1] == "coresize") fmt::print(out, "{}\n", i.size_bytes);
        if (p[1] == "initsize") fmt::print(out, "{}\n", i.init_bytes);
        if (p[1] == "taint") out.write("\n");
        if (p[1] == "ledger") module::write_ledger(m, out);
        if (p[1] == "initstate")
            out.write(i.state == module::State::live     ? "live\n"
                      : i.state == module::State::coming ? "coming\n"
                                                         : "going\n");
        return {};
    }
};
constinit ModuleBranch branch;

}  // namespace

constinit Branch& module_branch = branch;

}  // namespace tenon::sysfs
