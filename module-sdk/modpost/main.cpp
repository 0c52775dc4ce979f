// modpost core   --headers DIR... --exports OUT --asm OUT.S IMAGE
// modpost module --name NAME --headers DIR... --use FILE.exports... [--check-types]
//                --exports OUT --full FULL.o --out NAME.ko STRIPPED.o
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <set>
#include <sstream>

#include "core/include/tenon/module/version.h"
#include "elf_file.h"
#include "exports.h"
#include "tools/readable.h"
#include "types.h"

using namespace modpost;

namespace {

struct Options {
    std::string mode, name, exports, assembler, full, out, input;
    std::vector<std::string> headers, uses;
    bool check_types = false;
};

Options parse(int argc, char** argv) {
    Options o;
    if (argc < 2) die("usage: modpost core|module ...");
    o.mode = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string a = argv[i];
        const auto value = [&]() -> std::string {
            if (++i == argc) die(a + " needs a value");
            return argv[i];
        };
        if (a == "--name")
            o.name = value();
        else if (a == "--headers")
            o.headers.push_back(value());
        else if (a == "--use")
            o.uses.push_back(value());
        else if (a == "--exports")
            o.exports = value();
        else if (a == "--asm")
            o.assembler = value();
        else if (a == "--full")
            o.full = value();
        else if (a == "--out")
            o.out = value();
        else if (a == "--check-types")
            o.check_types = true;
        else
            o.input = a;
    }
    return o;
}

// The core's table for the second link; core/module/symbols.cpp reads it.
void write_core_table(const Exports& exports, uint32_t api, const std::string& path) {
    struct Entry {
        uint64_t hash;
        const std::string* name;
        uint32_t checksum;
    };
    std::vector<Entry> entries;
    for (const auto& [name, sum] : exports.symbols) entries.push_back({hash64(name), &name, sum});
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
    unsigned bits = 1;
    while ((size_t{1} << bits) < entries.size()) ++bits;
    std::ostringstream s;
    s << ".section .exports,\"a\",@progbits\n.balign 8\n"
      << ".long 0x50584554, " << entries.size() << ", " << bits << ", " << api << "\n";
    size_t next = 0;
    for (size_t bucket = 0; bucket <= size_t{1} << bits; ++bucket) {
        while (next < entries.size() && (entries[next].hash >> (64 - bits)) < bucket) ++next;
        s << ".long " << next << "\n";
    }
    s << ".balign 8\n";
    for (const auto& e : entries)
        s << ".quad " << e.hash << "\n.long " << *e.name << " - ., " << e.checksum << "\n";
    // What is not for everybody: the symbol's hash, and its namespace with who may import from it.
    s << ".quad " << exports.space_of.size() << "\n";
    for (const auto& [name, space] : exports.space_of)
        for (size_t i = 0; i < exports.spaces.size(); ++i)
            if (exports.spaces[i].name == space)
                s << ".quad " << hash64(name) << ", .Lspace" << i << " - .\n";
    for (size_t i = 0; i < exports.spaces.size(); ++i)
        s << ".Lspace" << i << ": .asciz \"" << exports.spaces[i].name << ": "
          << exports.spaces[i].importers << "\"\n";
    s << ".section .note.GNU-stack,\"\",@progbits\n";
    write_file_if_changed(path, s.str());
}

int run_core(const Options& o) {
    ElfFile image(o.input);
    TypeGraph types(o.input);
    Exports exports = collect_exports(image, types);
    exports.module = "core";
    exports.version = TENON_RELEASE;
    exports.types = types.shallow_hashes();
    exports.write(o.exports);
    write_core_table(exports, headers_checksum(o.headers), o.assembler);
    return 0;
}

std::string modinfo_value(const std::string& info, const std::string& key) {
    const auto values = modinfo_values(info, key);
    return values.empty() ? "" : values.front();
}

void put32(std::string& s, uint32_t v) {
    s.append(reinterpret_cast<const char*>(&v), 4);
}
void put64(std::string& s, uint64_t v) {
    s.append(reinterpret_cast<const char*>(&v), 8);
}

class ModuleLink {
  public:
    explicit ModuleLink(const Options& o) : options_(o), file_(o.input) {}
    int run();

  private:
    void refuse_sections();
    std::string imports();
    void check_space(const Exports& from, const std::string& symbol);
    std::string exports();
    std::string modinfo();
    std::string trace_names();
    void check_types(const std::vector<Exports>& lists);

    const Options& options_;
    ElfFile file_;
    std::vector<Exports> lists_;
    std::set<std::string> depends_;
    std::vector<std::string> exported_;
    bool failed_ = false;
};

void ModuleLink::refuse_sections() {
    for (const auto& s : file_.sections()) {
        const std::string name = file_.section_name(s);
        if ((s.sh_flags & SHF_ALLOC) == 0 || s.sh_size == 0) continue;
        const char* reason = nullptr;
        if (name.starts_with(".init_array") || name.starts_with(".ctors") ||
            name.starts_with(".fini_array"))
            reason =
                "a global object has a constructor or destructor; nobody runs them. Make it "
                "constinit, or a member of the module's Instance";
        if (name.starts_with(".percpu"))
            reason = "TENON_PERCPU is for the core; use an array by CPU";
        if (name.starts_with(".tdata") || name.starts_with(".tbss")) reason = "thread_local data";
        if (reason != nullptr) {
            std::fprintf(stderr, "modpost: %s: section %s: %s\n", options_.name.c_str(),
                         name.c_str(), reason);
            failed_ = true;
        }
    }
}

// A section of records, and the strings behind them, each once.
class Records {
  public:
    void add(uint64_t hash, uint32_t checksum, const std::array<std::string, 3>& texts) {
        put64(records_, hash);
        put32(records_, checksum);
        for (const auto& text : texts) {
            if (!text.empty()) patches_.emplace_back(records_.size(), text);
            put32(records_, 0);
        }
        ++count_;
    }
    std::string section() {
        std::string strings;
        std::map<std::string, uint32_t> at;
        const uint32_t base = 8 + static_cast<uint32_t>(records_.size());
        for (const auto& [patch, text] : patches_) {
            auto [there, fresh] = at.emplace(text, base + strings.size());
            if (fresh) strings += text + '\0';
            std::memcpy(&records_[patch], &there->second, 4);
        }
        std::string out;
        put32(out, count_);
        put32(out, 0);
        return out + records_ + strings + '\0';
    }

  private:
    std::string records_;
    std::vector<std::pair<size_t, std::string>> patches_;
    uint32_t count_ = 0;
};

// Whether the manifests of both sides let this module have a symbol.
void ModuleLink::check_space(const Exports& from, const std::string& symbol) {
    const auto in = from.space_of.find(symbol);
    if (in == from.space_of.end()) return;
    const std::string& space = in->second;
    const std::string whose = from.module + " " + from.version;
    for (const auto& s : from.spaces)
        if (s.name == space && !s.admits(options_.name)) {
            std::fprintf(stderr,
                         "modpost: %s: %s is in namespace %s, which %s gives to %s only: do "
                         "without it, or have %s added there\n",
                         options_.name.c_str(), demangle(symbol).c_str(), space.c_str(),
                         whose.c_str(), s.importers.c_str(), options_.name.c_str());
            failed_ = true;
            return;
        }
    for (const auto& imported : modinfo_values(file_.content(".modinfo"), "import_ns"))
        if (covers(imported, space)) return;
    std::fprintf(stderr,
                 "modpost: %s: %s exports %s in namespace %s: say .imports = {\"%s\"} in "
                 "TENON_MODULE()\n",
                 options_.name.c_str(), whose.c_str(), demangle(symbol).c_str(), space.c_str(),
                 space.c_str());
    failed_ = true;
}

std::string ModuleLink::imports() {
    Records records;
    for (const Symbol& s : file_.symbols()) {
        if (!s.undefined() || s.name.empty()) continue;
        const Exports* from = nullptr;
        for (const auto& list : lists_)
            if (list.symbols.contains(s.name)) from = &list;
        if (from == nullptr) {
            if (s.weak()) continue;
            std::fprintf(stderr, "modpost: %s: nobody exports %s\n    (%s)\n",
                         options_.name.c_str(), demangle(s.name).c_str(), s.name.c_str());
            failed_ = true;
            continue;
        }
        check_space(*from, s.name);
        const bool core = from->module == "core";
        if (!core) depends_.insert(from->module);
        const auto space = from->space_of.find(s.name);
        records.add(hash64(s.name), from->symbols.at(s.name),
                    {core ? "" : from->module, space == from->space_of.end() ? "" : space->second,
                     demangle(s.name)});
    }
    return records.section();
}

std::string ModuleLink::exports() {
    Records records;
    bool any = false;
    for (const Symbol& s : file_.symbols()) any |= s.exported();
    Exports list;
    if (any) {
        TypeGraph types(options_.full);
        list = collect_exports(file_, types);
        for (const auto& [name, hash] : types.shallow_hashes()) {
            bool known = false;
            for (const auto& other : lists_) known |= other.types.contains(name);
            if (!known) list.types.emplace(name, hash);
        }
        for (const Symbol& s : file_.symbols()) {
            if (!s.exported()) continue;
            const auto space = list.space_of.find(s.name);
            records.add(hash64(s.name), list.symbols.at(s.name),
                        {"", space == list.space_of.end() ? "" : space->second, ""});
            exported_.push_back(s.name);
        }
    }
    list.module = options_.name;
    list.version = modinfo_value(file_.content(".modinfo"), "version");
    list.write(options_.exports);
    return records.section();
}

std::string ModuleLink::modinfo() {
    std::string info = file_.content(".modinfo");
    if (info.empty()) die(options_.name + ": no TENON_MODULE() in its sources");
    const std::string own = modinfo_value(info, "name");
    if (own != options_.name)
        die("tenon_add_module(" + options_.name + "): its manifest says the name is " + own);
    for (size_t at = 0; at < info.size(); at += std::strlen(&info[at]) + 1)
        if (info.compare(at, 9, "requires=") == 0) {
            const std::string need = &info[at + 9];
            depends_.insert(need.substr(0, need.find_first_of("<>= ")));
        }
    std::string list;
    for (const auto& d : depends_) list += (list.empty() ? "" : ",") + d;
    return info + "depends=" + list + '\0';
}

// For stack traces: the readable name of each function and object, in the order of the symbols.
std::string ModuleLink::trace_names() {
    std::string out;
    for (const Symbol& s : file_.symbols()) {
        const int type = ELF64_ST_TYPE(s.raw.st_info);
        if (s.undefined() || s.name.empty() || (type != STT_FUNC && type != STT_OBJECT)) continue;
        out += readable(s.name.c_str()) + '\0';
    }
    return out;
}

// Structures that this module's sources saw otherwise than the kernel was built.
void ModuleLink::check_types(const std::vector<Exports>& lists) {
    TypeGraph types(options_.full);
    const auto mine = types.shallow_hashes();
    for (const auto& list : lists)
        for (const auto& [name, hash] : list.types) {
            const auto there = mine.find(name);
            if (there == mine.end() || there->second == hash) continue;
            std::fprintf(stderr,
                         "modpost: %s: type %s is %08x here, %s was built with %08x: its header "
                         "was changed\n",
                         options_.name.c_str(), name.c_str(), there->second, list.module.c_str(),
                         hash);
            failed_ = true;
        }
}

int ModuleLink::run() {
    for (const auto& path : options_.uses) lists_.push_back(Exports::read(path));
    refuse_sections();
    std::vector<ElfFile::NewSection> sections;
    sections.push_back({".tenon.imports", imports(), 8});
    if (options_.check_types) check_types(lists_);
    if (failed_) return 1;
    sections.push_back({".tenon.exports", exports(), 8});
    sections.push_back({".modinfo", modinfo(), 1});
    sections.push_back({".tenon.trace", trace_names(), 1});
    std::string abi;
    put32(abi, headers_checksum(options_.headers));
    sections.push_back({".tenon.abi", abi, 4});
    if (!exported_.empty()) {
        std::string names, markers;
        for (const auto& e : exported_) {
            names += e + '\0';
            markers += "__ksymtab_" + e + '\0';
        }
        sections.push_back({"__ksymtab_strings", names, 1});
        sections.push_back({".tenon.ksymtab", markers, 1});
    }
    file_.write_with(options_.out, sections);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    if (options.mode == "core") return run_core(options);
    if (options.mode == "module") return ModuleLink(options).run();
    die("unknown mode " + options.mode);
}
